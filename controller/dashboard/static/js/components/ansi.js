/** Draws terminal output: colours and weights as a terminal would show them, in both themes. */
import { html } from "../html.js";
import { PLAIN, parse } from "./ansi_text.js";

/** @typedef {import("./ansi_text.js").Span} Span @typedef {import("./ansi_text.js").Style} Style */

/** A text of several lines. @param {{text: string}} props */
export function Ansi({ text }) {
  return html`<pre class="ansi">${drawSpans(parse(text).spans)}</pre>`;
}

/**
 * Spans as elements, with the places of a search marked.
 * @param {Span[]} spans @param {string} [find] in lower case
 */
export function drawSpans(spans, find = "") {
  if (!find) return spans.map(drawSpan);
  const whole = spans.map((span) => span.text).join("");
  const lower = whole.toLowerCase();
  // Where lower case is longer than the text itself, places differ: then nothing is marked.
  if (lower.length !== whole.length || !lower.includes(find)) return spans.map(drawSpan);
  /** @type {any[]} */
  const drawn = [];
  let begin = 0;
  for (const span of spans) {
    const end = begin + span.text.length;
    let at = begin;
    for (let hit = lower.indexOf(find); hit >= 0; hit = lower.indexOf(find, hit + find.length)) {
      const [from, to] = [Math.max(hit, begin), Math.min(hit + find.length, end)];
      if (from >= to) continue;
      drawn.push(drawSpan({ text: whole.slice(at, from), style: span.style }));
      drawn.push(
        html`<mark>${drawSpan({ text: whole.slice(from, to), style: span.style })}</mark>`,
      );
      at = to;
    }
    drawn.push(drawSpan({ text: whole.slice(at, end), style: span.style }));
    begin = end;
  }
  return drawn;
}

/** @param {Span} span */
function drawSpan({ text, style }) {
  if (!text) return null;
  if (style === PLAIN) return text;
  const [fg, bg] = style.inverse ? [style.bg ?? "back", style.fg ?? "fore"] : [style.fg, style.bg];
  const names = [
    named("fg", fg),
    named("bg", bg),
    style.bold && "ansi-bold",
    style.dim && "ansi-dim",
    style.italic && "ansi-italic",
    style.underline && "ansi-underline",
    style.strike && "ansi-strike",
  ].filter(Boolean);
  /** @type {Record<string, string>} */
  const look = {};
  if (isHex(fg)) look.color = fg;
  if (isHex(bg)) look.backgroundColor = bg;
  return html`<span class=${names.join(" ")} style=${look}>${text}</span>`;
}

/** @param {string} place @param {number | string | null} color */
function named(place, color) {
  if (color === null) return "";
  return isHex(color) ? `ansi-${place}-own` : `ansi-${place}-${color}`;
}

/** @param {number | string | null} color @returns {color is string} */
function isHex(color) {
  return typeof color === "string" && color.startsWith("#");
}
