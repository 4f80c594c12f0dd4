/**
 * The axes of a sweep's parameters: of the space that its file describes, and of what trials had.
 * Pure. Neighbours: selection.js (columns by axis), charts/*.js (draw them), analysis_api.py (tells
 * the space).
 */
import { category, extent, fitted, linear, log } from "../charts/scales.js";
import { categoryName } from "./selection.js";

/**
 * @typedef {import("./trial_columns.js").Trials} Trials
 * @typedef {import("../charts/scales.js").Scale} Scale
 * @typedef {{name: string, kind: "number" | "category" | "constant", log: boolean, whole: boolean,
 *   low: number | null, high: number | null, values: any[] | null, when?: string}} Parameter
 * @typedef {{parameters: Parameter[], metric: {name: string, goal: string} | null,
 *   rule: {type: string, rungs: number[], from: number} | null}} Space
 * @typedef {{name: string, label: string, scale: Scale, values: ArrayLike<any>}} Axis
 * values: numbers, or the names of categories; undefined, NaN or "": the trial has none
 */

/** Categories that are numbers, and so many, are an axis of numbers. */
const MOST_CATEGORIES = 24;

/** @type {WeakMap<any[], {scale: Scale, axis: Axis, parameter: Parameter}>} */
const made = new WeakMap();

/**
 * The parameters in which trials differ. The same column gives the same axis again.
 * @param {Space} space @param {Trials} trials @returns {Axis[]}
 */
export function axesOf(space, trials) {
  const known = new Map(space.parameters.map((parameter) => [parameter.name, parameter]));
  // A file that was changed may have left parameters behind in the trials.
  const names = new Set([...known.keys(), ...Object.keys(trials.params).sort()]);
  const found = [];
  for (const name of names) {
    const column = trials.params[name];
    if (!column || !varies(column)) continue;
    found.push(axisOf(known.get(name) ?? guessed(name, column), column));
  }
  return found;
}

/** @param {Parameter} parameter @param {any[]} column @returns {Axis} */
function axisOf(parameter, column) {
  const kept = made.get(column);
  if (kept && JSON.stringify(kept.parameter) === JSON.stringify(parameter)) return kept.axis;
  const there = column.filter((value) => value !== undefined && value !== null);
  const numbers = there.every((value) => typeof value === "number");
  const many = new Set(there.map(categoryName)).size > MOST_CATEGORIES;
  const asNumber = numbers && (parameter.kind === "number" || many);
  const scale = asNumber ? numeric(parameter, there) : categories(parameter, there);
  const values = asNumber ? column : column.map(categoryName);
  const axis = { name: parameter.name, label: parameter.name, scale, values };
  made.set(column, { scale, axis, parameter });
  return axis;
}

/** @param {Parameter} parameter @param {number[]} there @returns {Scale} */
function numeric(parameter, there) {
  const found = extent(there, parameter.log) ?? [0, 1];
  const low = Math.min(parameter.low || parameter.low === 0 ? parameter.low : found[0], found[0]);
  const high = Math.max(parameter.high ?? found[1], found[1]);
  if (parameter.log && low > 0) return log(low, high);
  return parameter.log ? fitted("log", there) : linear(low, high);
}

/** @param {Parameter} parameter @param {any[]} there @returns {Scale} */
function categories(parameter, there) {
  const seen = new Set(there.map(categoryName));
  const listed = (parameter.values ?? []).map(categoryName);
  const names = [...new Set([...listed, ...[...seen].sort()])].filter((name) => name !== "");
  return category(names);
}

/** @param {any[]} column */
function varies(column) {
  const first = categoryName(column[0]);
  return column.some((value) => categoryName(value) !== first);
}

/** @param {string} name @param {any[]} column @returns {Parameter} */
function guessed(name, column) {
  const numbers = column.every(
    (each) => typeof each === "number" || each === undefined || each === null,
  );
  const kind = numbers ? "number" : "category";
  return { name, kind, log: false, whole: false, low: null, high: null, values: null };
}

/**
 * An order of names that somebody made, with those that it does not know behind it.
 * @template {{name: string}} T @param {readonly T[]} axes @param {readonly string[]} order
 * @param {readonly string[]} hidden @returns {T[]}
 */
export function arranged(axes, order, hidden) {
  const place = new Map(order.map((name, i) => [name, i]));
  const last = order.length;
  return axes
    .filter((axis) => !hidden.includes(axis.name))
    .map((axis, i) => ({ axis, at: place.get(axis.name) ?? last + i }))
    .sort((a, b) => a.at - b.at)
    .map(({ axis }) => axis);
}
