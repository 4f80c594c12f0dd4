/**
 * Several ranges on one axis, in places (0 at its low end, 1 at its high end). Pure.
 *
 * Neighbours: parallel.js (who draws and drags them), scales.js (from places to values).
 */

/** @typedef {[number, number]} Span low end first */

/** Spans in order, those that touch made one. @param {readonly Span[]} spans @returns {Span[]} */
export function merged(spans) {
  /** @type {Span[]} */
  const found = [];
  for (const [low, high] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = found[found.length - 1];
    if (last && low <= last[1]) last[1] = Math.max(last[1], high);
    else found.push([low, high]);
  }
  return found;
}

/**
 * What a pointer that goes down at `place` takes hold of.
 * @param {readonly Span[]} spans @param {number} place @param {number} reach how near an end counts
 * @returns {{part: "low" | "high" | "whole" | "new", index: number}}
 */
export function grip(spans, place, reach) {
  for (let index = 0; index < spans.length; index++) {
    const [low, high] = spans[index];
    const near = Math.min(reach, (high - low) / 3 + reach / 3);
    if (Math.abs(place - low) <= near) return { part: "low", index };
    if (Math.abs(place - high) <= near) return { part: "high", index };
    if (place > low && place < high) return { part: "whole", index };
  }
  return { part: "new", index: spans.length };
}

/**
 * The spans after a drag from `start` to `now`.
 * @param {readonly Span[]} spans as they were when it began
 * @param {{part: "low" | "high" | "whole" | "new", index: number}} held
 * @param {number} start @param {number} now @returns {Span[]}
 */
export function dragged(spans, held, start, now) {
  const others = spans.filter((_, i) => i !== held.index);
  const clip = (/** @type {number} */ place) => Math.min(Math.max(place, 0), 1);
  const ordered = (/** @type {number} */ a, /** @type {number} */ b) =>
    /** @type {Span} */ (a < b ? [clip(a), clip(b)] : [clip(b), clip(a)]);
  if (held.part === "new") return merged([...others, ordered(start, now)]);
  const [low, high] = spans[held.index];
  if (held.part === "low") return merged([...others, ordered(now, high)]);
  if (held.part === "high") return merged([...others, ordered(low, now)]);
  const by = Math.min(Math.max(now - start, -low), 1 - high);
  return merged([...others, [low + by, high + by]]);
}

/** A list with one member moved to another place. @template T @param {readonly T[]} list
 * @param {number} from @param {number} to @returns {T[]} */
export function moved(list, from, to) {
  const rest = list.filter((_, i) => i !== from);
  rest.splice(Math.min(Math.max(to, 0), rest.length), 0, list[from]);
  return rest;
}
