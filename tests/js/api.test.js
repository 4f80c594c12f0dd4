/** How questions to the server are written, and its binary answer is read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { address, unpackSeries } from "../../controller/dashboard/static/js/api.js";

test("an address leaves out what is not said, and repeats the name of a list", () => {
  assert.equal(address("/api/runs"), "/api/runs");
  assert.equal(
    address("/api/runs", { project: "a/b & c", after: "", limit: 0, hidden: false, no: null }),
    "/api/runs?project=a%2Fb+%26+c&limit=0&hidden=false",
  );
  assert.equal(address("/api/events", { topic: ["a", "b"] }), "/api/events?topic=a&topic=b");
});

test("series come as one JSON head and then the numbers of each", () => {
  let head = JSON.stringify({
    series: [
      { run: "é", n: 2 },
      { run: "b", n: 0 },
      { run: "c", n: 1 },
    ],
  });
  while ((4 + new TextEncoder().encode(head).length) % 8) head += " ";
  const text = new TextEncoder().encode(head);
  const buffer = new ArrayBuffer(4 + text.length + 3 * 16);
  new DataView(buffer).setUint32(0, text.length, true);
  new Uint8Array(buffer, 4).set(text);
  new Float64Array(buffer, 4 + text.length).set([1, 2, 10, 20, 7, Number.NaN]);
  const [first, empty, last] = unpackSeries(buffer);
  assert.deepEqual([first.run, [...first.x], [...first.y]], ["é", [1, 2], [10, 20]]);
  assert.equal(empty.x.length, 0);
  assert.deepEqual([[...last.x], [...last.y]], [[7], [Number.NaN]]);
});
