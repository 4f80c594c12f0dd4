/**
 * Learning curves as the chart takes them: which point is which iteration. Pure.
 *
 * Iteration k of a trial is its k-th finite value, as the stopping rules count (sweeps/stopping).
 * Where a curve is so long that it was thinned, its iterations cannot be counted: then steps are all
 * there is. Neighbour: charts/curves.js.
 */

/** @typedef {import("../charts/series_cache.js").Kept} Kept */

/** @type {WeakMap<Kept, {x: Float64Array, y: Float64Array}>} */
const counted = new WeakMap();

/** A series over its iterations, 1, 2, 3, …. @param {Kept} series */
export function byIteration(series) {
  let found = counted.get(series);
  if (!found) {
    const y = series.y.filter(Number.isFinite);
    found = { x: Float64Array.from(y, (_, i) => i + 1), y };
    counted.set(series, found);
  }
  return found;
}

/** Of each run the series that has points: the metric may be logged with a slash for a dot.
 * @param {readonly Kept[]} series @returns {Map<string, Kept>} by run */
export function byRun(series) {
  const found = new Map();
  for (const each of series) if (each.x.length || !found.has(each.run)) found.set(each.run, each);
  return found;
}

/** The names under which a metric may be logged. @param {string} metric */
export function keysOf(metric) {
  const slashed = metric.replaceAll(".", "/");
  return slashed === metric ? [metric] : [metric, slashed];
}

/** The rungs that curves reach, and the next one. @param {readonly number[]} rungs
 * @param {number} longest iterations */
export function rungsWithin(rungs, longest) {
  const within = rungs.filter((rung) => rung <= longest);
  const next = rungs[within.length];
  return next !== undefined && next <= longest * 1.5 ? [...within, next] : within;
}
