/** A panel of curves: a chart a metric, the runs' colours as everywhere. */
import { LineChart } from "../charts/line_chart.js";
import { Panel } from "../charts/panel.js";
import { useSeries } from "../charts/series_data.js";
import { smooth } from "../charts/smoothing.js";
import { Failure } from "../components/states.js";
import { html, useMemo, useState } from "../html.js";
import { navigate, path } from "../router.js";
import { useRunColors } from "../runs/run_colors.js";
import { rest } from "./table_views.js";

/** @typedef {import("../charts/curves.js").Curve} Curve */

const AXES = /** @type {Record<string, {label: string, scale: any}>} */ ({
  _step: { label: "step", scale: "linear" },
  _runtime: { label: "time since the start", scale: "duration" },
  _timestamp: { label: "time", scale: "time" },
});
const OVER = new Set(["finished", "failed", "crashed", "stopped", "canceled"]);

/** @param {{answer: any}} props */
export function CurvesView({ answer }) {
  const { metrics, title } = answer.panel;
  return html`<div class="report-charts">
    ${metrics.map(
      (
        /** @type {string} */ metric,
      ) => html`<${MetricChart} key=${metric} answer=${answer} metric=${metric}
        title=${metrics.length === 1 && title ? title : metric} />`,
    )}
  </div>`;
}

/** @param {{answer: any, metric: string, title: string}} props */
function MetricChart({ answer, metric, title }) {
  /** @type {{panel: any, runs: {id: string, name: string, state: string}[], total: number, series: any}} */
  const { panel, runs, total, series: asked } = answer;
  const [range, setRange] = useState(/** @type {[number, number] | null} */ (null));
  const { series, loading, error, reload } = useSeries({
    runs: asked.runs,
    keys: [metric],
    x: asked.x,
    points: asked.points,
    range,
    live: runs.filter((run) => !OVER.has(run.state)).map((run) => run.id),
  });
  const colorOf = useRunColors();
  const colors = JSON.stringify(runs.map((run) => [run.id, colorOf(run.id)]));
  const curves = useMemo(
    () => curvesOf(series, runs, panel.smoothing, new Map(JSON.parse(colors))),
    [series, panel.smoothing, JSON.stringify(runs), colors],
  );
  const axis = AXES[panel.x] ?? { label: panel.x, scale: "linear" };
  const scale = (/** @type {string} */ name) => (panel.log.includes(name) ? "log" : "linear");
  const nothing = !loading && !error && !curves.length;
  return html`<${Panel} title=${title} subtitle=${rest(runs.length, total)}
    csv=${() => csv(curves, metric, panel.x)}>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${
      nothing
        ? html`<p class="empty">No run here has logged ${metric}.</p>`
        : html`<${LineChart} label=${title} series=${curves} height=${panel.height || 260}
            xLabel=${axis.label} xScale=${axis.scale === "linear" ? scale("x") : axis.scale}
            yScale=${scale("y")} legend=${runs.length > 1} xRange=${range} onZoom=${setRange}
            group=${`report ${asked.runs.join()} ${panel.x}`}
            onPick=${(/** @type {string} */ id) => navigate(path("runs", id))} />`
    }
  <//>`;
}

/**
 * @param {import("../charts/series_cache.js").Kept[]} series @param {{id: string, name: string}[]} runs
 * @param {number} weight of the smoothing, as W&B has it @param {Map<string, string>} colors
 * @returns {Curve[]}
 */
function curvesOf(series, runs, weight, colors) {
  const names = new Map(runs.map((run) => [run.id, run.name]));
  const drawn = series.filter(({ x }) => x.length);
  const ends = drawn.flatMap(({ x }) => [x[0], x[x.length - 1]]).filter(Number.isFinite);
  const span = Math.max(...ends) - Math.min(...ends);
  return drawn.map(({ run, x, y }) => {
    const smoothed = smooth(x, y, { kind: "time-ema", amount: weight }, span);
    const curve = {
      id: run,
      label: names.get(run) ?? run,
      color: colors.get(run) ?? "",
      x,
      y: smoothed,
    };
    return smoothed === y ? curve : { ...curve, faint: y };
  });
}

/** @param {Curve[]} curves @param {string} metric @param {string} x */
function csv(curves, metric, x) {
  const rows = curves.flatMap((curve) =>
    Array.from(curve.x, (at, i) => [curve.label, at, (curve.faint ?? curve.y)[i]]),
  );
  return [["run", x, metric], ...rows];
}
