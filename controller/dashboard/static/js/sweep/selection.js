/**
 * What is chosen on a sweep's page: ranges of parameters and results (brushes), and single trials.
 * Pure. It lives in the page's address; every chart and the table show the same.
 *
 * Neighbours: trial_columns.js (the columns), charts.js and the table (who show and change it).
 */

/**
 * @typedef {[number, number] | null} Range both ends included; null: those without a value
 * @typedef {Range[] | string[]} Brush any of these ranges; of categories: their names, "" for none
 * @typedef {{brushes: Record<string, Brush>, picked: number[]}} Chosen
 * brushes by axis, all of them hold at once: a parameter's dotted name, "objective", "number",
 * "ended", or "metric:NAME"; picked: the numbers of trials that somebody clicked
 */

/** @typedef {import("./trial_columns.js").Trials} Trials */

/** @type {Chosen} */
export const NONE_CHOSEN = { brushes: {}, picked: [] };

/** A category's name: what is written at its tick, and kept in a brush. @param {any} value */
export function categoryName(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * The values of an axis, one a trial.
 * @param {Trials} trials @param {string} axis @returns {ArrayLike<any>}
 */
export function columnOf(trials, axis) {
  if (axis === "objective") return trials.objectives;
  if (axis === "number") return trials.numbers;
  if (axis === "ended") return trials.ended;
  if (axis.startsWith("metric:")) return trials.metrics[axis.slice("metric:".length)] ?? [];
  return trials.params[axis] ?? [];
}

/**
 * Which trials all brushes let through.
 * @param {Trials} trials @param {Chosen} chosen
 * @returns {Uint8Array | null} 1 a trial that passes; null: nothing is brushed, all pass
 */
export function selected(trials, chosen) {
  const brushes = Object.entries(chosen.brushes ?? {}).filter(([, brush]) => brush.length);
  if (!brushes.length) return null;
  const passes = new Uint8Array(trials.count).fill(1);
  for (const [axis, brush] of brushes) {
    const column = columnOf(trials, axis);
    const holds = holder(brush);
    for (let i = 0; i < trials.count; i++) if (passes[i] && !holds(column[i])) passes[i] = 0;
  }
  return passes;
}

/** @param {Brush} brush @returns {(value: any) => boolean} */
export function holder(brush) {
  if (typeof brush[0] === "string") {
    const names = new Set(/** @type {string[]} */ (brush));
    return (value) => names.has(categoryName(value));
  }
  const ranges = /** @type {Range[]} */ (brush);
  return (value) =>
    ranges.some((range) =>
      range ? value !== null && value >= range[0] && value <= range[1] : !Number.isFinite(value),
    );
}

/** How many are 1. @param {Uint8Array} passes */
export function countOf(passes) {
  let count = 0;
  for (const each of passes) count += each;
  return count;
}

/** With another brush on an axis; an empty one takes it away.
 * @param {Chosen} chosen @param {string} axis @param {Brush} brush @returns {Chosen} */
export function brushed(chosen, axis, brush) {
  const { [axis]: _, ...others } = chosen.brushes;
  return { ...chosen, brushes: brush.length ? { ...others, [axis]: brush } : others };
}

/** Picks a trial, or lets it go if it was picked; `more`: beside those that are.
 * @param {Chosen} chosen @param {number} number @param {boolean} [more] @returns {Chosen} */
export function picked(chosen, number, more = false) {
  const others = chosen.picked.filter((each) => each !== number);
  const was = others.length < chosen.picked.length;
  return { ...chosen, picked: [...(more ? others : []), ...(was ? [] : [number])] };
}
