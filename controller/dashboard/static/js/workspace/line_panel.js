/**
 * A panel of curves: one metric or several, of all runs that are shown. Neighbours: curves_of.js
 * (what is drawn of the series), charts/series_data.js, panel_of.js (chooses among panels).
 */
import { series as fetchSeries } from "../api.js";
import { LineChart } from "../charts/line_chart.js";
import { Panel } from "../charts/panel.js";
import { useSeries } from "../charts/series_data.js";
import { Failure } from "../components/states.js";
import { html, useMemo } from "../html.js";
import { curvesOf, runOfCurve } from "./curves_of.js";
import { definition } from "./layout.js";
import { labelOf, scaleOf } from "./settings.js";

/** @typedef {import("./panel_of.js").PanelProps} PanelProps */

const ALL_POINTS = 100_000;

/** @param {PanelProps} props */
export function LinePanel({
  panel,
  runs,
  settings,
  logged,
  kind,
  cursor,
  height,
  points,
  ...rest
}) {
  const { frame, onSettings, onPick } = rest;
  const { keys } = panel;
  const x = xOf(keys, settings, logged, kind);
  const zoom = settings.zoom ?? null;
  const ids = useMemo(() => runs.map(({ id }) => id), [runs]);
  const live = useMemo(() => runs.filter((run) => run.live).map(({ id }) => id), [runs]);
  const looked = { runs: ids, keys, x, range: zoom, kind };
  const { series, loading, error, reload } = useSeries({
    ...looked,
    live,
    points: settings.points ?? points,
  });
  const curves = useMemo(
    () => curvesOf(series, runs, keys, settings),
    [series, runs, keys, settings],
  );
  const scale = settings.xlog ? "log" : scaleOf(x);
  const { ymin, ymax } = settings;
  const yRange = useMemo(
    () =>
      /** @type {[number, number] | null} */ (
        ymin !== undefined && ymax !== undefined && ymin < ymax ? [ymin, ymax] : null
      ),
    [ymin, ymax],
  );
  const rows = () => tableOf(curves, labelOf(x));
  /** @param {string} curve */
  const pick = (curve) => {
    const id = runOfCurve(curve); // else it is a group
    if (ids.includes(id)) onPick?.(id);
  };
  const allRows = async () => {
    const query = { runs: ids, keys, x, kind, points: ALL_POINTS };
    const names = new Map(runs.map(({ id, name }) => [id, name]));
    const found = await fetchSeries(query);
    return [
      ["run", "id", "metric", labelOf(x), "value"],
      ...found.flatMap(({ run, key, x: xs, y: ys }) =>
        Array.from(xs, (at, i) => [names.get(run) ?? run, run, key, at, ys[i]]),
      ),
    ];
  };
  return html`<${Panel} ...${frame} title=${panel.title} csv=${rows} fullCsv=${allRows}
    tools=${zoom && html`<button type="button" class="panel-tool" onClick=${() => onSettings({ zoom: undefined })}>Reset zoom</button>`}>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${!error && !loading && !curves.length && html`<p class="quiet panel-says">None of these runs has logged ${keys.join(", ")}${keys.includes(x) || x.startsWith("_") ? "" : ` together with ${x}`}.</p>`}
    <${LineChart} label=${panel.title} series=${curves} xLabel=${labelOf(x)} xScale=${scale}
      yScale=${settings.ylog ? "log" : "linear"} xRange=${zoom} yRange=${yRange}
      onZoom=${(/** @type {[number, number] | null} */ range) => onSettings({ zoom: range ? shortened(range) : undefined })}
      outliers=${settings.outliers ?? false} group=${cursor} height=${height} waiting=${loading && !curves.length}
      legend=${settings.legend ?? (frame.full || curves.length <= 4)}
      onPick=${onPick && pick} />
  <//>`;
}

/** Along what the panel draws. @param {string[]} keys @param {import("./settings.js").Settings} settings
 * @param {import("./layout.js").Logged} logged @param {"history" | "system"} kind */
function xOf(keys, settings, logged, kind) {
  if (settings.x) return settings.x;
  const step = definition(logged.metrics, keys[0])?.step_metric;
  return step || (kind === "system" ? "_runtime" : "_step");
}

/** For an address: as many digits as a screen has pixels.
 * @param {[number, number]} range @returns {[number, number]} */
function shortened([low, high]) {
  const digits = Math.max(3 - Math.floor(Math.log10(high - low)), 0);
  const short = (/** @type {number} */ each) => Number(each.toFixed(Math.min(digits, 20)));
  return [short(low), short(high)];
}

/** @param {import("../charts/curves.js").Curve[]} curves @param {string} xLabel
 * @returns {import("../charts/panel.js").Rows} */
function tableOf(curves, xLabel) {
  const band = curves.some(({ low }) => low);
  const faint = curves.some((curve) => curve.faint);
  const head = ["curve", xLabel, "value", ...(faint ? ["before smoothing"] : [])];
  const rows = curves.flatMap(({ label, x, y, faint: raw, low, high }) =>
    Array.from(x, (at, i) => [
      label,
      at,
      y[i],
      ...(faint ? [raw?.[i]] : []),
      ...(band ? [low?.[i], high?.[i]] : []),
    ]),
  );
  return [[...head, ...(band ? ["low", "high"] : [])], ...rows];
}
