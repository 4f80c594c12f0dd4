// Which rows and columns of a table are drawn, and where keys lead.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  moved,
  place,
  visibleColumns,
  visibleRows,
} from "../../controller/dashboard/static/js/components/table_window.js";

test("only rows in sight are drawn, with some beyond", () => {
  assert.deepEqual(visibleRows(0, 300, 30, 10_000, 5), { from: 0, to: 15 });
  assert.deepEqual(visibleRows(3000, 300, 30, 10_000, 5), { from: 95, to: 115 });
  assert.deepEqual(visibleRows(299_700, 300, 30, 10_000, 5), { from: 9985, to: 10_000 });
  assert.deepEqual(visibleRows(9000, 300, 30, 3), { from: 3, to: 3 }); // it shrank meanwhile
  assert.deepEqual(visibleRows(0, 300, 30, 0), { from: 0, to: 0 });
});

test("pinned columns come first, as far as they leave room", () => {
  const columns = [
    { key: "a", width: 100 },
    { key: "b", width: 100, pinned: true },
    { key: "c", width: 100, pinned: true },
  ];
  const wide = place(columns, { c: 10 }, 1000, 36);
  assert.deepEqual(
    wide.placed.map(({ key, left, width, pinned }) => [key, left, width, pinned]),
    [
      ["b", 36, 100, true],
      ["c", 136, 40, true],
      ["a", 176, 100, false],
    ],
  );
  assert.equal(wide.pinned, 176);
  assert.equal(wide.total, 276);
  const narrow = place(columns, {}, 300);
  assert.deepEqual(
    narrow.placed.map(({ pinned }) => pinned),
    [true, false, false],
  );
});

test("columns out of sight are not drawn, pinned ones always", () => {
  const many = Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, width: 100, pinned: i < 1 }));
  const { placed } = place(many, {}, 1000);
  const seen = visibleColumns(placed, 5000, 1000, 0).map(({ key }) => key);
  assert.equal(seen[0], "k0");
  assert.equal(seen[1], "k49");
  assert.equal(seen.at(-1), "k60");
});

test("keys move the focus and stop at the edges", () => {
  const size = { rows: 100, columns: 5, page: 10 };
  const at = { row: 50, column: 2 };
  assert.deepEqual(moved("ArrowDown", false, at, size), { row: 51, column: 2 });
  assert.deepEqual(moved("ArrowUp", true, at, size), { row: 0, column: 2 });
  assert.deepEqual(moved("PageDown", false, { row: 95, column: 0 }, size), { row: 99, column: 0 });
  assert.deepEqual(moved("ArrowUp", false, { row: 0, column: 0 }, size), { row: -1, column: 0 });
  assert.deepEqual(moved("End", true, at, size), { row: 99, column: 4 });
  assert.deepEqual(moved("Home", false, at, size), { row: 50, column: 0 });
  assert.equal(moved("x", false, at, size), null);
});
