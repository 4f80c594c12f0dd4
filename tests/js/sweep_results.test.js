// What trials came to: best so far, Pareto fronts, colours, curves, axes, surfaces.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isolines, surface } from "../../controller/dashboard/static/js/charts/surface.js";
import {
  byIteration,
  byRun,
  keysOf,
  rungsWithin,
} from "../../controller/dashboard/static/js/sweep/curves_data.js";
import { arranged, axesOf } from "../../controller/dashboard/static/js/sweep/parameters.js";
import {
  bestOf,
  bestSoFar,
  front,
  isRaised,
  measuredOf,
  objectivesOf,
  secondResult,
  telling,
  tooFew,
  worthACurve,
} from "../../controller/dashboard/static/js/sweep/results.js";

const none = Number.NaN;

test("the best so far gets better only, in the order of x, and goes on to the end", () => {
  const line = bestSoFar([3, 1, 2, 4, 5], [0.5, 0.9, none, 0.7, 0.4], false);
  assert.deepEqual(line, { x: [1, 3, 5], y: [0.9, 0.5, 0.4] });
  assert.deepEqual(bestSoFar([1, 2, 3], [0.5, 0.9, 0.7], true), {
    x: [1, 2, 3],
    y: [0.5, 0.9, 0.9],
  });
  assert.deepEqual(bestSoFar([], [], true), { x: [], y: [] });
  assert.equal(bestOf([none, 2, 3, 3], true), 2);
  assert.equal(bestOf([none], true), -1);
});

test("the front is what no other point beats in both", () => {
  const x = [1, 2, 3, 2, none, 1];
  const y = [5, 3, 1, 4, 0, 6];
  assert.deepEqual(front(x, y, false, false), [0, 1, 2]);
  assert.deepEqual(front(x, y, true, true), [5, 3, 2]);
  assert.deepEqual(front([1, 1, 1], [2, 2, 3], false, false), [0]);
});

test("what is weighed first is a result, not any number", () => {
  const names = ["epoch", "lr", "train_loss", "val.loss", "val.loss.best", "zoom"];
  assert.equal(secondResult(names, "val.loss"), "train_loss");
  assert.equal(secondResult(["epoch", "val.loss.best", "width"], "val.loss"), "width");
  assert.equal(secondResult(["alpha", "step_time"], "loss"), "step_time");
  assert.equal(secondResult(["epoch"], "loss"), "epoch");
  assert.equal(secondResult([], "loss"), undefined);
  assert.deepEqual(["val/acc", "accuracy", "F1", "latency", "loss"].map(isRaised), [
    true,
    true,
    true,
    false,
    false,
  ]);
});

test("what the file's metrics weigh comes first", () => {
  const sweep = {
    metric: { name: "acc", goal: "maximize" },
    metrics: [
      { name: "gb", goal: null, at_most: 3, at_least: null },
      { name: "acc", goal: null, at_most: null, at_least: 0.1 },
      { name: "fps", goal: "maximize", at_most: null, at_least: null },
    ],
  };
  assert.deepEqual(
    objectivesOf(sweep).map((each) => each.name),
    ["fps"],
  );
  assert.deepEqual(measuredOf(sweep), ["gb", "fps"]);
  assert.deepEqual(measuredOf({ metric: null }), []);
});

test("too few trials: what is said knows whether more will come, and how many there are", () => {
  const few = { trials: 6, needs: 10 };
  assert.equal(tooFew(few, 8, false).title, "Needs 8 more trials");
  assert.match(tooFew(few, 8, false).why, /^8 ended with a value so far; with fewer than 16 /);
  assert.equal(tooFew(few, 15, false).title, "Needs 1 more trial");
  assert.equal(tooFew(few, 15, true).title, "Too few trials (15) to say; 16 are needed");
  assert.equal(tooFew(few, 16, true).title, "");
});

test("colours are spent on all but the worst tenth", () => {
  const losses = [...Array.from({ length: 10 }, (_, i) => i), 1e12];
  assert.deepEqual(telling(losses, false), [0, 9]);
  assert.deepEqual(telling([none], true), null);
});

test("curves: those picked, the best, those that run, and a sample of the others", () => {
  const count = 1000;
  const trials = /** @type {any} */ ({
    count,
    numbers: Array.from({ length: count }, (_, i) => i + 1),
    states: Array.from({ length: count }, (_, i) => (i >= 990 ? "running" : "finished")),
    objectives: Float64Array.from({ length: count }, (_, i) => (i >= 990 ? none : i)),
  });
  const shown = worthACurve(trials, null, [500], true, 50);
  assert.equal(shown.at.length, 50);
  assert.ok(shown.at.includes(499));
  assert.ok([989, 988, 970].every((i) => shown.at.includes(i)));
  assert.equal(shown.running, 10);
  assert.equal(shown.of, 1000);
  assert.ok(shown.at.some((i) => i < 100) && shown.at.some((i) => i > 300 && i < 400));
  const few = worthACurve(
    trials,
    Uint8Array.from({ length: count }, (_, i) => (i < 5 ? 1 : 0)),
    [],
    true,
    50,
  );
  assert.deepEqual(few.at, [0, 1, 2, 3, 4]);
});

test("iterations count finite values, as the rules do", () => {
  const series = /** @type {any} */ ({
    run: "s-1",
    x: Float64Array.of(0, 5, 6, 9),
    y: Float64Array.of(1, none, 2, 3),
    bin: 1,
  });
  const { x, y } = byIteration(series);
  assert.deepEqual([...x], [1, 2, 3]);
  assert.deepEqual([...y], [1, 2, 3]);
  assert.equal(byIteration(series), byIteration(series));
  assert.deepEqual(keysOf("val.loss"), ["val.loss", "val/loss"]);
  assert.deepEqual(keysOf("loss"), ["loss"]);
  const empty = /** @type {any} */ ({ run: "s-1", x: new Float64Array(), y: new Float64Array() });
  assert.equal(byRun([empty, series]).get("s-1"), series);
  assert.equal(byRun([series, empty]).get("s-1"), series);
  assert.deepEqual(rungsWithin([3, 9, 27, 81], 20), [3, 9, 27]);
  assert.deepEqual(rungsWithin([3, 9, 27, 81], 12), [3, 9]);
});

const parameter = (name, more = {}) => ({
  ...{ name, kind: "number", log: false, whole: false, low: null, high: null, values: null },
  ...more,
});

test("axes: what varies, with the space's bounds and orders", () => {
  const space = /** @type {any} */ ({
    parameters: [
      parameter("lr", { log: true, low: 1e-4, high: 0.1 }),
      parameter("optimizer", { kind: "category", values: ["sgd", "adam"] }),
      parameter("momentum", { low: 0, high: 1 }),
      parameter("seed", { kind: "constant", values: [3] }),
    ],
  });
  const trials = /** @type {any} */ ({
    params: {
      lr: [0.01, 0.5, 0.001],
      optimizer: ["adam", "sgd", "lion"],
      momentum: [0.5, null, null],
      seed: [3, 3, 3],
      left: [1, 2, 3],
    },
  });
  const axes = axesOf(space, trials);
  assert.deepEqual(
    axes.map((axis) => axis.name),
    ["lr", "optimizer", "momentum", "left"],
  );
  const [lr, optimizer, momentum] = axes;
  assert.deepEqual([lr.scale.kind, lr.scale.low, lr.scale.high], ["log", 1e-4, 0.5]);
  assert.deepEqual(
    optimizer.scale.ticks(9).map((tick) => tick.label),
    ["sgd", "adam", "lion"],
  );
  assert.deepEqual([momentum.scale.low, momentum.scale.high], [0, 1]);
  assert.ok(Number.isNaN(momentum.scale.place(momentum.values[1])));
  const again = axesOf(space, trials);
  assert.ok(again.every((axis, i) => axis === axes[i])); // nothing is made anew
  const names = arranged(axes, ["left", "lr"], ["momentum"]).map((axis) => axis.name);
  assert.deepEqual(names, ["left", "lr", "optimizer"]);
});

test("a surface follows its points, and stays open where there are none", () => {
  const x = [];
  const y = [];
  const z = [];
  for (let i = 0; i < 100; i++) {
    x.push((i % 10) / 20);
    y.push(Math.floor(i / 10) / 10);
    z.push((i % 10) / 20);
  }
  const grid = /** @type {any} */ (surface(x, y, z, 20, 20));
  const at = (/** @type {number} */ column) => grid.values[10 * 20 + column];
  assert.ok(at(2) < at(5) && at(5) < at(8));
  assert.ok(Math.abs(at(5) - 0.275) < 0.05);
  assert.ok(Number.isNaN(at(19)));
  assert.equal(surface([0.1], [0.1], [1], 4, 4), null);
  // Of categories one says nothing of the next.
  const rows = y.map((value) => (value < 0.5 ? 0.25 : 0.75));
  const two = /** @type {any} */ (surface(x, rows, rows, 20, 2, { rows: true }));
  assert.ok(Math.abs(two.values[5] - 0.25) < 1e-9);
  assert.ok(Math.abs(two.values[25] - 0.75) < 1e-9);
  const line = isolines(grid, 0.25);
  assert.ok(line.length > 5);
  assert.ok(line.every(([x0, , x1]) => Math.abs(x0 - 0.25) < 0.1 && Math.abs(x1 - 0.25) < 0.1));
});
