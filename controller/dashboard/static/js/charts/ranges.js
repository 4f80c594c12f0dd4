/** From where to where a chart's axes go. Pure. Neighbour: line_plot.js. */

import { isRising, lowerBound } from "./curves.js";

/** @typedef {[number, number]} Range low and high */
const SAMPLE = 20_000; // values looked at for percentiles

/**
 * All that is there along x.
 * @param {readonly {x: Float64Array}[]} curves @param {boolean} log @returns {Range}
 */
export function xRange(curves, log) {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { x } of curves) {
    if (!x.length) continue;
    if (isRising(x) && !log) {
      if (x[0] < low) low = x[0];
      if (x[x.length - 1] > high) high = x[x.length - 1];
      continue;
    }
    for (const value of x) {
      if (log && value <= 0) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return usable(low, high, log, 0);
}

/**
 * What there is along y within a range of x, and a little room.
 * @param {readonly import("./curves.js").Curve[]} curves @param {Range} within
 * @param {{log: boolean, outliers: boolean}} how `outliers`: leave out what lies beyond the 5th and
 *   the 95th percentile
 * @returns {Range}
 */
export function yRange(curves, within, { log, outliers }) {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  /** @type {number[]} */
  const sample = [];
  let total = 0;
  for (const curve of curves) total += curve.x.length;
  const every = Math.max(Math.ceil(total / SAMPLE), 1);
  let number = 0;
  /** @param {Float64Array} values @param {number} first @param {number} end @param {Float64Array | null} x */
  const look = (values, first, end, x) => {
    for (let i = first; i < end; i++) {
      const value = values[i];
      if (!Number.isFinite(value) || (log && value <= 0)) continue;
      if (x && (x[i] < within[0] || x[i] > within[1])) continue;
      if (value < low) low = value;
      if (value > high) high = value;
      if (outliers && number++ % every === 0) sample.push(value);
    }
  };
  for (const curve of curves) {
    const sorted = isRising(curve.x);
    const first = sorted ? lowerBound(curve.x, within[0]) : 0;
    let end = sorted ? lowerBound(curve.x, within[1]) : curve.x.length;
    if (sorted) while (end < curve.x.length && curve.x[end] <= within[1]) end++;
    for (const values of [curve.y, curve.faint, curve.low, curve.high])
      if (values) look(values, first, end, sorted ? null : curve.x);
  }
  if (outliers && sample.length > 2) {
    const sorted = Float64Array.from(sample).sort();
    low = sorted[Math.floor(0.05 * (sorted.length - 1))];
    high = sorted[Math.ceil(0.95 * (sorted.length - 1))];
  }
  return usable(low, high, log, 0.05);
}

/**
 * @param {number} low @param {number} high @param {boolean} log
 * @param {number} room part of the range that is added at each side @returns {Range}
 */
function usable(low, high, log, room) {
  if (!(low <= high)) return log ? [0.1, 1] : [0, 1];
  if (log) {
    const more = low === high ? 2 : (high / low) ** room;
    return [low / more, high * more];
  }
  const more = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * room;
  return low === high && room === 0 ? [low - 0.5, high + 0.5] : [low - more, high + more];
}
