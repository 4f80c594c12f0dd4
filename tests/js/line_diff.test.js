// Differences of texts, line by line.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  diffLines,
  linesOf,
  parts,
} from "../../controller/dashboard/static/js/components/line_diff.js";

/** @param {string} before @param {string} after @param {number} [most] */
function script(before, after, most) {
  const signs = { same: " ", out: "-", in: "+" };
  return diffLines(before, after, most).lines.map(({ kind, text }) => signs[kind] + text);
}

test("lines that are taken out and put in", () => {
  assert.deepEqual(script("a\nb\nc\n", "a\nx\nc"), [" a", "-b", "+x", " c"]);
  assert.deepEqual(script("", "a\nb"), ["+a", "+b"]);
  assert.deepEqual(script("a\nb", ""), ["-a", "-b"]);
  assert.deepEqual(script("a\r\nb\r\n", "a\nb\n"), [" a", " b"]);
  assert.deepEqual(linesOf("a\n\n"), ["a", ""]);
});

test("numbers say where a line stands in either text", () => {
  const { lines } = diffLines("a\nb\nc", "a\nc\nd");
  assert.deepEqual(
    lines.map(({ before, after }) => [before, after]),
    [
      [1, 1],
      [2, 0],
      [3, 2],
      [0, 3],
    ],
  );
});

test("the way is the shortest, and leads from one text to the other", () => {
  // ABCABBA to CBABAC is Myers' own example: 5 edits.
  const own = diffLines("A\nB\nC\nA\nB\nB\nA", "C\nB\nA\nB\nA\nC");
  assert.equal(own.out + own.in, 5);
  let seed = 7;
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
  for (let round = 0; round < 200; round++) {
    const text = () =>
      Array.from({ length: Math.floor(random() * 12) }, () => "abc"[Math.floor(random() * 3)]);
    const [a, b] = [text(), text()];
    const diff = diffLines(a.join("\n"), b.join("\n"));
    const side = (/** @type {string} */ gone) =>
      diff.lines.filter(({ kind }) => kind !== gone).map(({ text: line }) => line);
    assert.deepEqual(side("in"), a);
    assert.deepEqual(side("out"), b);
    assert.equal(diff.out + diff.in, a.length + b.length - 2 * common(a, b));
  }
});

/** How many lines two texts have in common, in order. @param {string[]} a @param {string[]} b */
function common(a, b) {
  let row = new Array(b.length + 1).fill(0);
  for (const each of a) {
    const next = [0];
    for (let j = 0; j < b.length; j++)
      next.push(each === b[j] ? row[j] + 1 : Math.max(row[j + 1], next[j]));
    row = next;
  }
  return row[b.length];
}

test("texts with nothing in common are not searched to the end", () => {
  const one = Array.from({ length: 50 }, (_, i) => `a${i}`).join("\n");
  const other = Array.from({ length: 60 }, (_, i) => `b${i}`).join("\n");
  const diff = diffLines(`head\n${one}\ntail`, `head\n${other}\ntail`, 20);
  assert.equal(diff.coarse, true);
  assert.deepEqual([diff.out, diff.in], [50, 60]);
  assert.deepEqual([diff.lines[0].kind, diff.lines.at(-1)?.kind], ["same", "same"]);
});

test("a long text with a few changes is quick", () => {
  const lines = Array.from({ length: 100_000 }, (_, i) => `line ${i}`);
  const changed = lines.map((line, i) => (i % 20_000 === 500 ? `${line}!` : line));
  const diff = diffLines(lines.join("\n"), changed.join("\n"));
  assert.deepEqual([diff.out, diff.in, diff.coarse], [5, 5, false]);
  const found = parts(diff.lines);
  assert.deepEqual(
    found.map(({ kind }) => kind),
    [...Array.from({ length: 5 }, () => ["same", "changed"]).flat(), "same"],
  );
  assert.equal(found[1].lines.length, 8);
});
