// Brushes: several spans on an axis, what they let through, and which lines are drawn meanwhile.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  dragged,
  grip,
  merged,
  moved,
} from "../../controller/dashboard/static/js/charts/brushes.js";
import {
  drawLines,
  heights,
  lineAt,
  places,
  shaded,
} from "../../controller/dashboard/static/js/charts/parallel_lines.js";
import { category, linear, log } from "../../controller/dashboard/static/js/charts/scales.js";
import {
  brushed,
  countOf,
  holder,
  NONE_CHOSEN,
  picked,
  selected,
} from "../../controller/dashboard/static/js/sweep/selection.js";

const NaN_ = Number.NaN;

test("spans that touch become one, in order", () => {
  assert.deepEqual(
    merged([
      [0.6, 0.8],
      [0.1, 0.3],
      [0.2, 0.4],
    ]),
    [
      [0.1, 0.4],
      [0.6, 0.8],
    ],
  );
});

test("a pointer takes hold of an end, of the whole, or begins anew", () => {
  const spans = [
    [0.2, 0.4],
    [0.6, 0.9],
  ];
  assert.deepEqual(grip(spans, 0.21, 0.02), { part: "low", index: 0 });
  assert.deepEqual(grip(spans, 0.89, 0.02), { part: "high", index: 1 });
  assert.deepEqual(grip(spans, 0.7, 0.02), { part: "whole", index: 1 });
  assert.deepEqual(grip(spans, 0.5, 0.02), { part: "new", index: 2 });
});

test("dragging draws, resizes across, moves within the axis, and joins", () => {
  const spans = [[0.2, 0.4]];
  const drag = (part, from, to) =>
    dragged(spans, { part, index: part === "new" ? 1 : 0 }, from, to);
  assert.deepEqual(drag("new", 0.9, 0.7), [
    [0.2, 0.4],
    [0.7, 0.9],
  ]);
  assert.deepEqual(drag("new", 0.3, 0.5), [[0.2, 0.5]]);
  assert.deepEqual(drag("low", 0.2, 0.6), [[0.4, 0.6]]);
  assert.deepEqual(drag("high", 0.4, 2), [[0.2, 1]]);
  assert.deepEqual(drag("whole", 0.3, -1), [[0, 0.2]]);
});

test("a member of a list is moved", () => {
  assert.deepEqual(moved(["a", "b", "c"], 0, 2), ["b", "c", "a"]);
  assert.deepEqual(moved(["a", "b", "c"], 2, -5), ["c", "a", "b"]);
});

const TRIALS = /** @type {any} */ ({
  count: 4,
  numbers: [1, 2, 3, 4],
  objectives: Float64Array.of(0.1, NaN_, 0.3, 0.4),
  params: { lr: [0.1, 0.01, null, 0.001], optimizer: ["adam", "sgd", undefined, [1, 2]] },
  metrics: { latency: Float64Array.of(5, 6, 7, NaN_) },
});
const passing = (brushes) => [...(selected(TRIALS, { brushes, picked: [] }) ?? [])];

test("brushes on several axes hold at once, ranges on one axis alternatively", () => {
  assert.equal(selected(TRIALS, NONE_CHOSEN), null);
  assert.deepEqual(
    passing({
      lr: [
        [0.05, 1],
        [0, 0.002],
      ],
    }),
    [1, 0, 0, 1],
  );
  assert.deepEqual(passing({ lr: [[0, 1]], objective: [[0.2, 1]] }), [0, 0, 0, 1]);
  assert.deepEqual(passing({ number: [[2, 3]] }), [0, 1, 1, 0]);
  assert.deepEqual(passing({ "metric:latency": [[6, 9]] }), [0, 1, 1, 0]);
});

test("trials without a value are brushed on a rail of their own", () => {
  assert.deepEqual(passing({ lr: [null] }), [0, 0, 1, 0]);
  assert.deepEqual(passing({ objective: [null, [0.35, 1]] }), [0, 1, 0, 1]);
  assert.deepEqual(passing({ optimizer: ["", "adam"] }), [1, 0, 1, 0]);
  assert.deepEqual(passing({ optimizer: ["[1,2]"] }), [0, 0, 0, 1]);
  assert.equal(holder([[0, 1]])(null), false);
});

test("an empty brush takes it away; a pick again lets go", () => {
  const one = brushed(NONE_CHOSEN, "lr", [[0, 1]]);
  assert.deepEqual(one.brushes, { lr: [[0, 1]] });
  assert.deepEqual(brushed(one, "lr", []), NONE_CHOSEN);
  assert.equal(countOf(Uint8Array.of(1, 0, 1)), 2);
  const pick = picked(NONE_CHOSEN, 7);
  assert.deepEqual(pick.picked, [7]);
  assert.deepEqual(picked(pick, 8).picked, [8]);
  assert.deepEqual(picked(pick, 8, true).picked, [7, 8]);
  assert.deepEqual(picked(pick, 7).picked, []);
});

const PLOT = { left: 0, top: 10, width: 200, height: 100, rail: 130 };

test("lines run through their values, those without one along the rail", () => {
  const lr = heights({ name: "lr", scale: log(0.001, 0.1), values: [0.1, 0.001, null] }, 3, PLOT);
  assert.deepEqual([...lr], [10, 110, 130]);
  const flipped = { name: "x", scale: linear(0, 1), values: [0, 1], flipped: true };
  assert.deepEqual([...heights(flipped, 2, PLOT)], [10, 110]);
  const kinds = { name: "k", scale: category(["a", "b"]), values: ["a", "b", "a", "b"] };
  const ys = heights(kinds, 4, PLOT);
  assert.ok(ys[0] > 60 && ys[2] > 60 && ys[1] < 60 && ys[3] < 60);
  assert.notEqual(ys[0], ys[2]); // side by side
  assert.deepEqual(places(3, PLOT), [0, 100, 200]);
});

test("the line under the pointer is found between axes, among those that count", () => {
  const ys = [Float32Array.of(10, 110), Float32Array.of(110, 10)];
  assert.equal(lineAt([0, 200], ys, null, 50, 36, 5), 0);
  assert.equal(lineAt([0, 200], ys, null, 50, 84, 5), 1);
  assert.equal(lineAt([0, 200], ys, Uint8Array.of(0, 1), 50, 36, 5), -1);
});

test("while a brush is dragged a fair sample is drawn, always the same one", () => {
  const count = 5000;
  const parts = Float64Array.from({ length: count }, (_, i) => (i % 100) / 99);
  const lines = shaded(parts, false);
  const ys = [new Float32Array(count), new Float32Array(count).map((_, i) => i)];
  const draw = (/** @type {Uint8Array | null} */ passes, /** @type {number} */ most) => {
    /** @type {number[]} */
    const drawn = [];
    const context = {
      beginPath() {},
      stroke() {},
      moveTo() {},
      lineTo: (/** @type {number} */ _, /** @type {number} */ y) => drawn.push(y),
    };
    const how = { alpha: 1, ratio: 1, none: "grey", most };
    assert.equal(drawLines(context, [0, 1], ys, lines, passes, how), drawn.length);
    return drawn;
  };
  assert.equal(draw(null, Number.POSITIVE_INFINITY).length, count);
  const some = draw(null, 500);
  assert.ok(Math.abs(some.length - 500) <= 1);
  assert.deepEqual(draw(null, 500), some);
  const high = some.filter((i) => parts[i] > 0.5).length;
  assert.ok(high > 230 && high < 270);
  const passes = Uint8Array.from({ length: count }, (_, i) => (i < 100 ? 1 : 0));
  assert.equal(draw(passes, 500).length, 100);
});

test("the most telling lines are drawn last, those without a colour first", () => {
  const { order, shades } = shaded([0.9, NaN_, 0.1], false);
  assert.deepEqual([...order], [1, 2, 0]);
  assert.equal(shades[1], -1);
  assert.deepEqual([...shaded([0.9, NaN_, 0.1], true).order], [1, 0, 2]);
});
