/**
 * From the series that the server gave to the curves that a panel draws: named, coloured, smoothed,
 * grouped. Pure. Neighbours: charts/smoothing.js, charts/groups.js, line_panel.js.
 */
import { isRising } from "../charts/curves.js";
import { combined } from "../charts/groups.js";
import { smooth } from "../charts/smoothing.js";
import { colorOf } from "../colors.js";

/**
 * @typedef {import("../charts/curves.js").Curve} Curve
 * @typedef {import("../charts/series_cache.js").Kept} Kept
 * @typedef {import("./settings.js").Settings} Settings
 * @typedef {{id: string, name: string, color: string, live?: boolean, group?: string}} Run
 */

const DASHES = [[], [7, 3], [2, 2], [9, 3, 2, 3], [4, 4]];

/** @type {WeakMap<Float64Array, {how: string, smoothed: Float64Array}>} */
const done = new WeakMap();

/**
 * @param {Kept[]} series @param {Run[]} runs @param {string[]} keys @param {Settings} settings
 * @returns {Curve[]}
 */
export function curvesOf(series, runs, keys, settings) {
  const by = new Map(runs.map((run) => [run.id, run]));
  const grouped = runs.some((run) => run.group !== undefined);
  const plain = grouped ? groups(series, by, keys, settings) : single(series, by, keys);
  const { smooth: kind = "none", amount = 0, raw = true } = settings;
  if (kind === "none" || !amount) return plain;
  const range = kind === "time-ema" ? rangeOf(plain) : 0;
  const how = `${kind} ${amount} ${range}`;
  return plain.map((curve) => {
    const known = done.get(curve.y);
    const y =
      known?.how === how ? known.smoothed : smooth(curve.x, curve.y, { kind, amount }, range);
    if (known?.how !== how) done.set(curve.y, { how, smoothed: y });
    return raw && y !== curve.y && !curve.low ? { ...curve, y, faint: curve.y } : { ...curve, y };
  });
}

/** A curve for each run and key. @param {Kept[]} series @param {Map<string, Run>} runs
 * @param {string[]} keys @returns {Curve[]} */
function single(series, runs, keys) {
  const alone = runs.size === 1;
  return series.flatMap(({ run, key, x, y }) => {
    const { name, color } = runs.get(run) ?? { name: run, color: colorOf(run) };
    if (!x.length) return [];
    if (keys.length === 1) return [{ id: run, label: name, color, x, y }];
    const label = alone ? key : `${name}: ${key}`;
    const dash = alone ? [] : DASHES[keys.indexOf(key) % DASHES.length];
    const id = alone ? key : `${run}\n${key}`;
    return [{ id, label, color: alone ? colorOf(key) : color, dash, x, y }];
  });
}

/** A curve for each group and key, with a band. @param {Kept[]} series
 * @param {Map<string, Run>} runs @param {string[]} keys @param {Settings} settings
 * @returns {Curve[]} */
function groups(series, runs, keys, { middle = "mean", band = "minmax" }) {
  /** @type {Map<string, Kept[]>} */
  const members = new Map();
  for (const each of series) {
    const group = runs.get(each.run)?.group;
    if (group === undefined || !each.x.length || !isRising(each.x)) continue;
    const name = keys.length > 1 ? `${group}: ${each.key}` : group;
    members.set(name, [...(members.get(name) ?? []), each]);
  }
  return [...members].map(([label, those]) => ({
    id: label,
    label: `${label} (${those.length})`,
    color: colorOf(runs.get(those[0].run)?.group ?? label),
    dash: DASHES[keys.indexOf(those[0].key) % DASHES.length],
    ...combined(those, middle, band),
  }));
}

/** How far all curves together reach along x. @param {Curve[]} curves */
function rangeOf(curves) {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { x } of curves) {
    if (!x.length) continue;
    low = Math.min(low, x[0]);
    high = Math.max(high, x[x.length - 1]);
  }
  return high - low;
}

/** The run that a curve of `single` belongs to. @param {string} id */
export function runOfCurve(id) {
  return id.split("\n")[0];
}
