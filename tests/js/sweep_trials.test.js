// All trials of a sweep as columns: what changed is put in, and what a table shows of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  conditionText,
  fieldsOf,
  readConfig,
} from "../../controller/dashboard/static/js/sweep/space_fields.js";
import {
  steadied,
  trialsOf,
  withNews,
} from "../../controller/dashboard/static/js/sweep/trial_columns.js";
import { ordered, reasonText } from "../../controller/dashboard/static/js/sweep/trial_order.js";

const TEXTS = ["state", "reason", "detail", "host", "device", "agent_id", "enqueued"];

/** An answer of the server about trials given as [number, state, objective, lr, more texts]. */
function answer(rows, total = rows.length) {
  const column = (i) => rows.map((row) => row[i] ?? null);
  const coded = (values) => {
    const names = [...new Set(values.filter((each) => each !== null))];
    return { names, at: values.map((each) => names.indexOf(each)) };
  };
  const texts = Object.fromEntries(
    TEXTS.map((name) => [
      name,
      coded(rows.map((row) => (name === "state" ? row[1] : (row[4]?.[name] ?? null)))),
    ]),
  );
  const times = rows.map(() => 1);
  return {
    cursor: 1,
    total,
    whole: true,
    numbers: {
      number: column(0),
      objective: column(2),
      attempts: times,
      created: times,
      started: rows.map((row) => (row[1] === "queued" ? null : 10)),
      ended: rows.map((row) => (row[1] === "finished" ? 10 + row[0] : null)),
      steps: times,
      parent: rows.map((row) => row[4]?.parent ?? null),
    },
    texts,
    values: rows.map((row) => (row[1] === "running" ? 0.5 : null)),
    params: { lr: column(3) },
    metrics: {},
    metric_names: ["loss"],
  };
}

const three = () =>
  trialsOf(
    "abc",
    answer([
      [1, "finished", 0.3, 0.1],
      [2, "running", null, 0.2],
      [3, "failed", null, 0.05, { detail: "it broke", host: "box1" }],
    ]),
  );

test("an answer becomes columns", () => {
  const trials = three();
  assert.deepEqual(trials.ids, ["abc-1", "abc-2", "abc-3"]);
  assert.deepEqual([...trials.objectives], [0.3, Number.NaN, Number.NaN]);
  assert.deepEqual([...trials.values], [Number.NaN, 0.5, Number.NaN]);
  assert.deepEqual(trials.details, [null, null, "it broke"]);
});

test("news takes the place of what was known, and adds what is new", () => {
  const news = trialsOf(
    "abc",
    answer([
      [2, "finished", 0.1, 0.2],
      [4, "queued", null, 0.4, { enqueued: "ann", parent: 2 }],
    ]),
  );
  const trials = withNews(three(), news, 4);
  assert.deepEqual(trials.numbers, [1, 2, 3, 4]);
  assert.deepEqual(trials.states, ["finished", "finished", "failed", "queued"]);
  assert.deepEqual([...trials.objectives], [0.3, 0.1, Number.NaN, Number.NaN]);
  assert.deepEqual([...trials.values].map(Number.isNaN), [true, true, true, true]);
  assert.deepEqual(trials.params.lr, [0.1, 0.2, 0.05, 0.4]);
  assert.deepEqual(trials.enqueued, [null, null, null, "ann"]);
  assert.deepEqual([...trials.parents], [Number.NaN, Number.NaN, Number.NaN, 2]);
  assert.deepEqual(trials.details, [null, null, "it broke", null]);
});

test("a parameter that only new trials have", () => {
  const later = answer([[4, "queued", null, 0.4]]);
  later.params = { lr: [0.4], momentum: [0.9], constructor: [1] };
  const trials = withNews(three(), trialsOf("abc", later), 4);
  assert.deepEqual(trials.params.momentum, [null, null, null, 0.9]);
  assert.deepEqual(trials.params.constructor, [null, null, null, 1]);
  const gone = answer([[4, "queued", null, null]]);
  gone.params = {};
  assert.deepEqual(withNews(three(), trialsOf("abc", gone), 4).params.lr, [0.1, 0.2, 0.05, null]);
});

test("what does not add up is asked for anew", () => {
  const news = trialsOf("abc", answer([[5, "queued", null, 0.4]]));
  assert.equal(withNews(three(), news, 5), null);
  const between = trialsOf("abc", answer([[2, "running", null, 0.4]]));
  const gap = trialsOf(
    "abc",
    answer([
      [1, "finished", 1, 1],
      [3, "finished", 1, 1],
    ]),
  );
  assert.equal(withNews(gap, between, 3), null);
});

test("a table's order: states, words, brushes, one column", () => {
  const trials = three();
  const numbers = (wanted) => ordered(trials, wanted).map((i) => trials.numbers[i]);
  assert.deepEqual(numbers({}), [1, 2, 3]);
  assert.deepEqual(numbers({ states: ["failed", "running"] }), [2, 3]);
  assert.deepEqual(numbers({ search: "box1 broke" }), [3]);
  assert.deepEqual(numbers({ search: "lr=0.2" }), [2]);
  assert.deepEqual(numbers({ passes: Uint8Array.of(1, 0, 1) }), [1, 3]);
  const by = (key, descending) => numbers({ sort: { key, descending }, now: 100 });
  assert.deepEqual(by("number", true), [3, 2, 1]);
  assert.deepEqual(by("param:lr", false), [3, 1, 2]);
  assert.deepEqual(by("objective", false), [1, 2, 3]); // a running one by its newest value
  assert.deepEqual(by("objective", true), [2, 1, 3]); // and without a value last
  assert.deepEqual(by("why", false), [3, 1, 2]);
  assert.deepEqual(by("duration", true), [2, 3, 1]);
});

test("reasons are told where they say more than the state", () => {
  assert.equal(reasonText("out_of_gpu_memory", "failed"), "out of gpu memory");
  assert.equal(reasonText("preempted", "preempted"), "");
  assert.equal(reasonText("ok", "finished"), "");
  assert.equal(reasonText(null, "queued"), "");
});

test("the fields of a space, and a configuration from what was typed", () => {
  const fields = fieldsOf({
    lr: { min: 0.001, max: 0.1 },
    optimizer: { parameters: { name: { values: ["adam", "sgd"] }, nesterov: { value: true } } },
    layers: { values: [1, 2, 4] },
  });
  assert.deepEqual(
    fields.map((field) => [field.name, field.about, field.options]),
    [
      ["lr", "0.001 to 0.1", null],
      ["optimizer.name", "", ["adam", "sgd"]],
      ["optimizer.nesterov", "always true", ["true"]],
      ["layers", "", ["1", "2", "4"]],
    ],
  );
  const typed = { lr: " 1e-2 ", "optimizer.name": "adam", layers: "4", other: "x" };
  assert.deepEqual(readConfig(fields, typed), { lr: 0.01, "optimizer.name": "adam", layers: 4 });
  assert.deepEqual(readConfig(fields, { lr: ".5" }), { lr: 0.5 });
  assert.deepEqual(readConfig(fields, { lr: "a lot" }), { lr: "a lot" }); // the server refuses it
});

test("columns that say the same stay the same objects, whatever is asked for beside them", () => {
  const rows = [
    [1, "finished", 0.5, 0.1],
    [2, "running", null, 0.2],
  ];
  const old = trialsOf("s", answer(rows));
  const same = steadied(old, trialsOf("s", { ...answer(rows), metrics: { latency: [1, 2] } }));
  assert.equal(same.objectives, old.objectives);
  assert.equal(same.params.lr, old.params.lr);
  assert.deepEqual([...same.metrics.latency], [1, 2]);
  rows[1] = [2, "finished", 0.4, 0.2];
  const next = steadied(old, trialsOf("s", answer(rows)));
  assert.deepEqual([...next.objectives], [0.5, 0.4]);
  assert.equal(next.params.lr, old.params.lr);
  const other = trialsOf("t", answer(rows));
  assert.equal(steadied(next, other), other);
});

test("a field says when its parameter is there", () => {
  const [momentum, width] = fieldsOf({
    momentum: { min: 0, max: 1, when: { optimizer: "sgd" } },
    deep: { when: { layers: { min: 3 } }, parameters: { width: { values: [1, 2] } } },
  });
  assert.equal(momentum.about, "0 to 1, only when optimizer is sgd");
  assert.equal(width.about, "only when layers is at least 3");
  assert.equal(
    conditionText({ a: [1, "b"], c: { min: 1, max: 2 }, d: { e: 1 } }),
    'only when a is 1 or b and c is at least 1 and at most 2 and d is {"e":1}',
  );
});
