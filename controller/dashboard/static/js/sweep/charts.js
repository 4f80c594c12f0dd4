/**
 * All charts of a sweep's page, linked: what is brushed or picked in one shows in all.
 *
 * What each chart shows (its axes, log or not) is in the address, as is what is chosen. Neighbours:
 * pages/sweep.js (shows it), view.js (what charts are given), charts/*.js (the charts).
 */
import { get } from "../api.js";
import { useTheme } from "../charts/canvas.js";
import { Failure, Loading } from "../components/states.js";
import { useFetch } from "../hooks.js";
import { html, useCallback, useMemo, useRef } from "../html.js";
import { useJsonQuery } from "../router.js";
import { BrushBar } from "./brush_bar.js";
import { AdvicePanel } from "./charts/advice.js";
import { ContourChart } from "./charts/contour.js";
import { CurvesChart } from "./charts/curves.js";
import { CorrelationChart, ImportanceChart, useAnalysis } from "./charts/importance.js";
import { ObjectiveChart } from "./charts/objective.js";
import { ParallelChart } from "./charts/parallel.js";
import { ParetoChart } from "./charts/pareto.js";
import { SliceCharts } from "./charts/slices.js";
import { axesOf } from "./parameters.js";
import { valuesOf } from "./results.js";
import { brushed, picked, selected } from "./selection.js";
import { looksOf } from "./view.js";

/**
 * @typedef {import("./selection.js").Chosen} Chosen
 * @typedef {import("./selection.js").Trials} Trials
 * @typedef {import("./parameters.js").Space} Space
 * @typedef {import("./view.js").View} View
 * @typedef {{sweep: any, trials: Trials | undefined, chosen: Chosen,
 *   onChoose: (chosen: Chosen) => void, onMetrics: (names: string[]) => void}} Props
 */

/** @param {Props} props */
export function SweepCharts({ sweep, trials, chosen, onChoose, onMetrics }) {
  const {
    data: space,
    error,
    reload,
  } = useFetch(
    (signal) =>
      /** @type {Promise<Space>} */ (
        get(`/api/sweeps/${encodeURIComponent(sweep.id)}/space`, {}, { signal })
      ),
    [sweep.id, sweep.changed],
  );
  // It takes longest: it is asked for first, beside the trials.
  const [settings] = useJsonQuery("charts", /** @type {Record<string, any>} */ ({}));
  const known = useMemo(() => (trials ? valuesOf(trials) : 0), [trials?.objectives]);
  const of = settings.importance?.of === "rank" ? "rank" : "value";
  const analysis = useAnalysis(sweep.id, of, known);
  if (error && !space) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!space || !trials) return html`<${Loading} what="Loading the trials" />`;
  return html`<${Shown} sweep=${sweep} space=${space} trials=${trials} chosen=${chosen}
    analysis=${analysis} onChoose=${onChoose} onMetrics=${onMetrics} />`;
}

/**
 * The value as it was while it says the same: what is made of it stays, too.
 * @template T @param {T} value @param {(a: T, b: T) => boolean} same @returns {T}
 */
function useSame(value, same) {
  const kept = useRef(value);
  if (!same(kept.current, value)) kept.current = value;
  return kept.current;
}

/** @param {Uint8Array | null} a @param {Uint8Array | null} b */
function sameBytes(a, b) {
  if (!a || !b) return a === b;
  return a.length === b.length && a.every((each, i) => each === b[i]);
}

/** @param {readonly any[]} a @param {readonly any[]} b */
function sameMembers(a, b) {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}

/** @param {Omit<Props, "trials"> & {trials: Trials, space: Space,
 *   analysis: import("./charts/importance.js").Fetched}} props */
function Shown({ sweep, space, trials, chosen: told, analysis, onChoose, onMetrics }) {
  const [settings, setSettings] = useJsonQuery("charts", /** @type {Record<string, any>} */ ({}));
  // What comes out of the address is a new object each time: the same text is the same choice.
  const chosen = useMemo(() => told, [JSON.stringify(told)]);
  const current = useRef({ chosen, settings, onChoose, setSettings });
  current.current = { chosen, settings, onChoose, setSettings };
  const brush = useCallback((/** @type {Record<string, any>} */ brushes) => {
    let next = current.current.chosen;
    for (const [axis, one] of Object.entries(brushes)) next = brushed(next, axis, one);
    current.current.onChoose(next);
  }, []);
  const pick = useCallback((/** @type {any} */ number, more = false) => {
    current.current.onChoose(picked(current.current.chosen, Number(number), more));
  }, []);
  const passes = useSame(
    useMemo(() => selected(trials, chosen), [trials, chosen]),
    sameBytes,
  );
  const axes = useSame(
    useMemo(() => axesOf(space, trials), [space, trials]),
    sameMembers,
  );
  const { dark } = useTheme();
  const looks = useMemo(() => looksOf(trials, dark), [trials.states, dark]);
  const maximize = space.metric?.goal === "maximize";
  const metric = space.metric?.name ?? "objective";
  /** @param {string} chart @returns {View} */
  const view = (chart) => ({
    ...{ sweep, space, trials, axes, metric, maximize, chosen, passes, looks, brush, pick },
    settings: settings[chart] ?? {},
    set: (changes) => {
      const { settings: now, setSettings: put } = current.current;
      put({ ...now, [chart]: { ...now[chart], ...changes } });
    },
  });
  const importance = view("importance");
  const important = useMemo(
    () => (analysis.data?.parameters ?? []).map((each) => each.name),
    [analysis.data],
  );
  const toSlice = (/** @type {string} */ name) => {
    const [first, second] = [name, important.find((other) => other !== name)];
    view("contour").set({ x: first, y: second });
  };
  return html`<div class="sweep-charts-room"><div class="sweep-charts">
    <${BrushBar} view=${importance} onChoose=${onChoose} />
    <div class="sweep-chart wide"><${ObjectiveChart} view=${view("objective")} /></div>
    <div class="sweep-chart"><${ImportanceChart} view=${importance} analysis=${analysis} onSlice=${toSlice} /></div>
    ${space.metric && html`<div class="sweep-chart full"><${AdvicePanel} view=${view("advice")} /></div>`}
    <div class="sweep-chart full"><${ParallelChart} view=${view("parallel")} /></div>
    <div class="sweep-chart wide"><${CurvesChart} view=${view("curves")} /></div>
    <div class="sweep-chart"><${CorrelationChart} view=${view("correlation")} analysis=${analysis} /></div>
    <div class="sweep-chart full"><${SliceCharts} view=${view("slices")} analysis=${analysis.data} /></div>
    <div class="sweep-chart half"><${ContourChart} view=${view("contour")} important=${important} /></div>
    <div class="sweep-chart half"><${ParetoChart} view=${view("pareto")} onMetrics=${onMetrics} /></div>
  </div></div>`;
}
