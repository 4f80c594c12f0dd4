/** The objective over two parameters: a surface through the trials, and the trials on it. */
import { useTheme } from "../../charts/canvas.js";
import { ColorBar, HeatMap } from "../../charts/heat_map.js";
import { Panel } from "../../charts/panel.js";
import { LEAST_POINTS, surface } from "../../charts/surface.js";
import { Empty } from "../../components/states.js";
import { html, useMemo } from "../../html.js";
import { bestOf } from "../results.js";
import { colorScale, summaryOf, useFacts } from "../view.js";

/**
 * @typedef {import("../view.js").View} View
 * @typedef {import("../parameters.js").Axis} Axis
 */

const [COLUMNS, ROWS] = [64, 44];

/** @param {{view: View, important: string[]}} props important: the names, most important first */
export function ContourChart({ view, important }) {
  const { axes, trials, metric, maximize, settings, passes, chosen } = view;
  const dark = useTheme().dark;
  const names = axes.map((axis) => axis.name);
  const ranked = [...important.filter((name) => names.includes(name)), ...names];
  const isNumber = (/** @type {string} */ name) =>
    axes.find((axis) => axis.name === name)?.scale.kind !== "category";
  // Two parameters that are numbers make a surface; categories only stripes of one.
  const usual = [...ranked.filter(isNumber), ...ranked];
  const first = names.includes(settings.x) ? settings.x : usual[0];
  const second = names.includes(settings.y) ? settings.y : usual.find((name) => name !== first);
  const [x, y] = [first, second].map((name) => axes.find((axis) => axis.name === name));
  const color = useMemo(
    () => colorScale(trials.objectives, maximize),
    [trials.objectives, maximize],
  );
  const grid = useMemo(
    () => (x && y ? gridOf(x, y, trials.objectives, color) : null),
    [x, y, trials.objectives, color],
  );
  const text = useFacts(view, x && y && [x.name, y.name]);
  const points = useMemo(
    () =>
      x &&
      y && {
        ids: trials.numbers,
        x: x.values,
        y: Array.from(y.values, (value, i) =>
          Number.isNaN(trials.objectives[i]) ? Number.NaN : value,
        ),
        text,
      },
    [x, y, trials.numbers, trials.objectives],
  );
  /** @param {"x" | "y"} which @param {string | undefined} now */
  const choice = (
    which,
    now,
  ) => html`<select aria-label=${which === "x" ? "Across" : "Up"} value=${now}
    onChange=${(/** @type {any} */ e) => view.set({ [which]: e.target.value })}>
    ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select>`;
  const rows = () => [
    ["trial", x?.name, y?.name, metric],
    ...trials.numbers.map((number, i) => [
      number,
      x?.values[i],
      y?.values[i],
      trials.objectives[i],
    ]),
  ];
  const best = bestOf(trials.objectives, maximize);
  return html`<${Panel} title="Contour" csv=${rows}
    tools=${names.length > 1 && html`${choice("x", first)}<span class="quiet">×</span>${choice("y", second)}`}>
    ${
      !x || !y
        ? html`<${Empty} title="Fewer than two parameters vary"><p>A surface needs two.</p><//>`
        : !grid
          ? html`<${Empty} title="Too few trials"><p>${LEAST_POINTS} ended trials with both parameters make a first surface.</p><//>`
          : html`<${HeatMap} label=${`${metric} over ${x.label} and ${y.label}`} summary=${summaryOf(view, best)}
              grid=${grid} x=${x.scale} y=${y.scale} xLabel=${x.label} yLabel=${y.label} points=${points} color=${color}
              flipped=${maximize !== dark} selected=${passes} highlight=${chosen.picked} height=${300} onPick=${view.pick} />
            <p class="chart-foot"><${ColorBar} color=${color} label=${metric} flipped=${maximize !== dark} /></p>`
    }
  <//>`;
}

/** @param {Axis} x @param {Axis} y @param {Float64Array} objectives
 * @param {import("../../charts/scales.js").Scale} color */
function gridOf(x, y, objectives, color) {
  const clipped = objectives.map((value) => Math.min(Math.max(value, color.low), color.high));
  const apart = { columns: x.scale.kind === "category", rows: y.scale.kind === "category" };
  const columns = apart.columns ? x.scale.high + 1 : COLUMNS;
  const rows = apart.rows ? y.scale.high + 1 : ROWS;
  const across = Array.from(x.values, x.scale.place);
  const along = Array.from(y.values, y.scale.place);
  return surface(across, along, clipped, columns, rows, apart);
}
