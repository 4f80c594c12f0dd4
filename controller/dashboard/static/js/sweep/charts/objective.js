/** The objective of each trial over time, and the best so far. */
import { Panel } from "../../charts/panel.js";
import { Scatter } from "../../charts/scatter.js";
import { Empty } from "../../components/states.js";
import { html, useMemo } from "../../html.js";
import { bestOf, bestSoFar } from "../results.js";
import { newestValues, StateLegend, summaryOf, useFacts } from "../view.js";

/** @typedef {import("../view.js").View} View */

const TIMES = { number: "trial", ended: "time of its end", wall: "time since the start" };
const KINDS = /** @type {const} */ ({ number: "linear", ended: "time", wall: "duration" });

/** @param {{view: View}} props */
export function ObjectiveChart({ view }) {
  const { trials, sweep, metric, maximize, looks, settings, passes, chosen } = view;
  const over = /** @type {keyof typeof TIMES} */ (
    settings.over in TIMES ? settings.over : "number"
  );
  const log = settings.log === true;
  const begin = sweep.started ?? sweep.created;
  const text = useFacts(view);
  const points = useMemo(() => {
    const x = over === "number" ? trials.numbers : times(trials, over === "wall" ? begin : 0);
    return { ids: trials.numbers, x, y: newestValues(trials), ...looks, text };
  }, [trials.numbers, trials.objectives, trials.values, trials.ended, over, begin, looks]);
  const line = useMemo(
    () => ({
      ...bestSoFar(points.x, trials.objectives, maximize),
      steps: /** @type {const} */ ("level first"),
    }),
    [points, maximize],
  );
  const best = useMemo(() => bestOf(trials.objectives, maximize), [trials.objectives, maximize]);
  const axis = over === "number" ? "number" : "ended";
  const shift = over === "wall" ? begin : 0;
  const bands = useMemo(
    () => ({
      x: shiftedBy(chosen.brushes[axis], -shift),
      y: chosen.brushes.objective,
    }),
    [chosen.brushes, axis, shift],
  );
  const tools = html`
    <select aria-label="Trials over" value=${over} onChange=${(/** @type {any} */ e) => view.set({ over: e.target.value })}>
      ${Object.entries(TIMES).map(([key, name]) => html`<option key=${key} value=${key}>by ${name}</option>`)}
    </select>
    <label class="chart-check"><input type="checkbox" checked=${log} onChange=${() => view.set({ log: !log })} /> log</label>`;
  const rows = () => [
    ["trial", "state", metric, "ended"],
    ...trials.numbers.map((number, i) => [number, trials.states[i], points.y[i], trials.ended[i]]),
  ];
  return html`<${Panel} title=${`${metric} by ${TIMES[over]}`} tools=${tools} csv=${rows}>
    ${
      trials.count === 0
        ? html`<${Empty} title="No trials yet"><p>They appear as soon as an agent starts the first one.</p><//>`
        : html`<${Scatter} label=${`${metric} by ${TIMES[over]}`} summary=${summaryOf(view, best)} points=${points}
            line=${line} rail xLabel=${TIMES[over]} yLabel=${metric} xScale=${KINDS[over]}
            yScale=${log ? "log" : "linear"} selected=${passes} highlight=${chosen.picked} bands=${bands}
            height=${280} onPick=${view.pick} onBrush=${(/** @type {any} */ box) => {
              const across = box ? [[box.x[0] + shift, box.x[1] + shift]] : [];
              view.brush({ [axis]: across, objective: box ? [box.y] : [] });
            }} />
          <${StateLegend} trials=${trials} />`
    }
  <//>`;
}

/** When each trial ended; of those that run, now. @param {View["trials"]} trials @param {number} from */
function times(trials, from) {
  const now = Date.now() / 1000;
  return trials.ended.map((ended, i) => {
    const running = Number.isNaN(ended) && trials.states[i] === "running";
    return (running ? now : ended) - from;
  });
}

/** @param {any[] | undefined} brush @param {number} by */
function shiftedBy(brush, by) {
  return brush?.map((range) => range && [range[0] + by, range[1] + by]);
}
