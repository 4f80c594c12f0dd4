// What differs between runs, which is best, and how far each is from a baseline.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  best,
  delta,
  differences,
  goals,
  packages,
} from "../../controller/dashboard/static/js/compare/differences.js";
import { about, origin } from "../../controller/dashboard/static/js/compare/facts.js";

test("nested documents differ by their leaves, in the order of their names", () => {
  const rows = differences([
    { lr: 0.1, model: { layers: 2, width: 8 }, layer10: 1, layer9: 1, tags: ["a"] },
    { lr: 0.1, model: { layers: 3 }, layer10: 1, layer9: 1, tags: ["a"] },
  ]);
  assert.deepEqual(
    rows.map(({ name, differs }) => [name, differs]),
    [
      ["layer9", false],
      ["layer10", false],
      ["lr", false],
      ["model.layers", true],
      ["model.width", true],
      ["tags", false],
    ],
  );
  assert.deepEqual(rows[4].values, [8, undefined]);
  const given = differences([{ b: 1 }, { a: 1 }], undefined, { asGiven: true });
  assert.deepEqual(
    given.map(({ name }) => name),
    ["b", "a"],
  );
});

test("media are in one piece, and what clients keep for themselves is left out", () => {
  const picture = { _type: "image-file", path: "a.png", size: 3 };
  const [row, ...others] = differences([{ picture, _wandb: { x: 1 } }]);
  assert.deepEqual([row.name, row.values, others], ["picture", ["[image-file]"], []]);
});

test("the best is marked where a goal is known", () => {
  assert.deepEqual([...best([3, 1, 1, "NaN"], "minimize")], [1, 2]);
  assert.deepEqual([...best([3, undefined, 7], "maximize")], [2]);
  assert.equal(best([3, 1], null).size, 0);
  assert.equal(best([1, 1], "minimize").size, 0);
  assert.equal(best([1, undefined], "minimize").size, 0);
});

test("goals come from the runs' definitions, then from their sweeps", () => {
  const runs = [{ metrics: { "test/*": { goal: "maximize" }, loss: { summary: { min: true } } } }];
  const goalOf = goals(runs, [{ name: "loss", goal: "minimize" }]);
  assert.equal(goalOf("test/acc"), "maximize");
  assert.equal(goalOf("test/acc.max"), "maximize");
  assert.equal(goalOf("loss"), "minimize");
  assert.equal(goalOf("other"), null);
});

test("distances to the baseline", () => {
  assert.deepEqual(delta(0.5, 0.4, "maximize")?.better, true);
  assert.deepEqual(delta(0.5, 0.4, "minimize")?.better, false);
  assert.deepEqual(delta(3, -2, null), { by: 5, part: 2.5, better: null });
  assert.equal(delta(3, 0, null)?.part, null);
  assert.equal(delta(1, 1, null), null);
  assert.equal(delta("x", 1, null), null);
});

test("lists of packages", () => {
  assert.deepEqual(packages("# made by pip\nNumPy==1.26\n\n-e git+x\n"), {
    numpy: "1.26",
    "-e git+x": "",
  });
});

test("facts of a run leave out what is not there", () => {
  const run = {
    id: "a",
    state: "finished",
    created: 0,
    started: 10,
    ended: 70,
    metadata: { program: "t.py", args: ["--lr", "1"], tags: [], host: "h", name: "n" },
  };
  assert.equal(about(run).Runtime, "1m 0s");
  assert.equal("Tags" in about(run), false);
  assert.deepEqual(origin(run), { command: "t.py --lr 1", host: "h" });
});

test("names that every object has are names like others", () => {
  const found = differences([
    { constructor: 1, toString: 2 },
    { a: 1 },
    JSON.parse('{"__proto__": 3}'),
  ]);
  const values = Object.fromEntries(found.map((each) => [`of ${each.name}`, each.values]));
  assert.deepEqual(values["of constructor"], [1, undefined, undefined]);
  assert.deepEqual(values["of toString"], [2, undefined, undefined]);
  assert.deepEqual(values["of __proto__"], [undefined, undefined, 3]);
});
