/** Two results against each other, and the trials that no other beats in both. */
import { Panel } from "../../charts/panel.js";
import { Scatter } from "../../charts/scatter.js";
import { Empty } from "../../components/states.js";
import { html, useEffect, useMemo } from "../../html.js";
import { front, isRaised, objectivesOf, secondResult } from "../results.js";
import { columnOf } from "../selection.js";
import { useFacts } from "../view.js";

/** @typedef {import("../view.js").View} View */

const FRONT = "#d55e00";

/** @param {{view: View, onMetrics: (names: string[]) => void}} props */
export function ParetoChart({ view, onMetrics }) {
  const { sweep, trials, metric, maximize, looks, settings, passes, chosen } = view;
  const own = objectivesOf(sweep);
  const logged = trials.metricNames.filter((name) => name !== metric && !name.startsWith("_"));
  const names = [...new Set([...own.map((each) => each.name), ...logged])];
  const usual = own[0]?.name ?? secondResult(names, metric);
  const other = names.includes(settings.metric) ? settings.metric : usual;
  const goal = own.find((each) => each.name === other)?.goal;
  const raise = settings.raise ?? (goal ? goal === "maximize" : isRaised(other ?? ""));
  useEffect(() => {
    if (other) onMetrics([other]);
  }, [other]);
  const axis = `metric:${other}`;
  const column = columnOf(trials, axis);
  const ready = column.length === trials.count;
  const facts = useFacts(view);
  const points = useMemo(() => {
    const x = trials.objectives;
    const members = ready ? front(x, column, maximize, raise) : [];
    const on = new Set(members);
    return {
      ids: trials.numbers,
      x,
      y: ready ? column : new Float64Array(trials.count).fill(Number.NaN),
      colors: trials.numbers.map((_, i) => (on.has(i) ? FRONT : looks.colors[i])),
      shapes: trials.numbers.map((_, i) => (on.has(i) ? "triangle" : "dot")),
      members,
      text: (/** @type {number} */ i) => html`${other}: ${column[i]}<br />${facts(i)}`,
    };
  }, [trials.numbers, trials.objectives, column, ready, maximize, raise, other, looks]);
  const line = useMemo(
    () => ({
      x: points.members.map((i) => points.x[i]),
      y: points.members.map((i) => points.y[i]),
      steps: maximize ? "upright first" : "level first",
      color: FRONT,
    }),
    [points],
  );
  const tools =
    other &&
    html`<select aria-label="Second result" value=${other} onChange=${(/** @type {any} */ e) => view.set({ metric: e.target.value, raise: undefined })}>
        ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select>
      <select aria-label="Its goal" value=${raise ? "raise" : "lower"} onChange=${(/** @type {any} */ e) => view.set({ raise: e.target.value === "raise" })}>
        <option value="lower">lower is better</option><option value="raise">higher is better</option></select>`;
  const rows = () => [
    ["trial", metric, other, "on the front"],
    ...trials.numbers.map((number, i) => [
      number,
      points.x[i],
      points.y[i],
      points.members.includes(i) ? "yes" : "",
    ]),
  ];
  const numbers = points.members.map((i) => trials.numbers[i]);
  return html`<${Panel} title="Pareto front" tools=${tools} csv=${rows}>
    ${
      !other
        ? html`<${Empty} title="One result only"><p>Log another number beside ${metric}, such as a latency or a size, to weigh the two.</p><//>`
        : html`<${Scatter} label=${`${metric} against ${other}`} points=${points} line=${line} xLabel=${metric} yLabel=${other}
            summary=${`${numbers.length} trials on the front: ${numbers.slice(0, 10).join(", ")}`} selected=${passes}
            highlight=${chosen.picked} height=${300} onPick=${view.pick}
            bands=${{ x: chosen.brushes.objective, y: chosen.brushes[axis] }}
            onBrush=${(/** @type {any} */ box) => {
              view.brush({ objective: box ? [box.x] : [], [axis]: box ? [box.y] : [] });
            }} />
          <p class="chart-foot quiet">${numbers.length} of ${trials.count.toLocaleString("en-US")} trials are on the front.</p>`
    }
  <//>`;
}
