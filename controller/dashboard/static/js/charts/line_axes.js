/**
 * The axes of a line chart: as uPlot is told to draw them on its canvas, and drawn once more with
 * another pen, for a file. Neighbours: line_plot.js, ticks.js.
 */
import { pixel } from "./curves.js";
import { logTicks, SECONDS, secondsText, tickText, timeTexts } from "./ticks.js";

/**
 * @typedef {import("./line_plot.js").Plotted} Plotted
 * @typedef {import("uplot")} Plot
 * @typedef {import("uplot").Axis} PlotAxis
 */

export const FONT = '11px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

const LABEL = { labelSize: 16, labelGap: 0 };
const WIDE = 70; // CSS pixels between ticks along x
const TALL = 30;

/** @param {Plotted} plotted @returns {PlotAxis[]} */
export function axesOf({ xScale, yScale, xLabel, yLabel, colors }) {
  const shared = {
    stroke: colors.quiet,
    font: FONT,
    labelFont: FONT,
    grid: { stroke: colors.line, width: 1 },
    ticks: { stroke: colors.line, width: 1, size: 4 },
    gap: 3,
  };
  /** @type {PlotAxis} */
  const x = { ...shared, size: xScale === "time" ? 36 : 26, space: WIDE };
  /** @type {PlotAxis} */
  const y = { ...shared, space: TALL, values: numbers, size: widest };
  x.values = xScale === "time" ? times : numbers;
  if (xScale === "duration") Object.assign(x, { incrs: SECONDS, values: durations });
  if (xScale === "log") Object.assign(x, { splits: powers, values: alone, filter: all });
  if (yScale === "log") Object.assign(y, { splits: powers, values: alone, filter: all });
  if (xLabel) Object.assign(x, LABEL, { label: xLabel });
  if (yLabel) Object.assign(y, LABEL, { label: yLabel });
  return [x, y];
}

/** @param {Plot} _plot @param {number[]} splits @param {number} _axis @param {number} _space
 * @param {number} step */
function numbers(_plot, splits, _axis, _space, step) {
  return splits.map((each) => tickText(each, step));
}

/** uPlot would leave some out. @param {Plot} _plot @param {number[]} splits */
function all(_plot, splits) {
  return splits;
}

/** @param {Plot} _plot @param {number[]} splits */
function alone(_plot, splits) {
  return splits.map((each) => tickText(each, 0));
}

/** @param {Plot} _plot @param {number[]} splits @param {number} _axis @param {number} _space
 * @param {number} step */
function durations(_plot, splits, _axis, _space, step) {
  return splits.map((each) => secondsText(each, step));
}

/** @param {Plot} _plot @param {number[]} splits @param {number} _axis @param {number} _space
 * @param {number} step */
function times(_plot, splits, _axis, _space, step) {
  return timeTexts(splits, step);
}

/** @param {Plot} plot @param {number} axis @param {number} low @param {number} high */
function powers(plot, axis, low, high) {
  const { width, height } = plot.bbox;
  return logTicks(low, high, (axis ? height / TALL : width / WIDE) / devicePixelRatio);
}

/** How wide the axis of y is. @param {Plot} _plot @param {string[] | null} values */
function widest(_plot, values) {
  return 14 + 6.4 * Math.max(3, ...(values ?? []).map((each) => each?.length ?? 0));
}

/**
 * @param {import("./vectors.js").SvgPen} pen @param {Plot} plot @param {Plotted} plotted
 * @param {{left: number, top: number, width: number, height: number}} box inside the axes
 * @param {import("./curves.js").View} view
 */
export function paintAxes(pen, plot, { colors }, { left, top, width, height }, view) {
  pen.font = FONT;
  for (const [number, each] of plot.axes.entries()) {
    // What uPlot drew beside the ticks; its names for them have no others.
    const { _splits, _values, label } = /** @type {any} */ (each);
    pen.strokeStyle = colors.line;
    pen.fillStyle = colors.quiet;
    pen.textAlign = number ? "right" : "center";
    pen.textBaseline = number ? "middle" : "top";
    for (const [i, split] of (_splits ?? []).entries()) {
      const at = number ? pixel(view.y, split) : pixel(view.x, split);
      pen.beginPath();
      pen.moveTo(number ? left - 4 : at, number ? at : top);
      pen.lineTo(number ? left + width : at, number ? at : top + height + 4);
      pen.stroke();
      const lines = String(_values?.[i] ?? "").split("\n");
      for (const [row, line] of lines.entries())
        pen.fillText(line, number ? left - 7 : at, number ? at : top + height + 7 + 12 * row);
    }
    pen.textAlign = "center";
    pen.save();
    if (number) {
      pen.translate(10, top + height / 2);
      pen.rotate(-Math.PI / 2);
    } else pen.translate(left + width / 2, plot.height - 13);
    if (label) pen.fillText(String(label), 0, 0);
    pen.restore();
  }
}
