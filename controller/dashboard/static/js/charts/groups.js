/**
 * Several curves as one: their mean, median, lowest or highest along x, with a band that says how
 * they spread. Pure. Each curve counts from its first to its last point; between its points it is
 * straight. Neighbour: workspace/curves_of.js.
 */

/**
 * @typedef {"mean" | "median" | "min" | "max"} Middle
 * @typedef {"minmax" | "std" | "stderr" | "none"} Spread
 * @typedef {{x: Float64Array, y: Float64Array}} XY
 */

const MOST = 500; // places along x

/**
 * @param {readonly XY[]} curves each by rising x @param {Middle} middle @param {Spread} spread
 * @returns {{x: Float64Array, y: Float64Array, low?: Float64Array, high?: Float64Array}}
 */
export function combined(curves, middle, spread) {
  const usable = curves.map(finite).filter(({ x }) => x.length > 0);
  const x = places(usable);
  const y = new Float64Array(x.length);
  const low = new Float64Array(x.length);
  const high = new Float64Array(x.length);
  const at = new Int32Array(usable.length);
  const values = new Float64Array(usable.length);
  for (let i = 0; i < x.length; i++) {
    let count = 0;
    for (let c = 0; c < usable.length; c++) {
      const curve = usable[c];
      const last = curve.x.length - 1;
      if (x[i] < curve.x[0] || x[i] > curve.x[last]) continue;
      while (at[c] < last && curve.x[at[c] + 1] <= x[i]) at[c]++;
      values[count++] = between(curve, at[c], x[i]);
    }
    [y[i], low[i], high[i]] = summary(values.subarray(0, count), middle, spread);
  }
  return spread === "none" ? { x, y } : { x, y, low, high };
}

/** @param {XY} curve */
function finite(curve) {
  if (curve.y.every(Number.isFinite)) return curve;
  const keep = [...curve.y.keys()].filter((i) => Number.isFinite(curve.y[i]));
  return {
    x: Float64Array.from(keep, (i) => curve.x[i]),
    y: Float64Array.from(keep, (i) => curve.y[i]),
  };
}

/** The curves' own x, where they are few, else places evenly along it. @param {XY[]} curves */
function places(curves) {
  const own = new Set();
  for (const { x } of curves) {
    for (const each of x) own.add(each);
    if (own.size > MOST) break;
  }
  if (own.size <= MOST) return Float64Array.from(own).sort();
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { x } of curves) {
    low = Math.min(low, x[0]);
    high = Math.max(high, x[x.length - 1]);
  }
  return Float64Array.from({ length: MOST }, (_, i) => low + ((high - low) * i) / (MOST - 1));
}

/** @param {XY} curve @param {number} i @param {number} at from x[i] on, before the next */
function between({ x, y }, i, at) {
  if (x[i] === at || i + 1 >= x.length || x[i + 1] === x[i]) return y[i];
  return y[i] + ((y[i + 1] - y[i]) * (at - x[i])) / (x[i + 1] - x[i]);
}

/** @param {Float64Array} values @param {Middle} middle @param {Spread} spread
 * @returns {[number, number, number]} */
function summary(values, middle, spread) {
  const n = values.length;
  if (!n) return [Number.NaN, Number.NaN, Number.NaN];
  let [sum, least, most] = [0, values[0], values[0]];
  for (const value of values) {
    sum += value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const mean = sum / n;
  let y = mean;
  if (middle === "min") y = least;
  else if (middle === "max") y = most;
  else if (middle === "median") {
    const sorted = values.slice().sort();
    y = (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2;
  }
  if (spread === "minmax" || spread === "none") return [y, least, most];
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const deviation = n > 1 ? Math.sqrt(squares / (n - 1)) : 0;
  const half = spread === "std" ? deviation : deviation / Math.sqrt(n);
  return [y, mean - half, mean + half];
}
