// What is drawn of curves: gaps, lone points, columns of pixels; and ranges, ticks, groups.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  axis,
  drawCurves,
  pixel,
  valueAt,
} from "../../controller/dashboard/static/js/charts/curves.js";
import { combined } from "../../controller/dashboard/static/js/charts/groups.js";
import { pointAt } from "../../controller/dashboard/static/js/charts/pointing.js";
import { xRange, yRange } from "../../controller/dashboard/static/js/charts/ranges.js";
import {
  logTicks,
  secondsText,
  tickText,
  timeTexts,
} from "../../controller/dashboard/static/js/charts/ticks.js";
import { SvgPen } from "../../controller/dashboard/static/js/charts/vectors.js";

const { NaN: GAP, POSITIVE_INFINITY: INFINITE } = Number;
const VIEW = {
  x: axis(false, 0, 100, 0, 100),
  y: axis(false, 0, 10, 100, 0),
  left: 0,
  right: 100,
  ratio: 1,
};
const curve = (x, y, more = {}) => ({
  id: "a",
  label: "a",
  color: "#123456",
  x: Float64Array.from(x),
  y: Float64Array.from(y),
  ...more,
});

function drawn(...curves) {
  const pen = new SvgPen();
  drawCurves(pen, curves, VIEW);
  return pen.finished();
}

test("NaN and infinity leave gaps, and a point between two gaps is a dot", () => {
  const markup = drawn(curve([0, 10, 20, 30, 40, 50], [1, 2, GAP, 3, INFINITE, 4]));
  assert.match(markup, /d="M0 90L10 80M30 70M50 60"/);
  assert.equal(markup.match(/<path[^>]*fill="#123456"/g).length, 2);
});

test("a single point is visible", () => {
  assert.match(drawn(curve([50], [5])), /fill="#123456"/);
});

test("points of one column of pixels become its extremes", () => {
  const x = Array.from({ length: 1000 }, (_, i) => i / 100);
  const y = x.map((_, i) => (i === 333 ? 9 : i === 334 ? 1 : 5));
  const markup = drawn(curve(x, y));
  assert.ok(markup.length < 1500, `${markup.length}`);
  assert.match(markup, /3 10L3 90/);
});

test("a band is filled between its edges, apart where it has a gap", () => {
  const markup = drawn(
    curve([0, 1, 2, 3], [1, 1, 1, 1], {
      low: Float64Array.of(0, 0, GAP, 0),
      high: Float64Array.of(2, 2, 2, 2),
    }),
  );
  assert.equal(markup.match(/fill-opacity/g).length, 2);
});

test("pixels and values are each other's inverse, also on logarithmic axes", () => {
  for (const scale of [axis(false, -5, 5, 0, 300), axis(true, 1e-3, 1e3, 300, 0)])
    for (const px of [0, 17, 150, 299])
      assert.ok(Math.abs(pixel(scale, valueAt(scale, px)) - px) < 1e-6);
  assert.ok(Number.isNaN(pixel(axis(true, 1, 10, 0, 1), 0)));
});

test("ranges hold what there is; without outliers what lies within the percentiles", () => {
  const x = Array.from({ length: 201 }, (_, i) => i);
  const spiky = curve(
    x,
    x.map((i) => (i === 100 ? 1e6 : 1 + (i % 10))),
  );
  assert.deepEqual(xRange([spiky], false), [0, 200]);
  assert.ok(yRange([spiky], [0, 200], { log: false, outliers: false })[1] > 1e6);
  const [low, high] = yRange([spiky], [0, 200], { log: false, outliers: true });
  assert.ok(low < 1.1 && high < 12);
  assert.ok(yRange([spiky], [0, 50], { log: false, outliers: false })[1] < 11);
  assert.deepEqual(yRange([], [0, 1], { log: true, outliers: false }), [0.1, 1]);
});

test("ticks can be told apart, and are short", () => {
  assert.deepEqual(
    [0, 0.25, 0.5].map((each) => tickText(each, 0.25)),
    ["0", "0.25", "0.5"],
  );
  assert.deepEqual(
    [0, 500, 1500].map((each) => tickText(each, 500)),
    ["0", "500", "1.5k"],
  );
  assert.equal(tickText(12_000_000, 2_000_000), "12M");
  assert.equal(tickText(0.00002, 0.00001), "2e-5");
  assert.equal(tickText(1.0001, 0.0001), "1.0001");
  assert.equal(secondsText(5400, 1800), "1h 30m");
  assert.deepEqual(logTicks(0.01, 100, 5), [0.01, 0.1, 1, 10, 100]);
  assert.deepEqual(logTicks(2, 5, 4), [2, 3, 4, 5]);
});

test("the date stands below the first time, and where it is another", () => {
  const midnight = new Date(2025, 5, 16).getTime() / 1000;
  assert.deepEqual(timeTexts([midnight - 3600, midnight - 1800, midnight], 1800), [
    "23:00\n2025-06-15",
    "23:30",
    "00:00\n2025-06-16",
  ]);
  assert.deepEqual(timeTexts([midnight], 86400), ["2025-06-16"]);
  assert.match(timeTexts([midnight + 5], 5)[0], /^00:00:05/);
});

test("a pointer finds the nearest point of each curve, and the nearest curve", () => {
  const rising = curve([0, 10, 20, 30], [0, 1, GAP, 3], { id: "rising" });
  const other = curve([0, 12, 24], [9, 8, 7], { id: "other" });
  const reading = pointAt([rising, other], 11, 88, VIEW);
  assert.deepEqual(
    reading.items.map(({ id, x, y }) => [id, x, y]),
    [
      ["other", 12, 8],
      ["rising", 10, 1],
    ],
  );
  assert.equal(reading.nearest, "rising");
  assert.deepEqual(pointAt([rising, other], 80, 0, VIEW).items, [], "beyond both ends");
});

test("a group is the mean of its curves where each is there, with the band asked for", () => {
  const one = { x: Float64Array.of(0, 2), y: Float64Array.of(0, 4) };
  const two = { x: Float64Array.of(0, 1, 2, 3), y: Float64Array.of(2, 4, GAP, 8) };
  const found = combined([one, two], "mean", "minmax");
  assert.deepEqual([...found.x], [0, 1, 2, 3]);
  assert.deepEqual([...found.y], [1, 3, 5, 8]);
  assert.deepEqual([...found.low], [0, 2, 4, 8]);
  assert.deepEqual([...found.high], [2, 4, 6, 8]);
  const spread = combined([one, two], "median", "stderr");
  assert.ok(Math.abs(spread.high[0] - (1 + Math.SQRT2 / Math.sqrt(2))) < 1e-12);
});
