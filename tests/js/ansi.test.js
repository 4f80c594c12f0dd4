/** Terminal output becomes spans: colours of all kinds, and nothing but text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  PLAIN,
  parse,
  stripped,
} from "../../controller/dashboard/static/js/components/ansi_text.js";

/** @param {string} text */
const styles = (text) =>
  parse(text).spans.map(({ text, style }) => {
    const own = Object.entries(style).filter(([name, value]) => value !== PLAIN[name]);
    return [text, Object.fromEntries(own)];
  });

test("plain text is one span in the usual style", () => {
  assert.deepEqual(styles("a\tb"), [["a\tb", {}]]);
  assert.equal(parse("x").spans[0].style, PLAIN);
  assert.deepEqual(styles(""), []);
});

test("colours: 16, bright, 256, true, and in the notation with colons", () => {
  assert.deepEqual(styles("\x1b[31mr\x1b[92mg\x1b[44mb\x1b[0mx"), [
    ["r", { fg: 1 }],
    ["g", { fg: 10 }],
    ["b", { fg: 10, bg: 4 }],
    ["x", {}],
  ]);
  assert.deepEqual(styles("\x1b[38;5;208mo\x1b[48;5;232md\x1b[38;5;3my"), [
    ["o", { fg: "#ff8700" }],
    ["d", { fg: "#ff8700", bg: "#080808" }],
    ["y", { fg: 3, bg: "#080808" }],
  ]);
  assert.deepEqual(styles("\x1b[1;38;2;255;120;0;4mt"), [
    ["t", { fg: "#ff7800", bold: true, underline: true }],
  ]);
  assert.deepEqual(styles("\x1b[38:2::1:2:3mc\x1b[39md"), [
    ["c", { fg: "#010203" }],
    ["d", {}],
  ]);
});

test("weights come and go", () => {
  assert.deepEqual(styles("\x1b[1;2;3;4;7;9ma\x1b[22;23;24;27;29mb"), [
    ["a", { bold: true, dim: true, italic: true, underline: true, inverse: true, strike: true }],
    ["b", {}],
  ]);
  assert.deepEqual(styles("\x1b[1mx\x1b[my"), [
    ["x", { bold: true }],
    ["y", {}],
  ]);
});

test("a style goes on in the next line", () => {
  const first = parse("\x1b[32mgreen");
  assert.equal(parse("still", first.style).spans[0].style.fg, 2);
});

test("what is no colour is left out, whatever it is", () => {
  const title = "\x1b]0;title\x07";
  const link = "\x1b]8;;javascript:alert(1)\x1b\\text\x1b]8;;\x1b\\";
  assert.equal(stripped(`${title}a${link}\x1b[2J\x1b[1;1Hb\x07\x00c\x1b(B\x1b`), "atextbc");
  assert.equal(stripped("\x1b[38;5;999ma\x1b[xyz"), "ayz");
  assert.equal(parse("\x1b[38;5;999ma").spans[0].style.fg, null);
});

test("a long line of escapes takes no long time", () => {
  const text = "\x1b[31ma\x1b[0mb".repeat(20_000);
  const began = performance.now();
  assert.equal(parse(text).spans.length, 40_000);
  assert.equal(parse("\x1b[".repeat(50_000)).spans.length, 0);
  assert.ok(performance.now() - began < 2000);
});
