/**
 * A panel that is a chart of a sweep's own page. What is brushed or picked in it stays within it.
 * Neighbours: sweep/charts.js (the page's own way to them), sweep/charts/ (the charts).
 */
import { get } from "../api.js";
import { Failure } from "../components/states.js";
import { useFetch } from "../hooks.js";
import { html, useMemo, useState } from "../html.js";
import { path } from "../router.js";
import { ContourChart } from "../sweep/charts/contour.js";
import { CorrelationChart, ImportanceChart, useAnalysis } from "../sweep/charts/importance.js";
import { ObjectiveChart } from "../sweep/charts/objective.js";
import { ParallelChart } from "../sweep/charts/parallel.js";
import { SliceCharts } from "../sweep/charts/slices.js";
import { axesOf } from "../sweep/parameters.js";
import { valuesOf } from "../sweep/results.js";
import { brushed, NONE_CHOSEN, picked, selected } from "../sweep/selection.js";
import { useTrials } from "../sweep/trials_data.js";
import { looksOf } from "../sweep/view.js";

/** @typedef {import("../sweep/view.js").View} View */

/** @param {{answer: any}} props */
export function SweepView({ answer }) {
  const { panel, sweep } = answer;
  const { trials, error, reload } = useTrials(sweep.id);
  const space = useFetch(
    (signal) => get(path("api", "sweeps", sweep.id, "space"), {}, { signal }),
    [sweep.id, sweep.changed],
  );
  const failed = error ?? space.error;
  if (failed && !(trials && space.data))
    return html`<${Failure} error=${failed} retry=${error ? reload : space.reload} />`;
  if (!trials || !space.data) return html`<div class="report-waits" aria-busy="true"></div>`;
  const Chart = ANALYSED.has(panel.kind) ? AnalysedChart : PlainChart;
  return html`<${WithView} kind=${panel.kind} sweep=${sweep} space=${space.data} trials=${trials} chart=${Chart} />`;
}

const ANALYSED = new Set(["importance", "correlation", "slices", "contour"]);

/** @param {{kind: string, sweep: any, space: any, trials: View["trials"], chart: any}} props */
function WithView({ kind, sweep, space, trials, chart: Chart }) {
  const [chosen, setChosen] = useState(NONE_CHOSEN);
  const [settings, setSettings] = useState(/** @type {Record<string, any>} */ ({}));
  const passes = useMemo(() => selected(trials, chosen), [trials, chosen]);
  const axes = useMemo(() => axesOf(space, trials), [space, trials]);
  const looks = useMemo(() => looksOf(trials), [trials.states]);
  /** @type {View} */
  const view = {
    ...{ sweep, space, trials, axes, chosen, passes, looks, settings },
    metric: space.metric?.name ?? "objective",
    maximize: space.metric?.goal === "maximize",
    brush: (brushes) =>
      setChosen((before) =>
        Object.entries(brushes).reduce((now, [axis, one]) => brushed(now, axis, one), before),
      ),
    pick: (number, more = false) => setChosen((before) => picked(before, Number(number), more)),
    set: (changes) => setSettings((before) => ({ ...before, ...changes })),
  };
  return html`<${Chart} kind=${kind} view=${view} />`;
}

/** @param {{kind: string, view: View}} props */
function PlainChart({ kind, view }) {
  return kind === "parallel"
    ? html`<${ParallelChart} view=${view} />`
    : html`<${ObjectiveChart} view=${view} />`;
}

/** @param {{kind: string, view: View}} props */
function AnalysedChart({ kind, view }) {
  const of = view.settings.of === "rank" ? "rank" : "value";
  const known = useMemo(() => valuesOf(view.trials), [view.trials.objectives]);
  const analysis = useAnalysis(view.sweep.id, of, known);
  if (kind === "importance")
    return html`<${ImportanceChart} view=${view} analysis=${analysis} onSlice=${() => {}} />`;
  if (kind === "correlation")
    return html`<${CorrelationChart} view=${view} analysis=${analysis} />`;
  if (kind === "slices") return html`<${SliceCharts} view=${view} analysis=${analysis.data} />`;
  const names = (analysis.data?.parameters ?? []).map((each) => each.name);
  return html`<${ContourChart} view=${view} important=${names} />`;
}
