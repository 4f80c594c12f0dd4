/** From logged histograms to a grid over steps and values. Pure. Neighbour: histogram_panel.js. */
import { linear } from "../charts/scales.js";

const BANDS = 48; // along the values
const COLUMNS = 240; // along the steps

/**
 * @typedef {{step: number, counts: number[], edges: number[]}} Histogram
 */

/** @param {any} value as it was logged: with its bins, or with what they follow from
 * @returns {{counts: number[], edges: number[]} | null} */
export function histogramOf(value) {
  const counts = value?.values;
  if (value?._type !== "histogram" || !Array.isArray(counts) || !counts.length) return null;
  if (Array.isArray(value.bins) && value.bins.length === counts.length + 1)
    return { counts, edges: value.bins };
  const packed = value.packedBins;
  if (!packed || typeof packed.min !== "number" || typeof packed.size !== "number") return null;
  return {
    counts,
    edges: Array.from({ length: counts.length + 1 }, (_, i) => packed.min + packed.size * i),
  };
}

/**
 * A column for each place along the steps, with the newest histogram at or before it; in it the part
 * of all values that lies in each band.
 * @param {any[]} rows @param {string} key
 */
export function gridOf(rows, key) {
  /** @type {Histogram[]} */
  const histograms = rows.flatMap((row) => {
    const found = histogramOf(row[key]);
    return found ? [{ step: row._step, ...found }] : [];
  });
  if (!histograms.length) return null;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { edges } of histograms) {
    low = Math.min(low, edges[0]);
    high = Math.max(high, edges[edges.length - 1]);
  }
  if (!(high > low)) [low, high] = [low - 0.5, high + 0.5];
  const first = histograms[0].step;
  const last = Math.max(histograms[histograms.length - 1].step, first + 1);
  const columns = Math.min(COLUMNS, last - first + 1);
  const values = new Float64Array(columns * BANDS).fill(Number.NaN);
  let at = 0;
  let most = 0;
  for (let column = 0; column < columns; column++) {
    const step = first + ((last - first) * column) / Math.max(columns - 1, 1);
    while (at + 1 < histograms.length && histograms[at + 1].step <= step) at++;
    const parts = banded(histograms[at], low, high);
    for (let band = 0; band < BANDS; band++) {
      if (parts[band] <= 0) continue;
      values[band * columns + column] = parts[band];
      most = Math.max(most, parts[band]);
    }
  }
  const grid = { columns, rows: BANDS, values };
  return { grid, histograms, most, x: linear(first, last), y: linear(low, high) };
}

/** The part of the values in each band: a bin's are spread evenly over it.
 * @param {Histogram} histogram @param {number} low @param {number} high */
function banded({ counts, edges }, low, high) {
  const parts = new Float64Array(BANDS);
  const total = counts.reduce((sum, each) => sum + each, 0) || 1;
  const size = (high - low) / BANDS;
  for (const [i, count] of counts.entries()) {
    if (!count) continue;
    const [from, to] = [(edges[i] - low) / size, (edges[i + 1] - low) / size];
    const [begin, end] = [Math.max(Math.floor(from), 0), Math.min(Math.ceil(to), BANDS)];
    if (to <= from) parts[Math.min(begin, BANDS - 1)] += count / total;
    for (let band = begin; band < end; band++) {
      const share = (Math.min(to, band + 1) - Math.max(from, band)) / (to - from);
      if (share > 0) parts[band] += (share * count) / total;
    }
  }
  return parts;
}
