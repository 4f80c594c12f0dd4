/** The objective against each parameter, with what a model makes of it; the important ones first. */
import { Panel } from "../../charts/panel.js";
import { fitted } from "../../charts/scales.js";
import { Scatter } from "../../charts/scatter.js";
import { viridis } from "../../colors.js";
import { Empty } from "../../components/states.js";
import { html, useMemo } from "../../html.js";
import { categoryName } from "../selection.js";
import { useFacts } from "../view.js";

/**
 * @typedef {import("../view.js").View} View
 * @typedef {import("../parameters.js").Axis} Axis
 * @typedef {import("./importance.js").Analysis} Analysis
 */

const FIRST = 6;
/** A model that explains less than this of unseen trials is not drawn. */
const LEAST_EXPLAINED = 0.1;

/** @param {{view: View, analysis: Analysis | undefined}} props */
export function SliceCharts({ view, analysis }) {
  const { axes, trials, settings, metric } = view;
  const log = settings.log === true;
  const rank = useMemo(
    () => new Map((analysis?.parameters ?? []).map((each, i) => [each.name, i])),
    [analysis],
  );
  const sorted = useMemo(
    () => axes.slice().sort((a, b) => (rank.get(a.name) ?? 1e9) - (rank.get(b.name) ?? 1e9)),
    [axes, rank],
  );
  const y = useMemo(
    () => fitted(log ? "log" : "linear", trials.objectives),
    [trials.objectives, log],
  );
  const colors = useMemo(() => {
    const last = Math.max(trials.numbers.at(-1) ?? 1, 1);
    return trials.numbers.map((number) => viridis(number / last));
  }, [trials.numbers]);
  const shown = settings.all ? sorted : sorted.slice(0, FIRST);
  const tools = html`
    ${
      sorted.length > FIRST &&
      html`<button type="button" class="chart-chip" onClick=${() => view.set({ all: !settings.all })}>
        ${settings.all ? `the first ${FIRST}` : `all ${sorted.length}`}</button>`
    }
    <label class="chart-check"><input type="checkbox" checked=${log} onChange=${() => view.set({ log: !log })} /> log</label>`;
  const rows = () => [
    ["trial", metric, ...axes.map((axis) => axis.name)],
    ...trials.numbers.map((number, i) => [
      number,
      trials.objectives[i],
      ...axes.map((axis) => axis.values[i]),
    ]),
  ];
  return html`<${Panel} title=${`${metric} by parameter`} tools=${tools} csv=${rows}
    subtitle="violet: early trials, yellow: late; the line: all other parameters averaged out">
    ${
      shown.length && Number.isFinite(y.low)
        ? html`<div class="slices">
            ${shown.map((axis) => html`<${Slice} key=${axis.name} view=${view} axis=${axis} y=${y} colors=${colors} analysis=${analysis} />`)}
          </div>`
        : html`<${Empty} title="No parameter varies yet"><p>It takes two trials that differ.</p><//>`
    }
  <//>`;
}

/** @param {{view: View, axis: Axis, y: any, colors: string[], analysis: Analysis | undefined}} props */
function Slice({ view, axis, y, colors, analysis }) {
  const { trials, metric, passes, chosen } = view;
  const text = useFacts(view, [axis.name]);
  const points = useMemo(
    () => ({
      ids: trials.numbers,
      x: axis.values,
      y: trials.objectives,
      colors,
      text,
    }),
    [trials.numbers, trials.objectives, axis, colors],
  );
  const line = useMemo(() => marginalOf(axis, analysis), [axis, analysis]);
  const bands = useMemo(
    () => ({ x: chosen.brushes[axis.name], y: chosen.brushes.objective }),
    [chosen.brushes, axis.name],
  );
  /** @param {any} box */
  const brush = (box) => {
    const { scale } = axis;
    const names = scale.ticks(Number.POSITIVE_INFINITY).map((tick) => tick.label);
    const category = scale.kind === "category";
    const across = !box ? [] : category ? names.slice(box.x[0], box.x[1] + 1) : [box.x];
    view.brush({ [axis.name]: across, objective: box ? [box.y] : [] });
  };
  return html`<${Scatter} label=${`${metric} by ${axis.name}`} points=${points} xLabel=${axis.label} yLabel=${metric}
    xScale=${axis.scale} yScale=${y} line=${line} selected=${passes} highlight=${chosen.picked} bands=${bands}
    height=${190} onPick=${view.pick} onBrush=${brush} />`;
}

/** The curve of a parameter alone. @param {Axis} axis @param {Analysis | undefined} analysis */
function marginalOf(axis, analysis) {
  const found = analysis?.parameters.find((each) => each.name === axis.name)?.marginal;
  const poor = (analysis?.explained ?? 0) < LEAST_EXPLAINED;
  if (!found || poor || analysis?.of !== "value") return null;
  const category = axis.scale.kind === "category";
  const order = found.at.map((_, i) => i).filter((i) => found.at[i] !== null);
  if (!category) order.sort((a, b) => found.at[a] - found.at[b]);
  return {
    x: order.map((i) => (category ? categoryName(found.at[i]) : found.at[i])),
    y: order.map((i) => found.mean[i]),
    low: order.map((i) => found.low[i]),
    high: order.map((i) => found.high[i]),
  };
}
