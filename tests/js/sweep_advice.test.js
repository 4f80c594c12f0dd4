// What the server advises about a sweep, in words.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  endsOf,
  gainOf,
  luckOf,
  noiseOf,
  placeOf,
  verdictOf,
} from "../../controller/dashboard/static/js/sweep/advice_words.js";

const gain = {
  ...{ trials: 10, expected: 0.01234567, inner_low: 0, inner_high: 0.03, chance: 0.5, share: 0.1 },
  ...{ left: null, verdict: "go_on", lately: 0, wall_s: 90, accelerator_s: 7200 },
};

test("what more trials bring, and whether that is worth it", () => {
  assert.equal(verdictOf(gain), "Go on");
  assert.equal(verdictOf({ ...gain, left: 0 }), "Stop: every configuration was tried");
  assert.deepEqual(gainOf(gain, "loss"), [
    "10 more trials are expected to better loss by 0.01235 (68 %: 0 to 0.03).",
    "The last 10 brought 0.",
    "They would take about 1m 30s, 2 accelerator-hours.",
  ]);
  const bare = { ...gain, lately: null, wall_s: null, accelerator_s: null };
  assert.equal(gainOf(bare, "loss").length, 1);
  assert.deepEqual(gainOf({ ...gain, left: 0 }, "loss"), []);
});

test("luck and noise are said", () => {
  const lucky = { number: 7, seen: 0.1, is_best: false, rank: 12 };
  assert.match(luckOf({ luckiest: lucky }), /^Trial 7 .* 0\.1, .* number 12 /);
  assert.equal(luckOf({ luckiest: { ...lucky, is_best: true } }), "");
  assert.match(noiseOf({ noise: null, noisy: "no" }), /hardly any/);
  assert.match(noiseOf({ noise: null, noisy: "unknown" }), /do not tell/);
  assert.match(noiseOf({ noise: 0.05, noisy: "yes" }), /0\.05/);
});

test("a region says what is known of each parameter, and where a bound is in the way", () => {
  const part = {
    ...{ name: "lr", narrowed: true, low: 0.001, high: 0.01, values: [], there: 1, at: null },
  };
  assert.equal(placeOf(part), "0.001 to 0.01");
  assert.equal(placeOf({ ...part, narrowed: false }), null);
  assert.equal(placeOf({ ...part, there: 0.01 }), "left out");
  const values = [{ value: "sgd", share: 0.9 }];
  assert.equal(placeOf({ ...part, low: null, high: null, values }), "sgd (90 %)");
  assert.deepEqual(endsOf([part, { ...part, name: "n", low: 8, high: 8, at: "max" }]), [
    "n is best at its max of 8: widen that bound.",
  ]);
  assert.deepEqual(endsOf([{ ...part, name: "n", low: 0, at: "min" }]), [
    "n is best at its min of 0: widen that bound, if it may be less.",
  ]);
});
