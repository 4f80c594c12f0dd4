/**
 * Draws one axis of parallel coordinates and its brushes, and tells brushes as spans of places. Pure,
 * but for the context drawn with. Neighbours: parallel.js, parallel_axis.js.
 */
import { fit } from "./axes.js";

/**
 * @typedef {import("./parallel_lines.js").Axis} AxisOf
 * @typedef {import("./parallel_lines.js").Plot} Plot
 * @typedef {import("./brushes.js").Span} Span
 * @typedef {import("../sweep/selection.js").Brush} Brush
 * @typedef {import("../sweep/selection.js").Range} Range
 */

/** A brush as spans of places. @param {AxisOf} axis @param {Brush} brush @returns {Span[]} */
export function spansOf(axis, brush) {
  /** @type {Span[]} */
  const found = [];
  for (const each of brush) {
    if (typeof each === "string") {
      const [at, half] = [axis.scale.place(each), 0.5 / (axis.scale.high + 1)];
      if (!Number.isNaN(at)) found.push([at - half, at + half]);
    } else if (each) {
      const [low, high] = each.map((end) => axis.scale.place(end));
      found.push([Number.isNaN(low) ? 0 : Math.max(low, 0), Math.min(high, 1)]);
    }
  }
  return found;
}

/** The other way. @param {AxisOf} axis @param {readonly Span[]} spans @returns {Brush} */
export function brushOf(axis, spans) {
  if (axis.scale.kind !== "category")
    return spans.map(
      ([low, high]) => /** @type {Range} */ ([axis.scale.value(low), axis.scale.value(high)]),
    );
  return axis.scale
    .ticks(Number.POSITIVE_INFINITY)
    .filter(({ at }) => spans.some(([low, high]) => at >= low && at <= high))
    .map(({ label }) => label);
}

/** Whether the rail is brushed. @param {Brush} brush */
export const railed = (brush) => brush.some((each) => each === null || each === "");

/** @param {AxisOf} axis @param {Plot} plot @param {number} place */
const heightOf = (axis, plot, place) => plot.top + (axis.flipped ? place : 1 - place) * plot.height;

/**
 * @param {any} context @param {AxisOf} axis @param {number} x @param {Plot} plot
 * @param {Brush} brush @param {import("./canvas.js").Theme} colors
 */
export function drawBrush(context, axis, x, plot, brush, colors) {
  const px = Math.round(x) + 0.5;
  for (const span of spansOf(axis, brush)) {
    const [a, b] = span.map((end) => heightOf(axis, plot, end)).sort((one, other) => one - other);
    box(context, px - 6, a, 12, Math.max(b - a, 2), colors);
  }
  if (railed(brush)) box(context, px - 12, plot.rail - 6, 24, 12, colors);
}

/**
 * @param {any} context @param {AxisOf} axis @param {number} x @param {Plot} plot
 * @param {import("./canvas.js").Theme} colors
 */
export function drawAxis(context, axis, x, plot, colors) {
  const px = Math.round(x) + 0.5;
  context.globalAlpha = 1;
  context.strokeStyle = colors.quiet;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(px, plot.top);
  context.lineTo(px, plot.top + plot.height);
  context.stroke();
  if (missing(axis)) {
    context.globalAlpha = 0.9;
    context.fillStyle = colors.quiet;
    context.fillRect(px - 8, plot.rail - 0.5, 16, 1);
    context.font = colors.font.replace(/^\d+px/, "10px");
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillText("none", px, plot.rail + 5);
  }
  context.globalAlpha = 1;
  context.font = colors.font.replace(/^\d+px/, "11px");
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const { at, label } of axis.scale.ticks(Math.max(plot.height / 40, 2))) {
    if (at < -1e-9 || at > 1 + 1e-9) continue;
    const [py, text] = [heightOf(axis, plot, at), fit(context, label, 84)];
    context.fillStyle = colors.quiet;
    context.fillRect(px - 3, Math.round(py), 6, 1);
    // A pale ground of its own keeps the text legible over lines.
    context.fillStyle = colors.ground;
    context.globalAlpha = 0.78;
    context.fillRect(px + 5, py - 7, context.measureText(text).width + 4, 14);
    context.globalAlpha = 1;
    context.fillStyle = colors.text;
    context.fillText(text, px + 7, py);
  }
}

/** @param {any} context @param {number} x @param {number} y @param {number} width
 * @param {number} height @param {import("./canvas.js").Theme} colors */
function box(context, x, y, width, height, colors) {
  context.globalAlpha = 0.28;
  context.fillStyle = colors.accent;
  context.fillRect(x, y, width, height);
  context.globalAlpha = 1;
  context.strokeStyle = colors.accent;
  context.lineWidth = 1.2;
  context.strokeRect(x, y, width, height);
}

/** @type {WeakMap<AxisOf, boolean>} */
const lacking = new WeakMap();

/** Whether a line has no value there. @param {AxisOf} axis */
export function missing(axis) {
  let found = lacking.get(axis);
  if (found === undefined) {
    found = Array.prototype.some.call(axis.values, (value) =>
      Number.isNaN(axis.scale.place(value)),
    );
    lacking.set(axis, found);
  }
  return found;
}
