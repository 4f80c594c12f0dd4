/**
 * Colours and weights of terminal output (SGR codes), as spans of text. Anything else that a program
 * sends to a terminal (titles, links, cursor moves that were not folded) is left out, never drawn.
 * Pure. Neighbour: ansi.js (draws the spans).
 */

/**
 * @typedef {{fg: number | string | null, bg: number | string | null, bold: boolean, dim: boolean,
 *   italic: boolean, underline: boolean, strike: boolean, inverse: boolean}} Style
 * a colour is 0 to 15 (the theme's), "#rrggbb", or null (the usual one)
 * @typedef {{text: string, style: Style}} Span
 */

/** @type {Style} */
export const PLAIN = Object.freeze({
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
});

const ESCAPE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /\x1b(?:\[([0-?]*)[ -/]*([@-~])?|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~]?)/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
const CONTROL = /[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]/g;

/**
 * The spans of a text, and the style in which the next one begins.
 * @param {string} text @param {Style} [style] @returns {{spans: Span[], style: Style}}
 */
export function parse(text, style = PLAIN) {
  /** @type {Span[]} */
  const spans = [];
  let at = 0;
  const add = (/** @type {string} */ raw) => {
    const clean = raw.replace(CONTROL, "");
    if (!clean) return;
    const last = spans.at(-1);
    if (last?.style === style) last.text += clean;
    else spans.push({ text: clean, style });
  };
  ESCAPE.lastIndex = 0;
  for (let found = ESCAPE.exec(text); found; found = ESCAPE.exec(text)) {
    add(text.slice(at, found.index));
    at = ESCAPE.lastIndex;
    if (found[2] === "m") style = changed(style, found[1]);
  }
  add(text.slice(at));
  return { spans, style };
}

/** The text alone. @param {string} text */
export function stripped(text) {
  return text.replace(ESCAPE, "").replace(CONTROL, "");
}

/** @param {Style} style @param {string} codes "1;38;5;208" @returns {Style} */
function changed(style, codes) {
  // "38:2::255:0:0" has an empty part where a colour space may stand; "38;2;255;0;0" has not.
  const parts = codes.split(";");
  let next = { ...style };
  for (let i = 0; i < parts.length; i++) {
    const inner = parts[i].split(":");
    const code = Number(inner[0] || 0);
    if (code === 38 || code === 48) {
      let given = inner.slice(1);
      if (given.length === 0) {
        const count = parts[i + 1] === "5" ? 2 : parts[i + 1] === "2" ? 4 : 0;
        given = parts.slice(i + 1, i + 1 + count);
        i += count;
      } else if (given[0] === "2" && given.length > 4) given = [given[0], ...given.slice(-3)];
      const color = colorOf(given);
      if (color !== undefined) next[code === 38 ? "fg" : "bg"] = color;
    } else if (code === 0) next = { ...PLAIN };
    else Object.assign(next, simple(code, inner[1]));
  }
  return next;
}

/** @param {number} code @param {string | undefined} kind of an underline @returns {Partial<Style>} */
function simple(code, kind) {
  if (code >= 30 && code <= 37) return { fg: code - 30 };
  if (code >= 40 && code <= 47) return { bg: code - 40 };
  if (code >= 90 && code <= 97) return { fg: code - 82 };
  if (code >= 100 && code <= 107) return { bg: code - 92 };
  switch (code) {
    case 1:
      return { bold: true };
    case 2:
      return { dim: true };
    case 3:
      return { italic: true };
    case 4:
      return { underline: kind !== "0" };
    case 7:
      return { inverse: true };
    case 9:
      return { strike: true };
    case 21:
      return { underline: true };
    case 22:
      return { bold: false, dim: false };
    case 23:
      return { italic: false };
    case 24:
      return { underline: false };
    case 27:
      return { inverse: false };
    case 29:
      return { strike: false };
    case 39:
      return { fg: null };
    case 49:
      return { bg: null };
  }
  return {};
}

/** @param {string[]} given ["5", n] or ["2", r, g, b] @returns {number | string | undefined} */
function colorOf(given) {
  const [kind, ...rest] = given.map(Number);
  const good = rest.every((each) => Number.isInteger(each) && each >= 0 && each <= 255);
  if (kind === 5 && rest.length === 1 && good) return indexed(rest[0]);
  if (kind === 2 && rest.length === 3 && good) return hex(rest);
  return undefined;
}

/** Of the 256 colours. @param {number} number @returns {number | string} */
function indexed(number) {
  if (number < 16) return number;
  if (number >= 232) return hex(Array(3).fill(8 + 10 * (number - 232)));
  const cube = number - 16;
  const level = (/** @type {number} */ part) => (part ? 55 + 40 * part : 0);
  return hex([level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]);
}

/** @param {number[]} parts */
function hex(parts) {
  return `#${parts.map((each) => each.toString(16).padStart(2, "0")).join("")}`;
}
