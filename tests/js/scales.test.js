import assert from "node:assert/strict";
import { test } from "node:test";
import {
  category,
  duration,
  extent,
  fitted,
  linear,
  log,
  short,
  time,
} from "../../controller/dashboard/static/js/charts/scales.js";

const labels = (/** @type {any} */ scale, /** @type {number} */ most) =>
  scale.ticks(most).map((/** @type {any} */ tick) => tick.label);

test("a linear axis has round ticks in their places", () => {
  const scale = linear(0, 10);
  assert.deepEqual(labels(scale, 5), ["0", "2", "4", "6", "8", "10"]);
  assert.equal(scale.ticks(5)[1].at, 0.2);
  assert.equal(scale.place(2.5), 0.25);
  assert.equal(scale.value(0.25), 2.5);
  assert.deepEqual(labels(linear(0.1, 0.3), 4), ["0.1", "0.15", "0.2", "0.25", "0.3"]);
});

test("equal ends still make an axis around the value", () => {
  const scale = linear(3, 3);
  assert.equal(scale.place(3), 0.5);
  assert.ok(labels(scale, 4).includes("3"));
  assert.equal(log(2, 2).place(2), 0.5);
  assert.equal(linear(0, 0).place(0), 0.5);
});

test("a log axis takes decades as steps, and nothing below 0", () => {
  const scale = log(1e-5, 1e-1);
  assert.ok(Math.abs(scale.place(1e-3) - 0.5) < 1e-12);
  assert.ok(Number.isNaN(scale.place(0)));
  assert.ok(Number.isNaN(scale.place(-1)));
  assert.ok(Number.isNaN(scale.place(null)));
  assert.ok(Math.abs(scale.value(0.25) - 1e-4) < 1e-12);
  assert.equal(scale.ticks(5).length, 5);
});

test("categories lie in the middle of equal bands", () => {
  const scale = category(["adam", "sgd"]);
  assert.equal(scale.place("adam"), 0.25);
  assert.equal(scale.place("sgd"), 0.75);
  assert.ok(Number.isNaN(scale.place("lion")));
  assert.equal(scale.value(0.9), 1);
  assert.deepEqual(labels(scale, 10), ["adam", "sgd"]);
  assert.equal(category(Array.from({ length: 100 }, (_, i) => String(i))).ticks(10).length, 10);
});

test("durations and times have ticks that people count in", () => {
  assert.deepEqual(labels(duration(0, 3600), 6), ["0", "10m", "20m", "30m", "40m", "50m", "1h"]);
  const noon = new Date(2026, 0, 5, 12).getTime() / 1000;
  assert.deepEqual(labels(time(noon, noon + 7200), 4), [
    "12:00",
    "12:30",
    "13:00",
    "13:30",
    "14:00",
  ]);
  assert.ok(labels(time(noon, noon + 86400), 4).includes("01-06"));
});

test("the range of values leaves out what has no place", () => {
  assert.deepEqual(extent([Number.NaN, 3, -1, Number.POSITIVE_INFINITY]), [-1, 3]);
  assert.deepEqual(extent([0, -2, 5], true), [5, 5]);
  assert.equal(extent([Number.NaN]), null);
  const scale = fitted("linear", [0, 100]);
  assert.ok(scale.low < 0 && scale.high > 100);
  assert.equal(fitted("log", []).kind, "log");
});

test("short numbers", () => {
  assert.equal(short(0.00012345), "0.000123");
  assert.equal(short(1234567), "1.23M");
  assert.equal(short(Number.NaN), "–");
});
