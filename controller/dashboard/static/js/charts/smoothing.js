/**
 * Smoothed curves, with W&B's meanings. Pure. NaN and infinities stay where they are, as gaps, and
 * what lies around them is smoothed as if they were not there. Neighbour: workspace/curves_of.js.
 */

/**
 * @typedef {"time-ema" | "ema" | "gaussian" | "average" | "none"} Smoothing
 * @typedef {{kind: Smoothing, amount: number}} Smoothed `amount`: of time-ema and ema from 0 (not at
 *   all) to below 1; of gaussian and average the width, 1 to 1000
 */

/** @type {{kind: Smoothing, label: string, usual: number, most: number, step: number}[]} */
export const SMOOTHINGS = [
  { kind: "time-ema", label: "Time weighted EMA", usual: 0.6, most: 0.999, step: 0.001 },
  { kind: "ema", label: "Running EMA", usual: 0.6, most: 0.999, step: 0.001 },
  { kind: "gaussian", label: "Gaussian", usual: 4, most: 100, step: 0.5 },
  { kind: "average", label: "Running average", usual: 10, most: 200, step: 1 },
  { kind: "none", label: "No smoothing", usual: 0, most: 0, step: 1 },
];

const PARTS = 1000; // of the axis: one of them is the distance at which the weight counts once
const REACH = 3; // standard deviations beyond which a Gaussian's weights do not count

/**
 * @param {Float64Array} x @param {Float64Array} y @param {Smoothed} how
 * @param {number} [range] of all curves along x, which time-ema measures distances by
 * @returns {Float64Array} `y` itself, where nothing is to be done
 */
export function smooth(x, y, { kind, amount }, range) {
  if (kind === "none" || !(amount > 0) || y.length < 2) return y;
  if (kind === "time-ema") return timeWeighted(x, y, amount, range ?? x[x.length - 1] - x[0]);
  if (kind === "ema") return running(y, amount);
  if (kind === "gaussian") return gaussian(y, amount);
  return average(y, amount);
}

/**
 * What lies further back along x counts less, whatever the number of points between.
 * @param {Float64Array} x @param {Float64Array} y @param {number} amount @param {number} range
 */
function timeWeighted(x, y, amount, range) {
  const weight = Math.min(Math.sqrt(amount), 0.999);
  const found = new Float64Array(y.length);
  let sum = 0;
  let weights = 0;
  let before = x[0];
  for (let i = 0; i < y.length; i++) {
    if (!Number.isFinite(y[i])) {
      found[i] = y[i];
      continue;
    }
    const distance = range > 0 ? (Math.abs(x[i] - before) / range) * PARTS : 1;
    const kept = weight ** distance;
    sum = sum * kept + y[i];
    weights = weights * kept + 1;
    before = x[i];
    found[i] = sum / weights;
  }
  return found;
}

/** TensorBoard's: from point to point, as if there had been no zero to begin with.
 * @param {Float64Array} y @param {number} amount */
function running(y, amount) {
  const weight = Math.min(amount, 0.9999);
  const found = new Float64Array(y.length);
  let last = 0;
  let missing = 1; // what of the weight is still with the zero that it began with
  for (let i = 0; i < y.length; i++) {
    if (!Number.isFinite(y[i])) {
      found[i] = y[i];
      continue;
    }
    last = last * weight + (1 - weight) * y[i];
    missing *= weight;
    found[i] = last / (1 - missing);
  }
  return found;
}

/** Points before and after, weighed by a bell of this standard deviation in points.
 * @param {Float64Array} y @param {number} deviation */
function gaussian(y, deviation) {
  const reach = Math.min(Math.ceil(REACH * deviation), y.length);
  const bell = Float64Array.from({ length: reach + 1 }, (_, i) =>
    Math.exp(-0.5 * (i / deviation) ** 2),
  );
  const found = new Float64Array(y.length);
  for (let i = 0; i < y.length; i++) {
    if (!Number.isFinite(y[i])) {
      found[i] = y[i];
      continue;
    }
    let [sum, weights] = [0, 0];
    const end = Math.min(i + reach, y.length - 1);
    for (let at = Math.max(i - reach, 0); at <= end; at++) {
      if (!Number.isFinite(y[at])) continue;
      const weight = bell[Math.abs(at - i)];
      sum += weight * y[at];
      weights += weight;
    }
    found[i] = sum / weights;
  }
  return found;
}

/** The mean of so many points, half of them before and half after.
 * @param {Float64Array} y @param {number} width */
function average(y, width) {
  const half = Math.floor(width / 2);
  const sums = new Float64Array(y.length + 1);
  const counts = new Int32Array(y.length + 1);
  for (let i = 0; i < y.length; i++) {
    const counted = Number.isFinite(y[i]);
    sums[i + 1] = sums[i] + (counted ? y[i] : 0);
    counts[i + 1] = counts[i] + (counted ? 1 : 0);
  }
  return y.map((value, i) => {
    if (!Number.isFinite(value)) return value;
    const [from, to] = [Math.max(i - half, 0), Math.min(i + half + 1, y.length)];
    return (sums[to] - sums[from]) / (counts[to] - counts[from]);
  });
}
