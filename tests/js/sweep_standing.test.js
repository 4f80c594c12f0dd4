// How many trials there may be, what makes a sweep go on, who works.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  atCap,
  busySlots,
  capSays,
  limitsInTheWay,
  mostTrials,
  waysOn,
} from "../../controller/dashboard/static/js/sweep/standing.js";

const counts = { finished: 2, running: 1, queued: 2 };

test("at its cap a sweep goes on only when run_cap is raised", () => {
  assert.ok(atCap({ counts, run_cap: 5 }));
  assert.match(waysOn({ counts, run_cap: 5, reason: "" }), /^It goes on if you raise run_cap; /);
  assert.ok(!atCap({ counts, run_cap: 6 }));
  assert.equal(
    waysOn({ counts, run_cap: 6, reason: "stopped by ann" }),
    "It goes on if you raise run_cap, widen its space, or try a configuration of yours.",
  );
  assert.ok(!atCap({ counts, run_cap: null }));
  for (const sweep of [
    { run_cap: null, reason: "stopped by ann" },
    { run_cap: 9, reason: "every configuration was tried" },
  ])
    assert.equal(
      waysOn({ counts, ...sweep }),
      "It goes on if you widen its space or try a configuration of yours.",
    );
});

test("a run_cap below what there is says what becomes of whom", () => {
  assert.equal(mostTrials({ counts, run_cap: 1, total: 5 }), "5, no more will come (run_cap 1)");
  assert.equal(mostTrials({ counts, run_cap: 9, total: 9 }), "at most 9");
  assert.equal(mostTrials({ counts, run_cap: null, total: null }), "no cap");
  assert.equal(capSays({ counts }, 6), "");
  assert.equal(capSays({ counts }, null), "");
  assert.equal(
    capSays({ counts }, 1),
    "5 trials are there: no more will come. 1 running trial may end. " +
      "2 trials that wait will still run, unless you stop them.",
  );
});

test("in quarantine a slot that is not free is not busy", () => {
  assert.equal(busySlots({ slots: 1, free: 0, running: [], quarantined: ["bad"] }), 0);
  assert.equal(busySlots({ slots: 4, free: 1, running: [], quarantined: [] }), 3);
});

test("limits that no trial keeps are named, or else those that any breaks", () => {
  const gb = { name: "gb", at_least: null, at_most: 2, broken: 3, of: 3, nearest: 2.5 };
  const ms = { name: "ms", at_least: 1, at_most: 9, broken: 1, of: 3, nearest: 4 };
  const said = (/** @type {any[]} */ ...metrics) => limitsInTheWay({ metrics });
  assert.equal(said(gb, ms), "gb at most 2: every trial breaks it, the nearest has 2.5.");
  assert.equal(said(ms), "ms at least 1, at most 9: 1 of 3 trials break it.");
  assert.equal(said({ ...gb, nearest: null }), "gb at most 2: no trial logged it.");
  assert.equal(said({ ...gb, broken: 0 }), "");
});
