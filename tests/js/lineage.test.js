/** The lineage graph: data flows to the right, nothing overlaps, cycles end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  COLUMN,
  layOut,
  ROW,
} from "../../controller/dashboard/static/js/artifact/lineage_layout.js";

test("data flows from left to right, and a source stands beside what it feeds", () => {
  const edges = /** @type {[string, string][]} */ ([
    ["data", "train"],
    ["train", "model"],
    ["model", "eval"],
    ["test", "eval"],
  ]);
  const { places, width } = layOut(["data", "train", "model", "eval", "test"], edges);
  const x = (/** @type {string} */ id) => places.get(id)?.x ?? -1;
  assert.deepEqual(["data", "train", "model", "eval"].map(x), [0, COLUMN, 2 * COLUMN, 3 * COLUMN]);
  assert.equal(x("test"), x("model"));
  assert.ok(width > 3 * COLUMN);
});

test("a run that uses what it made is no endless loop", () => {
  const { places } = layOut(
    ["a", "run"],
    [
      ["run", "a"],
      ["a", "run"],
      ["a", "a"],
    ],
  );
  assert.notEqual(places.get("a")?.x, places.get("run")?.x);
});

test("edges that need not cross do not, and 200 nodes have places of their own", () => {
  const edges = /** @type {[string, string][]} */ ([
    ["a1", "b2"],
    ["a2", "b1"],
  ]);
  const { places } = layOut(["a1", "a2", "b1", "b2"], edges);
  const y = (/** @type {string} */ id) => places.get(id)?.y ?? -1;
  assert.equal(y("a1") < y("a2"), y("b2") < y("b1"));
  const ids = Array.from({ length: 200 }, (_, i) => `n${i}`);
  const many = /** @type {[string, string][]} */ (
    ids.slice(1).map((id, i) => [`n${Math.floor(i / 3)}`, id])
  );
  const began = performance.now();
  const all = [...layOut(ids, many).places.values()].map(({ x, y }) => `${x} ${y / ROW}`);
  assert.equal(new Set(all).size, 200);
  assert.ok(performance.now() - began < 1000);
});
