// What a workspace shows by itself, and what an address changes of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  folded,
  moved,
  searched,
  sectionsOf,
  withNewPanel,
  withoutPanel,
  withPanel,
} from "../../controller/dashboard/static/js/workspace/layout.js";
import { drawn, turned } from "../../controller/dashboard/static/js/workspace/run_choice.js";

const key = (name, kind = "number", type = "") => ({ name, kind, type, runs: 1 });
const LOGGED = {
  total: 9,
  keys: [
    key("_runtime"),
    key("loss"),
    key("roc"),
    key("roc_table", "map", "table-file"),
    key("secret/x"),
    key("text", "string"),
    key("train/acc"),
    key("train/loss"),
    key("val/image", "map", "image-file"),
    key("weights", "map", "histogram"),
    key("cat", "map", "image-file"),
  ],
  metrics: { "secret/*": { hidden: true } },
  charts: { roc: { spec: "wandb/line/v0", fields: {}, texts: {}, table: "roc_table" } },
};
const shape = (sections) =>
  Object.fromEntries(
    sections.map(({ name, panels }) => [name, panels.map(({ id, type }) => `${id}:${type}`)]),
  );

test("panels come of what was logged, in sections by prefix", () => {
  assert.deepEqual(shape(sectionsOf(LOGGED, {})), {
    Charts: ["loss:line", "weights:histogram"],
    train: ["train/acc:line", "train/loss:line"],
    val: ["val/image:media"],
    "Custom Charts": ["roc:chart"],
    Media: ["cat:media"],
  });
});

test("panels are moved, also to another section, removed, added, and named", () => {
  let view = moved({}, sectionsOf(LOGGED, {}), "train/loss", "train", "train/acc");
  assert.deepEqual(shape(sectionsOf(LOGGED, view)).train, ["train/loss:line", "train/acc:line"]);
  view = moved(view, sectionsOf(LOGGED, view), "loss", "train", null);
  assert.deepEqual(shape(sectionsOf(LOGGED, view)).train.at(-1), "loss:line");
  view = withoutPanel(view, "train/acc");
  view = withNewPanel(view, { type: "scatter", keys: ["config.lr", "summary.loss"] });
  view = withNewPanel(view, { type: "bar", keys: ["summary.loss"], title: "Last" });
  const sections = sectionsOf(LOGGED, view);
  assert.deepEqual(shape(sections).Charts, ["weights:histogram", "+1:scatter", "+2:bar"]);
  assert.deepEqual(shape(sections).train, ["train/loss:line", "loss:line"]);
  assert.deepEqual(
    sections[0].panels.map(({ title }) => title),
    ["weights", "config.lr, summary.loss", "Last"],
  );
  assert.deepEqual(withoutPanel(withPanel({}, "+1", { type: "bar", keys: ["a"] }), "+1"), {});
});

test("what says nothing is not in the address", () => {
  assert.deepEqual(withPanel(withPanel({}, "loss", { tall: 300 }), "loss", { tall: undefined }), {
    panels: { loss: {} },
  });
  assert.deepEqual(folded(folded({}, "train", false), "train", true), { opened: ["train"] });
});

test("of thousands of panels only the first sections are open", () => {
  const keys = Array.from({ length: 5000 }, (_, i) => key(`layer${i % 100}/m${i}`));
  const began = performance.now();
  const sections = sectionsOf({ ...LOGGED, keys, charts: {} }, {});
  assert.ok(performance.now() - began < 500);
  assert.equal(sections.length, 100);
  assert.deepEqual(
    sections.slice(0, 3).map(({ name, open }) => [name, open]),
    [
      ["layer0", true],
      ["layer1", false],
      ["layer2", false],
    ],
  );
  assert.equal(searched(sections, "layer7/m[12]07$").flatMap(({ panels }) => panels).length, 2);
  assert.equal(searched(sections, "(").length, 0, "half a regular expression is a text");
});

test("the newest runs are drawn, but those that were hidden, and others that were shown", () => {
  const ids = Array.from({ length: 30 }, (_, i) => `r${i}`);
  const choice = { count: 10, hidden: ["r3"], shown: ["r20"], pinned: [] };
  const found = drawn(ids, choice);
  assert.ok(found.size === 10 && !found.has("r3") && found.has("r20") && !found.has("r10"));
  assert.deepEqual(turned(ids, choice, "r3", true), { hidden: [], shown: ["r20"] });
  assert.deepEqual(turned(ids, choice, "r20", false), { hidden: ["r3"], shown: [] });
  assert.deepEqual(turned(ids, choice, "r25", true), { hidden: ["r3"], shown: ["r20", "r25"] });
});

test("what a machine did stands by what was measured", () => {
  const names = ["gpu.0.memory", "disk./.usagePercent", "proc.cpu.threads", "cpu.machine", "odd"];
  const keys = names.map((name) => ({ name: `system.${name}`, kind: "number", type: "", runs: 1 }));
  const sections = sectionsOf({ keys, total: 5, charts: {}, metrics: {} }, {});
  assert.deepEqual(
    sections.map(({ name }) => name),
    ["CPU", "Disk", "GPU", "Process", "System"],
  );
});
