/** What a console's page holds, and where its lines stand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConsolePages, PAGE } from "../../controller/dashboard/static/js/run/console_pages.js";
import { LineHeights } from "../../controller/dashboard/static/js/run/line_heights.js";

/** A server of so many lines. @param {string[]} lines */
function server(lines) {
  /** @type {(number | null)[][]} */
  const asked = [];
  /** @param {number | null} first @param {number} limit */
  const fetch = async (first, limit) => {
    asked.push([first, limit]);
    const begin = first ?? Math.max(lines.length - limit, 0);
    const settled = Math.max(lines.length - 200, 0);
    const shown = lines.slice(begin, begin + limit);
    const total = lines.length;
    return {
      first: begin,
      lines: shown,
      style: "",
      total,
      settled,
      starts: {},
      over: false,
      lanes: [""],
    };
  };
  return { asked, pages: new ConsolePages(fetch, () => {}) };
}

/** @param {ConsolePages} pages @param {number} line */
const text = (pages, line) =>
  pages
    .line(line)
    ?.map((span) => span.text)
    .join("");
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("the tail comes first, other lines when they are needed", async () => {
  const lines = Array.from({ length: 4321 }, (_, i) => `line ${i}`);
  const { asked, pages } = server(lines);
  await pages.refresh();
  assert.equal(pages.total, 4321);
  assert.equal(text(pages, 4320), "line 4320");
  assert.equal(text(pages, 100), undefined);
  pages.need(90, 110);
  pages.need(95, 120);
  await settle();
  assert.equal(text(pages, 100), "line 100");
  assert.deepEqual(asked, [
    [null, 2 * PAGE],
    [0, PAGE],
  ]);
});

test("what may still change is asked for again, what is new is seen", async () => {
  const lines = Array.from({ length: 990 }, (_, i) => `line ${i}`);
  const { pages } = server(lines);
  await pages.refresh();
  lines[985] = "drawn over";
  for (let i = 990; i < 1600; i++) lines.push(`line ${i}`);
  await pages.refresh();
  assert.equal(pages.total, 1600);
  assert.equal(text(pages, 985), "drawn over");
  pages.need(1590, 1600);
  await settle();
  assert.equal(text(pages, 1599), "line 1599");
});

test("colours go on from page to page", async () => {
  const lines = ["\x1b[31mred", ...Array(PAGE + 10).fill("more")];
  const { pages } = server(lines);
  await pages.refresh();
  assert.equal(pages.line(PAGE + 5)?.[0].style.fg, 1);
});

test("heights: lines of one row, and some that are wrapped", () => {
  const heights = new LineHeights(20);
  heights.resize(100_000);
  assert.equal(heights.height, 2_000_000);
  assert.equal(heights.set(10, 60), 40);
  assert.equal(heights.set(10, 60), 0);
  assert.equal(heights.set(70_000, 40), 20);
  assert.equal(heights.top(10), 200);
  assert.equal(heights.top(11), 260);
  assert.equal(heights.top(99_999), 99_999 * 20 + 60);
  assert.deepEqual(
    [199, 200, 259, 260, 280].map((y) => heights.at(y)),
    [9, 10, 10, 11, 12],
  );
  assert.equal(heights.at(heights.top(70_001) - 1), 70_000);
  assert.equal(heights.at(1e9), 99_999);
  heights.resize(200_000);
  assert.equal(heights.top(11), 260);
  heights.resize(50_000);
  assert.equal(heights.height, 50_000 * 20 + 40);
  heights.clear(10);
  assert.equal(heights.height, 500_000);
});
