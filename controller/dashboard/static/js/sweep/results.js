/**
 * What trials came to: the best so far, the front of two goals, which ones are worth a curve. Pure.
 * Neighbours: trial_columns.js (the columns), charts/*.js (draw it).
 */

/** @typedef {import("./trial_columns.js").Trials} Trials */

/** @param {number} a @param {number} b @param {boolean} maximize */
const better = (a, b, maximize) => (maximize ? a > b : a < b);

/**
 * The best value by each x: a point where it gets better, and one at the end.
 * @param {ArrayLike<number>} x @param {ArrayLike<number>} y NaN: none @param {boolean} maximize
 * @returns {{x: number[], y: number[]}}
 */
export function bestSoFar(x, y, maximize) {
  const order = [];
  for (let i = 0; i < y.length; i++)
    if (Number.isFinite(y[i]) && Number.isFinite(x[i])) order.push(i);
  order.sort((a, b) => x[a] - x[b]);
  /** @type {{x: number[], y: number[]}} */
  const line = { x: [], y: [] };
  let best = Number.NaN;
  for (const i of order) {
    if (!Number.isNaN(best) && !better(y[i], best, maximize)) continue;
    best = y[i];
    line.x.push(x[i]);
    line.y.push(best);
  }
  const last = order.at(-1);
  if (last !== undefined && x[last] > /** @type {number} */ (line.x.at(-1))) {
    line.x.push(x[last]);
    line.y.push(best);
  }
  return line;
}

/** The index of the best value; -1: there is none.
 * @param {ArrayLike<number>} values @param {boolean} maximize */
export function bestOf(values, maximize) {
  let found = -1;
  for (let i = 0; i < values.length; i++)
    if (Number.isFinite(values[i]) && (found < 0 || better(values[i], values[found], maximize)))
      found = i;
  return found;
}

/**
 * The values that colours are spent on: from the best to all but the worst tenth, so that a few huge
 * losses don't take them all. @param {ArrayLike<number>} values @param {boolean} maximize
 * @returns {[number, number] | null} null: there are none
 */
export function telling(values, maximize) {
  const known = Float64Array.from(values).filter(Number.isFinite).sort();
  if (!known.length) return null;
  const at = (/** @type {number} */ part) => known[Math.round(part * (known.length - 1))];
  return maximize ? [at(0.1), at(1)] : [at(0), at(0.9)];
}

/**
 * The points that no other beats in both: indices by rising x.
 * @param {ArrayLike<number>} x @param {ArrayLike<number>} y
 * @param {boolean} maximizeX @param {boolean} maximizeY @returns {number[]}
 */
export function front(x, y, maximizeX, maximizeY) {
  const order = [];
  for (let i = 0; i < x.length; i++)
    if (Number.isFinite(x[i]) && Number.isFinite(y[i])) order.push(i);
  const [sx, sy] = [maximizeX ? -1 : 1, maximizeY ? -1 : 1];
  order.sort((a, b) => sx * (x[a] - x[b]) || sy * (y[a] - y[b]));
  const found = [];
  let least = Number.POSITIVE_INFINITY;
  for (const i of order)
    if (sy * y[i] < least) {
      least = sy * y[i];
      found.push(i);
    }
  return maximizeX ? found.reverse() : found;
}

/**
 * Which trials' curves are drawn, if `most` are: those picked, then a share of the best, a share of
 * those that run, and an even sample of the others. Indices by number.
 * @param {Trials} trials @param {Uint8Array | null} passes @param {readonly number[]} picked
 * @param {boolean} maximize @param {number} most
 * @returns {{at: number[], best: number, running: number, sample: number, of: number}}
 */
export function worthACurve(trials, passes, picked, maximize, most) {
  const all = [];
  for (let i = 0; i < trials.count; i++)
    if ((!passes || passes[i]) && trials.states[i] !== "queued") all.push(i);
  const wanted = new Set();
  for (let i = 0; i < trials.count; i++) if (picked.includes(trials.numbers[i])) wanted.add(i);
  const count = { best: 0, running: 0, sample: 0 };
  /** @param {"best" | "running" | "sample"} what @param {number[]} from @param {number} limit */
  const take = (what, from, limit) => {
    for (const i of from) {
      if (wanted.size >= most || count[what] >= limit) break;
      if (wanted.has(i)) continue;
      wanted.add(i);
      count[what]++;
    }
  };
  const sign = maximize ? -1 : 1;
  const scored = all.filter((i) => Number.isFinite(trials.objectives[i]));
  scored.sort((a, b) => sign * (trials.objectives[a] - trials.objectives[b]));
  take("best", scored, Math.ceil(most * 0.4));
  take(
    "running",
    all.filter((i) => trials.states[i] === "running").reverse(),
    Math.ceil(most * 0.3),
  );
  const rest = all.filter((i) => !wanted.has(i));
  const every = Math.max(rest.length / Math.max(most - wanted.size, 1), 1);
  take(
    "sample",
    rest.filter((_, at) => Math.floor(at / every) !== Math.floor((at - 1) / every)),
    most,
  );
  return { at: [...wanted].sort((a, b) => a - b), ...count, of: all.length };
}
