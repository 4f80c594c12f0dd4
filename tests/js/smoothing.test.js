// Smoothing means what it means at W&B: by distance along x, from point to point, by a bell.
import assert from "node:assert/strict";
import { test } from "node:test";
import { smooth } from "../../controller/dashboard/static/js/charts/smoothing.js";

const X = Float64Array.from({ length: 50 }, (_, i) => i);
const NOISE = X.map((i) => Math.sin(i * 12.9898) * 3 + i / 10);
const near = (found, wanted) => assert.ok(Math.abs(found - wanted) < 1e-9, `${found} ${wanted}`);

test("nothing is done where nothing is asked for", () => {
  assert.equal(smooth(X, NOISE, { kind: "none", amount: 0.9 }), NOISE);
  assert.equal(smooth(X, NOISE, { kind: "ema", amount: 0 }), NOISE);
});

test("the running EMA is that of TensorBoard, without the zero it begins with", () => {
  const found = smooth(X, NOISE, { kind: "ema", amount: 0.6 });
  near(found[0], NOISE[0]);
  near(found[1], (0.6 * NOISE[0] + NOISE[1]) / 1.6);
  near(found[2], (0.36 * NOISE[0] + 0.6 * NOISE[1] + NOISE[2]) / 1.96);
});

test("the time weighted EMA depends on distance, not on how many points lie between", () => {
  const dense = Float64Array.from({ length: 1001 }, (_, i) => i);
  const step = (x) => (x < 500 ? 0 : 1);
  const all = smooth(dense, dense.map(step), { kind: "time-ema", amount: 0.9801 }, 1000);
  const few = dense.filter((i) => i % 10 === 0);
  const thinned = smooth(few, few.map(step), { kind: "time-ema", amount: 0.9801 }, 1000);
  // The weight of the square root counts once in each thousandth of the axis.
  near(all[501], (0.99 + 1) / sum((i) => 0.99 ** i, 502));
  for (const at of [550, 600, 700, 900])
    assert.ok(Math.abs(all[at] - thinned[at / 10]) < 0.06, `at ${at}`);
});

test("every kind keeps a constant as it is, and gaps as gaps", () => {
  const gappy = X.map((i) => (i === 20 ? Number.NaN : i === 30 ? Number.POSITIVE_INFINITY : 7));
  for (const [kind, amount] of [
    ["time-ema", 0.9],
    ["ema", 0.9],
    ["gaussian", 4],
    ["average", 9],
  ]) {
    const found = smooth(X, gappy, { kind, amount });
    assert.ok(Number.isNaN(found[20]) && found[30] === Number.POSITIVE_INFINITY, kind);
    for (const i of [0, 19, 21, 31, 49]) near(found[i], 7);
  }
});

test("the Gaussian is as it is weighed by hand, and sees both sides", () => {
  const spike = X.map((i) => (i === 25 ? 1 : 0));
  const found = smooth(X, spike, { kind: "gaussian", amount: 2 });
  const weights = sum((i) => Math.exp(-0.5 * ((i - 6) / 2) ** 2), 13);
  near(found[25], 1 / weights);
  near(found[23], Math.exp(-0.5) / weights);
  assert.equal(found[23], found[27]);
});

test("the running average is the mean of the points around", () => {
  const found = smooth(X, X, { kind: "average", amount: 5 });
  near(found[0], 1);
  near(found[25], 25);
});

function sum(of, count) {
  return Array.from({ length: count }, (_, i) => of(i)).reduce((a, b) => a + b);
}
