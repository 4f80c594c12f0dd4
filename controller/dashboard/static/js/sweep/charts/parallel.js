/** Parallel coordinates of the parameters that vary, and the objective. */

import { moved } from "../../charts/brushes.js";
import { useTheme } from "../../charts/canvas.js";
import { ColorBar } from "../../charts/heat_map.js";
import { Panel } from "../../charts/panel.js";
import { ParallelCoordinates } from "../../charts/parallel.js";
import { fitted } from "../../charts/scales.js";
import { Empty } from "../../components/states.js";
import { html, useCallback, useMemo, useRef } from "../../html.js";
import { arranged } from "../parameters.js";
import { bestOf } from "../results.js";
import { selected } from "../selection.js";
import { colorScale, shadeOf, summaryOf, useFacts } from "../view.js";

/** @typedef {import("../view.js").View} View */

/** @type {string[]} */
const NONE = [];

/** @param {{view: View}} props */
export function ParallelChart({ view }) {
  const { trials, metric, maximize, settings, chosen } = view;
  const { order = NONE, hidden = NONE, flipped = NONE } = settings;
  const dark = useTheme().dark;
  const scale = useMemo(
    () => fitted(settings.log ? "log" : "linear", trials.objectives, 0),
    [trials.objectives, settings.log],
  );
  const color = useMemo(
    () => colorScale(trials.objectives, maximize, settings.log),
    [trials.objectives, maximize, settings.log],
  );
  const all = useMemo(
    () => [...view.axes, { name: "objective", label: metric, scale, values: trials.objectives }],
    [view.axes, metric, scale, trials.objectives],
  );
  const layout = JSON.stringify([order, hidden, flipped]);
  const axes = useFlipped(
    useMemo(() => arranged(all, order, hidden), [all, layout]),
    flipped,
  );
  const { parts, lowLast } = useMemo(() => {
    const shade = shadeOf(color, maximize, dark);
    return { parts: trials.objectives.map(shade.part), lowLast: !dark };
  }, [trials.objectives, color, maximize, dark]);
  // Of columns that did not change the answer did not either: the lines stay as they are.
  const latest = useRef(trials);
  latest.current = trials;
  const passing = useCallback(
    (/** @type {any} */ brushes) => selected(latest.current, { brushes, picked: [] }),
    [view.passes, view.axes, trials.count],
  );
  const text = useFacts(view);
  const names = axes.map((axis) => axis.name);
  /** @param {string} name @param {number} to */
  const move = (name, to) => view.set({ order: moved(names, names.indexOf(name), to) });
  /** @param {string[]} list @param {string} name */
  const toggled = (list, name) =>
    list.includes(name) ? list.filter((n) => n !== name) : [...list, name];
  const best = useMemo(() => bestOf(trials.objectives, maximize), [trials.objectives, maximize]);
  const hiddenThere = hidden.filter((/** @type {string} */ name) =>
    all.some((axis) => axis.name === name),
  );
  const tools = html`
    ${hiddenThere.map(
      (/** @type {string} */ name) => html`<button type="button" key=${name} class="chart-chip"
        onClick=${() => view.set({ hidden: toggled(hidden, name) })}>show ${name === "objective" ? metric : name}</button>`,
    )}
    <label class="chart-check"><input type="checkbox" checked=${settings.log === true}
      onChange=${() => view.set({ log: !settings.log })} /> log ${metric}</label>`;
  const rows = () => [
    ["trial", "state", ...axes.map((axis) => axis.label)],
    ...trials.numbers.map((number, i) => [
      number,
      trials.states[i],
      ...axes.map((axis) => axis.values[i]),
    ]),
  ];
  return html`<${Panel} title="Parallel coordinates" tools=${tools} csv=${rows}>
    ${
      axes.length < 2 || trials.count < 2
        ? html`<${Empty} title="Nothing to compare yet">
            <p>It takes two trials, and a parameter in which they differ.</p><//>`
        : html`<${ParallelCoordinates} label="Parallel coordinates" summary=${summaryOf(view, best)} axes=${axes}
            ids=${trials.numbers} parts=${parts} lowLast=${lowLast} brushes=${chosen.brushes} passing=${passing}
            highlight=${chosen.picked} text=${text} onBrush=${(/** @type {string} */ axis, /** @type {any} */ brush) => view.brush({ [axis]: brush })} onPick=${view.pick} onMove=${move}
            onFlip=${(/** @type {string} */ name) => view.set({ flipped: toggled(flipped, name) })}
            onHide=${(/** @type {string} */ name) => view.set({ hidden: toggled(hidden, name) })} />
          <p class="chart-foot"><${ColorBar} color=${color} label=${metric} flipped=${maximize !== dark} />
            <span class="quiet">Drag along axes to brush; drag a name to move its axis, press it for ranges.</span></p>`
    }
  <//>`;
}

/**
 * The axes, flipped where that is wanted; one that did not change stays the same object.
 * @param {readonly any[]} axes @param {readonly string[]} flipped
 */
function useFlipped(axes, flipped) {
  const which = flipped.join("\n");
  return useMemo(
    () => axes.map((axis) => (flipped.includes(axis.name) ? { ...axis, flipped: true } : axis)),
    [axes, which],
  );
}
