/**
 * From values to places along an axis and back, and which ticks to write there. Pure.
 *
 * A place is 0 at the low end and 1 at the high end. What has no place (a missing value, zero on a
 * log axis) is NaN. Neighbours: ticks.js (how ticks read), axes.js (draws them).
 */
import { logTicks, SECONDS, secondsText, tickText } from "./ticks.js";

/**
 * @typedef {{at: number, label: string}} Tick `at` is a place
 * @typedef {object} Scale
 * @property {"linear" | "log" | "time" | "duration" | "category"} kind
 * @property {number} low
 * @property {number} high
 * @property {(value: any) => number} place
 * @property {(place: number) => number} value of a category: its index
 * @property {(most: number) => Tick[]} ticks at most about so many
 */

/** @param {number} low @param {number} high @returns {Scale} */
export function linear(low, high) {
  const [from, to] = opened(low, high);
  const span = to - from;
  return {
    kind: "linear",
    low: from,
    high: to,
    place: (value) => (typeof value === "number" ? (value - from) / span : Number.NaN),
    value: (place) => from + place * span,
    ticks: (most) => {
      const by = step(span, most);
      return steps(from, to, by).map((value) => ({
        at: (value - from) / span,
        label: tickText(value, by),
      }));
    },
  };
}

/** Both ends above 0. @param {number} low @param {number} high @returns {Scale} */
export function log(low, high) {
  const [from, to] = low < high ? [low, high] : [low / 2, low * 2];
  const [a, b] = [Math.log(from), Math.log(to)];
  /** @param {any} value */
  const place = (value) =>
    typeof value === "number" && value > 0 ? (Math.log(value) - a) / (b - a) : Number.NaN;
  return {
    kind: "log",
    low: from,
    high: to,
    place,
    value: (at) => Math.exp(a + at * (b - a)),
    ticks: (most) => logTicks(from, to, most).map((v) => ({ at: place(v), label: tickText(v, 0) })),
  };
}

/** Seconds since the epoch, in the reader's time. @param {number} low @param {number} high
 * @returns {Scale} */
export function time(low, high) {
  const plain = linear(low, high);
  return { ...plain, kind: "time", ticks: (most) => timeTicks(plain, most) };
}

/** Seconds from a beginning. @param {number} low @param {number} high @returns {Scale} */
export function duration(low, high) {
  const plain = linear(low, high);
  return {
    ...plain,
    kind: "duration",
    ticks: (most) => {
      const rough = (plain.high - plain.low) / Math.max(most, 1);
      const by = SECONDS.find((each) => each >= rough) ?? step(plain.high - plain.low, most);
      return steps(plain.low, plain.high, by).map((value) => ({
        at: plain.place(value),
        label: secondsText(value, by),
      }));
    },
  };
}

/** Equal bands, one a value. @param {readonly string[]} values @returns {Scale} */
export function category(values) {
  const index = new Map(values.map((value, i) => [value, i]));
  const count = Math.max(values.length, 1);
  return {
    kind: "category",
    low: 0,
    high: count - 1,
    place: (value) => ((index.get(value) ?? Number.NaN) + 0.5) / count,
    value: (place) => Math.min(Math.max(Math.floor(place * count), 0), count - 1),
    ticks: (most) => {
      const every = Math.max(Math.ceil(count / Math.max(most, 1)), 1);
      return values
        .map((value, i) => ({ at: (i + 0.5) / count, label: value }))
        .filter((_, i) => i % every === 0);
    },
  };
}

const KINDS = { linear, time, duration };

/**
 * The scale that holds all values, with a little air.
 * @param {"linear" | "log" | "time" | "duration"} kind @param {ArrayLike<number>} values
 * @param {number} [air] @returns {Scale}
 */
export function fitted(kind, values, air = 0.03) {
  const range = extent(values, kind === "log");
  if (kind === "log") {
    const [low, high] = range ?? [0.1, 1];
    const more = (high / low) ** air;
    return log(low / more, high * more);
  }
  const [low, high] = range ?? [0, 1];
  const more = (high - low) * air;
  return KINDS[kind](low - more, high + more);
}

/** The lowest and the highest finite value; null: there is none.
 * @param {ArrayLike<number>} values @param {boolean} [positive] only those above 0
 * @returns {[number, number] | null} */
export function extent(values, positive = false) {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value) || (positive && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** A number in few letters. @param {number} value @returns {string} */
export function short(value) {
  return Number.isFinite(value) ? tickText(value, 0) : "–";
}

/** @param {number} low @param {number} high @returns {[number, number]} */
function opened(low, high) {
  if (high > low) return [low, high];
  const half = Math.abs(low) * 0.05 || 0.5;
  return [low - half, low + half];
}

/** The distance of ticks: 1, 2 or 5 times a power of ten. @param {number} span @param {number} most */
function step(span, most) {
  const rough = span / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  for (const times of [1, 2, 5]) if (times * power >= rough * 0.999) return times * power;
  return 10 * power;
}

/** @param {number} low @param {number} high @param {number} by @returns {number[]} */
function steps(low, high, by) {
  const found = [];
  const first = Math.ceil(low / by - 1e-9);
  const last = Math.floor(high / by + 1e-9);
  for (let i = first; i <= last && found.length < 200; i++) found.push(i * by);
  return found;
}

const DAY = 86400;

/** @param {Scale} scale @param {number} most @returns {Tick[]} */
function timeTicks(scale, most) {
  const rough = (scale.high - scale.low) / Math.max(most, 1);
  const by = SECONDS.find((each) => each >= rough && each >= 1) ?? Math.ceil(rough / DAY) * DAY;
  const zone = new Date(1000 * scale.low).getTimezoneOffset() * 60;
  return steps(scale.low - zone, scale.high - zone, by).map((value) => ({
    at: scale.place(value + zone),
    label: clock(value + zone, by),
  }));
}

/** @param {number} seconds @param {number} by */
function clock(seconds, by) {
  const date = new Date(1000 * seconds);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  if (by >= DAY || (date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0))
    return `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return by < 60 ? `${minutes}:${two(date.getSeconds())}` : minutes;
}
