/**
 * What wandb.plot's charts draw of their tables: which of our charts, and of which columns. Pure.
 * Neighbours: custom_chart.js; logging_core/plot (who makes such tables).
 */
import { colorOf } from "../colors.js";

/**
 * @typedef {{columns: string[], rows: any[][]}} Table
 * @typedef {{run: import("./curves_of.js").Run, table: Table}} RunTable
 * @typedef {import("./layout.js").Chart} Chart
 * @typedef {import("../charts/curves.js").Curve} Curve
 * @typedef {{kind: "lines", curves: Curve[], x: string, y: string}
 *   | {kind: "points", points: {run: RunTable["run"], x: number[], y: number[]}[], x: string, y: string}
 *   | {kind: "bars", items: {label: string, value: number, color: string}[], value: string}
 *   | {kind: "histogram", values: number[], bins: number[], value: string}
 *   | {kind: "matrix", run: RunTable["run"], actual: string[], predicted: string[],
 *      counts: number[][]}
 *   | {kind: "none"}} Drawing
 */

const BINS = 30;
const DASHES = [[], [7, 3], [2, 2], [9, 3, 2, 3]]; // for the values of a column, where there are runs too

/** @type {Record<string, (chart: Chart, tables: RunTable[]) => Drawing>} */
const SPECS = {
  "wandb/line/v0": (chart, tables) =>
    lines(tables, chart.fields.x, chart.fields.y, chart.fields.stroke, chart),
  "wandb/lineseries/v0": (chart, tables) =>
    lines(tables, chart.fields.step, chart.fields.lineVal, chart.fields.lineKey, chart),
  "wandb/area-under-curve/v0": (chart, tables) =>
    lines(tables, chart.fields.x, chart.fields.y, chart.fields.class, chart),
  "wandb/scatter/v0": points,
  "wandb/bar/v0": bars,
  "wandb/histogram/v0": histogram,
  "wandb/confusion_matrix/v1": matrix,
};

/** @param {Chart} chart @param {RunTable[]} tables @returns {Drawing} */
export function drawingOf(chart, tables) {
  const usable = tables.filter(({ table }) => table.rows.length > 0);
  return isKnown(chart.spec) && usable.length ? SPECS[chart.spec](chart, usable) : { kind: "none" };
}

/** @param {string} spec */
export function isKnown(spec) {
  return Object.hasOwn(SPECS, spec);
}

/** @param {Table} table @param {string | undefined | null} name @returns {any[] | null} */
function column(table, name) {
  const at = name ? table.columns.indexOf(name) : -1;
  return at < 0 ? null : table.rows.map((row) => row[at]);
}

/** A curve for each run and each value of a column.
 * @param {RunTable[]} tables @param {string} x @param {string} y @param {string | null | undefined} by
 * @param {Chart} chart @returns {Drawing} */
function lines(tables, x, y, by, { texts }) {
  /** @type {Curve[]} */
  const curves = [];
  const alone = tables.length === 1;
  /** @type {string[]} */
  const seen = [];
  for (const { run, table } of tables) {
    const [xs, ys, names] = [column(table, x), column(table, y), column(table, by)];
    if (!xs || !ys) continue;
    /** @type {Map<string, number[]>} */
    const members = new Map();
    for (const i of xs.keys()) {
      const name = names ? String(names[i]) : "";
      members.set(name, [...(members.get(name) ?? []), i]);
    }
    for (const [name, those] of members) {
      const sorted = [...those].sort((a, b) => Number(xs[a]) - Number(xs[b]));
      if (!seen.includes(name)) seen.push(name);
      curves.push({
        id: `${run.id}\n${name}`,
        label: [alone && name ? "" : run.name, name].filter(Boolean).join(": "),
        color: alone && name ? colorOf(name) : run.color,
        x: Float64Array.from(sorted, (i) => toNumber(xs[i])),
        y: Float64Array.from(sorted, (i) => toNumber(ys[i])),
        dash: alone ? [] : DASHES[seen.indexOf(name) % DASHES.length],
        points: those.length < 3,
      });
    }
  }
  return {
    kind: "lines",
    curves,
    x: texts["x-axis-title"] || texts.xname || x,
    y: texts["y-axis-title"] || y,
  };
}

/** @param {Chart} chart @param {RunTable[]} tables @returns {Drawing} */
function points({ fields }, tables) {
  const found = tables.flatMap(({ run, table }) => {
    const [x, y] = [column(table, fields.x), column(table, fields.y)];
    return x && y ? [{ run, x: x.map(toNumber), y: y.map(toNumber) }] : [];
  });
  return { kind: "points", points: found, x: fields.x, y: fields.y };
}

/** @param {Chart} chart @param {RunTable[]} tables @returns {Drawing} */
function bars({ fields }, tables) {
  const alone = tables.length === 1;
  const items = tables.flatMap(({ run, table }) => {
    const [labels, values] = [column(table, fields.label), column(table, fields.value)];
    if (!labels || !values) return [];
    return values.map((value, i) => ({
      label: alone ? String(labels[i]) : `${run.name}: ${labels[i]}`,
      value: toNumber(value),
      color: run.color,
    }));
  });
  return { kind: "bars", items, value: fields.value };
}

/** @param {Chart} chart @param {RunTable[]} tables @returns {Drawing} */
function histogram({ fields }, tables) {
  const all = tables
    .flatMap(({ table }) => column(table, fields.value) ?? [])
    .map(toNumber)
    .filter(Number.isFinite);
  if (!all.length) return { kind: "none" };
  const low = all.reduce((a, b) => Math.min(a, b));
  const high = all.reduce((a, b) => Math.max(a, b));
  const size = (high - low) / BINS || 1;
  const values = new Array(BINS).fill(0);
  for (const each of all) values[Math.min(Math.floor((each - low) / size), BINS - 1)]++;
  const bins = Array.from({ length: BINS + 1 }, (_, i) => low + size * i);
  return { kind: "histogram", values, bins, value: fields.value };
}

/** The first run's: matrices lie on top of each other badly. @param {Chart} chart
 * @param {RunTable[]} tables @returns {Drawing} */
function matrix({ fields }, [{ run, table }]) {
  const [actual, predicted, counts] = ["Actual", "Predicted", "nPredictions"].map((name) =>
    column(table, fields[name] ?? name),
  );
  if (!actual || !predicted || !counts) return { kind: "none" };
  const classes = [...new Set([...actual, ...predicted].map(String))];
  const cells = classes.map(() => classes.map(() => 0));
  for (const [i, count] of counts.entries())
    cells[classes.indexOf(String(actual[i]))][classes.indexOf(String(predicted[i]))] +=
      toNumber(count);
  return { kind: "matrix", run, actual: classes, predicted: classes, counts: cells };
}

/** @param {unknown} value */
function toNumber(value) {
  return typeof value === "number"
    ? value
    : value === null || value === ""
      ? Number.NaN
      : Number(value);
}
