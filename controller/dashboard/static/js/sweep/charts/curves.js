/** Learning curves of the trials, with the rungs at which a rule compares them, and whom it stopped. */
import { useTheme } from "../../charts/canvas.js";
import { LineChart } from "../../charts/line_chart.js";
import { Panel } from "../../charts/panel.js";
import { useSeries } from "../../charts/series_data.js";
import { Empty, Failure, Loading } from "../../components/states.js";
import { html, useMemo, useRef } from "../../html.js";
import { byIteration, byRun, keysOf, rungsWithin } from "../curves_data.js";
import { worthACurve } from "../results.js";
import { colorScale, Mark, newestValues, shadeOf } from "../view.js";

/** @typedef {import("../view.js").View} View */

const COUNTS = [30, 100, 300];
const OVER = { iteration: "iteration", step: "step", time: "time since its start" };
const POINTS = { 30: 2048, 100: 1024, 300: 512 };
const MOST_REASONS = 5;

/** @param {{view: View}} props */
export function CurvesChart({ view }) {
  const { trials, metric, maximize, settings, passes, chosen, space } = view;
  const dark = useTheme().dark;
  const most = /** @type {30 | 100 | 300} */ (COUNTS.includes(settings.most) ? settings.most : 100);
  const over = /** @type {keyof typeof OVER} */ (
    settings.over in OVER ? settings.over : "iteration"
  );
  const log = settings.log === true;
  const picked = chosen.picked.join();
  const shown = useMemo(
    () => worthACurve(trials, passes, chosen.picked, maximize, most),
    [trials, passes, picked, maximize, most],
  );
  const runs = useStable(shown.at.map((i) => trials.ids[i]));
  const keys = useStable(keysOf(metric));
  const live = useOnceRunning(
    shown.at.filter((i) => trials.states[i] === "running").map((i) => trials.ids[i]),
  );
  const found = useSeries({
    runs,
    keys,
    x: over === "time" ? "_runtime" : "_step",
    points: POINTS[most],
    live,
  });
  const { series, longest, thinned } = useCurves(view, found.series, shown.at, over, dark);
  const { rule } = space;
  const rungs = over === "iteration" && !thinned && rule ? rungsWithin(rule.rungs, longest) : [];
  const marks = useMemo(
    () => rungs.map((rung) => ({ x: rung, label: `rung ${rung}` })),
    [rungs.join()],
  );
  const highlight = chosen.picked.length ? `${view.sweep.id}-${chosen.picked.at(-1)}` : null;
  const tools = html`
    <select aria-label="Curves over" value=${over} onChange=${(/** @type {any} */ e) => view.set({ over: e.target.value })}>
      ${Object.entries(OVER).map(([key, name]) => html`<option key=${key} value=${key}>by ${name}</option>`)}
    </select>
    <select aria-label="Curves at most" value=${String(most)} onChange=${(/** @type {any} */ e) => view.set({ most: Number(e.target.value) })}>
      ${COUNTS.map((count) => html`<option key=${count} value=${String(count)}>${count} curves</option>`)}
    </select>
    <label class="chart-check"><input type="checkbox" checked=${log} onChange=${() => view.set({ log: !log })} /> log</label>`;
  const rows = () => [
    ["trial", over, metric],
    ...series.flatMap((each) => Array.from(each.x, (x, i) => [each.label, x, each.y[i]])),
  ];
  const parts = [
    shown.best && `${shown.best} best`,
    shown.running && `${shown.running} running`,
    shown.sample && `${shown.sample} others`,
  ].filter(Boolean);
  return html`<${Panel} title="Learning curves" tools=${tools} csv=${rows}
    subtitle=${shown.of > shown.at.length ? `${shown.at.length} of ${shown.of.toLocaleString("en-US")}: ${parts.join(", ")}` : `${shown.of} trials`}>
    ${
      found.error && !series.length
        ? html`<${Failure} error=${found.error} />`
        : !shown.at.length || (!found.loading && !series.length)
          ? html`<${Empty} title="No curves yet"><p>They grow as trials log ${metric} again and again.</p><//>`
          : !series.length
            ? html`<${Loading} what="Loading the curves" />`
            : html`<${LineChart} label=${`${metric} of ${series.length} trials by ${OVER[over]}`} series=${series}
                xLabel=${OVER[over]} yLabel=${metric} xScale=${over === "time" ? "duration" : "linear"}
                yScale=${log ? "log" : "linear"} outliers=${!log} marks=${marks} height=${300} highlight=${highlight} legend=${false}
                onPick=${(/** @type {string} */ id) => view.pick(numberOf(id))} />`
    }
    ${rule && series.length > 0 && html`<p class="chart-foot quiet">${ruleText(rule, over, thinned)} Dashed: stopped early.</p>`}
    <${Stopped} view=${view} at=${shown.at} />
  <//>`;
}

/** @param {string} id of a trial */
const numberOf = (id) => Number(id.slice(id.lastIndexOf("-") + 1));

/** @param {NonNullable<View["space"]["rule"]>} rule @param {string} over @param {boolean} thinned */
function ruleText(rule, over, thinned) {
  if (!rule.rungs.length)
    return `The rule ${rule.type} looks all along the curve, from iteration ${rule.from} on.`;
  if (over !== "iteration") return `The rungs of ${rule.type} are drawn by iteration.`;
  if (thinned)
    return `The rungs of ${rule.type} are not drawn: the curves are too long to count their iterations.`;
  return `Lines: the rungs of ${rule.type}, where trials are compared.`;
}

/** Who was stopped among those drawn, and why; the newest first.
 * @param {{view: View, at: readonly number[]}} props */
function Stopped({ view, at }) {
  const { trials } = view;
  const stopped = at.filter((i) => trials.states[i] === "stopped").reverse();
  if (!stopped.length) return null;
  return html`<details class="stopped"><summary>${stopped.length} stopped early: why</summary>
    <ul>
      ${stopped.slice(0, view.settings.reasons ? undefined : MOST_REASONS).map(
        (i) => html`<li key=${trials.numbers[i]}><${Mark} state="stopped" />
          <button type="button" class="plain" onClick=${() => view.pick(trials.numbers[i])}>trial ${trials.numbers[i]}</button>
          <span>${trials.details[i] || "on a stopping rule's word"}</span></li>`,
      )}
    </ul>
    ${
      stopped.length > MOST_REASONS &&
      html`<button type="button" class="chart-chip" onClick=${() => view.set({ reasons: !view.settings.reasons })}>
        ${view.settings.reasons ? "fewer" : `all ${stopped.length}`}</button>`
    }
  </details>`;
}

/**
 * The curves as the chart takes them; one that did not change is the same object.
 * @param {View} view @param {import("../curves_data.js").Kept[]} found @param {readonly number[]} at
 * @param {string} over @param {boolean} dark
 */
function useCurves(view, found, at, over, dark) {
  const { trials, maximize } = view;
  const kept = useRef(/** @type {Map<string, any>} */ (new Map()));
  return useMemo(() => {
    const values = newestValues(trials);
    const shade = shadeOf(colorScale(values, maximize), maximize, dark);
    const those = byRun(found);
    const fresh = new Map();
    let longest = 0;
    let thinned = false;
    for (const i of at) {
      const series = those.get(trials.ids[i]);
      if (!series?.x.length) continue;
      thinned ||= series.bin > 1;
      const { x, y } = over === "iteration" && series.bin === 1 ? byIteration(series) : series;
      longest = Math.max(longest, x[x.length - 1] ?? 0);
      const [color, stopped] = [shade.color(values[i]), trials.states[i] === "stopped"];
      const old = kept.current.get(series.run);
      const same =
        old && old.x === x && old.color === color && (old.dash !== undefined) === stopped;
      const label = `trial ${trials.numbers[i]}${stopped ? " (stopped)" : ""}`;
      fresh.set(
        series.run,
        same ? old : { id: series.run, label, color, x, y, ...(stopped ? { dash: [4, 3] } : {}) },
      );
    }
    kept.current = fresh;
    return { series: [...fresh.values()], longest, thinned };
  }, [found, trials, at, over, maximize, dark]);
}

/** The same list as before while it has the same members. @param {string[]} list */
function useStable(list) {
  const text = list.join("\n");
  return useMemo(() => list, [text]);
}

const FOLLOWED = 40;

/** Those that run or did a while ago: the last points come when a trial has ended.
 * @param {string[]} running */
function useOnceRunning(running) {
  const seen = useRef(/** @type {string[]} */ ([]));
  const fresh = running.filter((id) => !seen.current.includes(id));
  if (fresh.length) seen.current = [...seen.current, ...fresh].slice(-FOLLOWED);
  return seen.current;
}
