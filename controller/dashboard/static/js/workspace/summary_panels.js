/**
 * Panels of values that a run has once: bars of the last values, a scatter plot, parallel
 * coordinates. Neighbours: run_values.js, panel_of.js, charts/{bars,scatter,parallel}.js.
 */
import { Bars } from "../charts/bars.js";
import { useTheme } from "../charts/canvas.js";
import { Panel } from "../charts/panel.js";
import { ParallelCoordinates } from "../charts/parallel.js";
import { category, fitted } from "../charts/scales.js";
import { Scatter } from "../charts/scatter.js";
import { colorOf, viridis } from "../colors.js";
import { Failure } from "../components/states.js";
import { value as spelled } from "../format.js";
import { html, useCallback, useMemo, useState } from "../html.js";
import { useRunValues } from "./run_values.js";

/**
 * @typedef {import("./panel_of.js").PanelProps} PanelProps
 * @typedef {import("./curves_of.js").Run} Run
 */

/** @type {string[]} */
const NONE = [];

/** @param {PanelProps} props */
export function BarPanel({ panel, runs, settings, frame }) {
  const [key] = panel.keys;
  const { data, error, reload } = useRunValues(runs, panel.keys);
  const items = useMemo(
    () => (data ? barsOf(runs, data[key], settings) : []),
    [data, runs, settings],
  );
  const rows = () => [["run", key], ...items.map(({ label, value }) => [label, value])];
  return html`<${Panel} ...${frame} title=${panel.title} csv=${rows}>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${data && !items.length && html`<p class="quiet panel-says">No run has a number as ${key}.</p>`}
    <div class="panel-scroll"><${Bars} label=${panel.title} items=${items} /></div>
  <//>`;
}

/** @param {Run[]} runs @param {Map<string, any>} values @param {import("./settings.js").Settings} settings
 * @returns {import("../charts/bars.js").Item[]} */
function barsOf(runs, values, { middle = "mean" }) {
  const usable = runs.filter(({ id }) => typeof values.get(id) === "number");
  if (!runs.some((run) => run.group !== undefined))
    return usable.map(({ id, name, color }) => ({ label: name, value: values.get(id), color }));
  /** @type {Map<string, number[]>} */
  const groups = new Map();
  for (const { id, group = "none" } of usable)
    groups.set(group, [...(groups.get(group) ?? []), values.get(id)]);
  return [...groups].map(([label, those]) => {
    const sorted = Float64Array.from(those).sort();
    const [low, high] = [sorted[0], sorted[sorted.length - 1]];
    const mean = those.reduce((sum, each) => sum + each, 0) / those.length;
    const median = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
    const value = { mean, median, min: low, max: high }[middle];
    return { label, value, low, high, color: colorOf(label) };
  });
}

/** @param {PanelProps} props */
export function ScatterPanel({ panel, runs, settings, height, frame, onPick }) {
  const [x, y, z] = panel.keys;
  const { data, error, reload } = useRunValues(runs, panel.keys.filter(Boolean));
  const points = useMemo(() => pointsOf(runs, data, x, y, z), [runs, data, x, y, z]);
  const rows = () => [
    ["run", x, y, ...(z ? [z] : [])],
    ...points.members.map(({ id, name }) => [
      name,
      ...[x, y, ...(z ? [z] : [])].map((key) => data?.[key]?.get(id)),
    ]),
  ];
  return html`<${Panel} ...${frame} title=${panel.title === x ? `${y} over ${x}` : panel.title} csv=${rows}
    subtitle=${z && `colour: ${z}`}>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${data && !points.members.length && html`<p class="quiet panel-says">No run has a number as ${x} and as ${y}.</p>`}
    <${Scatter} label=${panel.title} points=${points} xLabel=${x} yLabel=${y} height=${height}
      xScale=${settings.xlog ? "log" : x.endsWith("_at") ? "time" : "linear"} yScale=${settings.ylog ? "log" : "linear"} onPick=${onPick} />
  <//>`;
}

/** @param {Run[]} runs @param {Record<string, Map<string, any>> | undefined} data @param {string} x
 * @param {string} y @param {string | undefined} z */
function pointsOf(runs, data, x, y, z) {
  const isNumber = (/** @type {unknown} */ each) => typeof each === "number";
  const members = data
    ? runs.filter(({ id }) => isNumber(data[x].get(id)) && isNumber(data[y].get(id)))
    : [];
  const of = (/** @type {string} */ key) => members.map(({ id }) => data?.[key].get(id));
  const shade = z && data ? shades(of(z)) : null;
  return {
    members,
    ids: members.map(({ id }) => id),
    x: of(x),
    y: of(y),
    colors: members.map((run, i) => shade?.[i] ?? run.color),
    text: (/** @type {number} */ i) => {
      const { id, name } = members[i];
      const keys = [x, y, ...(z ? [z] : [])];
      return html`<b>${name}</b>${keys.map((key) => html`<br />${key} ${spelled(data?.[key].get(id))}`)}`;
    },
  };
}

/** @param {any[]} values @returns {(string | undefined)[]} */
function shades(values) {
  if (!values.every((each) => typeof each === "number"))
    return values.map((each) => (each === undefined ? undefined : colorOf(spelled(each))));
  const scale = fitted("linear", values, 0);
  return values.map((each) => viridis(scale.place(each)));
}

/** @param {PanelProps} props */
export function ParallelPanel({ panel, runs, settings, height, frame, onPick }) {
  const { data, error, reload } = useRunValues(runs, panel.keys);
  const [brushes, setBrushes] = useState(/** @type {Record<string, any>} */ ({}));
  const [order, setOrder] = useState(NONE);
  const [hidden, setHidden] = useState(NONE);
  const [flipped, setFlipped] = useState(NONE);
  const dark = useTheme().dark;
  const all = useMemo(
    () => (data ? panel.keys.map((key) => axisOf(key, runs, data[key], settings)) : []),
    [data, runs, panel.keys, settings],
  );
  const axes = useMemo(() => {
    const rank = new Map(order.map((name, i) => [name, i]));
    return all
      .filter(({ name }) => !hidden.includes(name))
      .sort((a, b) => (rank.get(a.name) ?? 0) - (rank.get(b.name) ?? 0))
      .map((axis) => (flipped.includes(axis.name) ? { ...axis, flipped: true } : axis));
  }, [all, order, hidden, flipped]);
  const ids = useMemo(() => runs.map((_, i) => i), [runs]);
  const parts = useMemo(() => {
    const last = all[all.length - 1];
    return runs.map((_, i) => (last ? last.scale.place(last.values[i]) : Number.NaN));
  }, [all, runs]);
  const passing = useCallback(
    (/** @type {Record<string, any>} */ wanted) => passed(all, runs.length, wanted),
    [all, runs],
  );
  const names = axes.map(({ name }) => name);
  /** @param {string} name @param {number} to */
  const move = (name, to) => {
    const rest = names.filter((each) => each !== name);
    rest.splice(to, 0, name);
    setOrder(rest);
  };
  const rows = () => [
    ["run", ...names],
    ...runs.map((run, i) => [run.name, ...axes.map(({ values }) => values[i])]),
  ];
  return html`<${Panel} ...${frame} title=${panel.title} csv=${rows}
    tools=${hidden.length > 0 && html`<button type="button" class="panel-tool" onClick=${() => setHidden(NONE)}>Show all axes</button>`}>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${
      axes.length > 0 &&
      html`<${ParallelCoordinates} label=${panel.title} axes=${axes} ids=${ids} parts=${parts} lowLast=${!dark}
        brushes=${brushes} passing=${passing} height=${height}
        text=${(/** @type {number} */ i) => html`<b>${runs[i].name}</b>`}
        onBrush=${(/** @type {string} */ axis, /** @type {any} */ brush) => setBrushes({ ...brushes, [axis]: brush })}
        onPick=${(/** @type {number} */ i) => onPick?.(runs[i].id)} onMove=${move}
        onFlip=${(/** @type {string} */ name) => setFlipped(toggled(flipped, name))}
        onHide=${(/** @type {string} */ name) => setHidden(toggled(hidden, name))} />`
    }
  <//>`;
}

/** @param {string} key @param {Run[]} runs @param {Map<string, any>} found
 * @param {import("./settings.js").Settings} settings */
function axisOf(key, runs, found, { ylog }) {
  const values = runs.map(({ id }) => found.get(id));
  const there = values.filter((each) => each !== undefined);
  if (there.every((each) => typeof each === "number")) {
    const scale = fitted(ylog && there.every((each) => each > 0) ? "log" : "linear", there, 0);
    return { name: key, label: short(key), scale, values };
  }
  const texts = values.map((each) => (each === undefined ? undefined : spelled(each)));
  const names = [...new Set(texts.filter((each) => each !== undefined))].sort();
  return {
    name: key,
    label: short(key),
    scale: category(/** @type {string[]} */ (names)),
    values: texts,
  };
}

/** @param {any[]} axes @param {number} count @param {Record<string, any>} brushes
 * @returns {Uint8Array | null} */
function passed(axes, count, brushes) {
  const used = axes.filter(({ name }) => brushes[name]?.length);
  if (!used.length) return null;
  return Uint8Array.from({ length: count }, (_, i) =>
    used.every(({ name, values }) =>
      brushes[name].some((/** @type {any} */ one) =>
        Array.isArray(one)
          ? values[i] >= one[0] && values[i] <= one[1]
          : one === null
            ? values[i] === undefined
            : values[i] === one,
      ),
    )
      ? 1
      : 0,
  );
}

/** @param {string[]} list @param {string} name */
function toggled(list, name) {
  return list.includes(name) ? list.filter((each) => each !== name) : [...list, name];
}

/** @param {string} key */
function short(key) {
  return key.replace(/^(config|summary|metadata)\./, "");
}
