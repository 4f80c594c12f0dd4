/** Where an axis has its ticks, and what stands beside them. Pure. Neighbour: line_plot.js. */

/** Steps between ticks of an axis of seconds. */
export const SECONDS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900,
  1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 8640000,
];

/**
 * A number beside a tick: as short as it can be told apart from its neighbours.
 * @param {number} value @param {number} step between ticks; 0: there is no such step
 */
export function tickText(value, step) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const fine = step > 0 ? decimals(step) : 0;
  if (size >= 1e15 || size < 1e-4 || (step > 0 && step < 1e-4 && size < 1)) {
    const digits = step > 0 ? Math.floor(Math.log10(size)) + fine : 1;
    return trimmed(value.toExponential(Math.min(Math.max(digits, 0), 6)));
  }
  for (const [unit, letter] of UNITS) {
    if (size < unit || (step > 0 && step < unit / 1000)) continue;
    const digits = step > 0 ? decimals(step / unit) : 2;
    return trimmed((value / unit).toFixed(Math.min(digits, 3))) + letter;
  }
  return step > 0
    ? trimmed(value.toFixed(Math.min(fine, 10)))
    : String(Number(value.toPrecision(3)));
}

/** Digits behind the point that a step needs: 0.25 needs two. @param {number} step */
function decimals(step) {
  let digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const scaled = step * 10 ** digits;
  if (Math.abs(scaled - Math.round(scaled)) > 1e-6 * scaled) digits++;
  return digits;
}

/** @type {[number, string][]} */
const UNITS = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** @param {string} text of a number, maybe with an exponent */
function trimmed(text) {
  const [digits, power] = text.split("e");
  const short = digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
  return power === undefined ? short : `${short}e${Number(power)}`;
}

/** Seconds beside a tick: "90s" is "1m 30s". @param {number} seconds @param {number} step */
export function secondsText(seconds, step) {
  if (seconds === 0) return "0";
  if (step < 1) return `${tickText(seconds, step)}s`;
  let left = Math.round(Math.abs(seconds));
  /** @type {string[]} */
  const parts = [];
  for (const [unit, letter] of CLOCK) {
    const count = Math.floor(left / unit);
    left -= count * unit;
    if (count) parts.push(`${count}${letter}`);
  }
  return (seconds < 0 ? "-" : "") + parts.slice(0, 2).join(" ");
}

/** @type {[number, string][]} */
const CLOCK = [
  [86400, "d"],
  [3600, "h"],
  [60, "m"],
  [1, "s"],
];

/**
 * Times beside ticks, in the reader's time zone: the clock, and below it the date, where it is
 * another than before. @param {readonly number[]} times seconds since the epoch
 * @param {number} step @returns {string[]}
 */
export function timeTexts(times, step) {
  let before = "";
  return times.map((seconds) => {
    const at = new Date(1000 * seconds);
    const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
    const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    if (step >= 86400) return date;
    let clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
    if (step < 60) clock += `:${two(at.getSeconds())}`;
    const text = date === before ? clock : `${clock}\n${date}`;
    before = date;
    return text;
  });
}

/** Ticks for a logarithmic axis that spans less than two decades, where powers of ten are too few.
 * @param {number} low @param {number} high @param {number} most @returns {number[]} */
export function logTicks(low, high, most) {
  const found = [];
  if (high / low < 3) {
    const raw = (high - low) / Math.max(most, 2);
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = ([1, 2, 5, 10].find((each) => each * power >= raw) ?? 10) * power;
    for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(i * step);
    return found;
  }
  const decades = Math.log10(high / low);
  const every = Math.max(Math.ceil(decades / Math.max(most, 1)), 1);
  const within = decades * 3 <= most ? [1, 2, 5] : [1];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    if (power % every) continue;
    for (const each of within) {
      const value = Number(`${each}e${power}`);
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found;
}
