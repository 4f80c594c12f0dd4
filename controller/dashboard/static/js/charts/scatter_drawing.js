/** Draws what a scatter plot shows. Pure, but for the context drawn with. Neighbour: scatter.js. */
import { mark } from "./points.js";

/**
 * @typedef {import("./scales.js").Scale} Scale
 * @typedef {import("./axes.js").Box} Box
 * @typedef {import("./canvas.js").Theme} Theme
 * @typedef {import("./points.js").Places} Places
 * @typedef {{x: ArrayLike<any>, y: ArrayLike<number>, low?: ArrayLike<number>,
 *   high?: ArrayLike<number>, steps?: "level first" | "upright first", color?: string}} Curve
 * low, high: a band around it
 */

/** More points than this are drawn as plain squares, which cost a fraction. */
const MANY = 2500;

/**
 * @param {any} context @param {import("./scatter.js").Points} points @param {Places} at
 * @param {number} size @param {Theme} colors @param {(i: number) => boolean} counts
 * @param {number} alpha
 */
export function drawPoints(context, points, at, size, colors, counts, alpha) {
  context.globalAlpha = alpha;
  const many = points.ids.length > MANY;
  for (let i = 0; i < points.ids.length; i++) {
    if (Number.isNaN(at.x[i]) || !counts(i)) continue;
    const color = points.colors?.[i] ?? colors.accent;
    const shape = points.shapes?.[i] ?? "dot";
    if (many && shape === "dot") {
      context.fillStyle = color;
      context.fillRect(at.x[i] - 1.5, at.y[i] - 1.5, 3, 3);
    } else mark(context, shape, at.x[i], at.y[i], many ? 2.2 : size, color);
  }
  context.globalAlpha = 1;
}

/**
 * @param {any} context @param {import("./scatter.js").Points} points @param {Places} at
 * @param {number} size @param {number} hover @param {readonly (number | string)[]} highlight
 * @param {Theme} colors
 */
export function drawRings(context, points, at, size, hover, highlight, colors) {
  if (hover < 0 && !highlight.length) return;
  const wanted = new Set(highlight);
  for (let i = 0; i < points.ids.length; i++) {
    if ((i !== hover && !wanted.has(points.ids[i])) || Number.isNaN(at.x[i])) continue;
    const color = points.colors?.[i] ?? colors.accent;
    mark(context, points.shapes?.[i] ?? "dot", at.x[i], at.y[i], size + 1.5, color);
    context.strokeStyle = colors.text;
    context.lineWidth = i === hover ? 1.5 : 2;
    context.beginPath();
    context.arc(at.x[i], at.y[i], size + 3.5, 0, 2 * Math.PI);
    context.stroke();
  }
}

/**
 * Of categories: a dash with its interval at each.
 * @param {any} context @param {Curve} line @param {Scale} x @param {Scale} y @param {Box} box
 * @param {Theme} colors
 */
export function drawCurve(context, line, x, y, box, colors) {
  const px = Array.from(line.x, (value) => box.left + x.place(value) * box.width);
  const height = (/** @type {number} */ value) =>
    box.top + (1 - Math.min(Math.max(y.place(value), 0), 1)) * box.height;
  const { low, high } = line;
  context.strokeStyle = line.color ?? colors.text;
  context.fillStyle = line.color ?? colors.text;
  context.lineWidth = 1.6;
  context.lineJoin = "round";
  if (x.kind === "category") {
    const half = Math.min((0.3 * box.width) / (x.high + 1), 18);
    px.forEach((at, i) => {
      if (Number.isNaN(at)) return;
      if (low && high) {
        context.globalAlpha = 0.22;
        const top = height(high[i]);
        context.fillRect(at - half, top, 2 * half, Math.max(height(low[i]) - top, 1));
        context.globalAlpha = 1;
      }
      segment(context, at - half, height(line.y[i]), at + half, height(line.y[i]));
    });
    return;
  }
  if (low && high) {
    context.globalAlpha = 0.18;
    context.beginPath();
    for (let i = 0; i < px.length; i++) context[i ? "lineTo" : "moveTo"](px[i], height(high[i]));
    for (let i = px.length - 1; i >= 0; i--) context.lineTo(px[i], height(low[i]));
    context.closePath();
    context.fill();
    context.globalAlpha = 1;
  }
  context.beginPath();
  let before = [Number.NaN, Number.NaN];
  for (let i = 0; i < px.length; i++) {
    const py = height(line.y[i]);
    if (Number.isNaN(px[i]) || Number.isNaN(py)) continue;
    if (Number.isNaN(before[0])) context.moveTo(px[i], py);
    else {
      if (line.steps === "level first") context.lineTo(px[i], before[1]);
      if (line.steps === "upright first") context.lineTo(before[0], py);
      context.lineTo(px[i], py);
    }
    before = [px[i], py];
  }
  context.stroke();
}

/** @param {any} context @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function segment(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/**
 * The brushed ranges of both axes, as strips beside them.
 * @param {any} context @param {Box} box @param {Scale} x @param {Scale} y
 * @param {{x?: any[], y?: any[]}} bands @param {Theme} colors
 */
export function drawBands(context, box, x, y, bands, colors) {
  context.fillStyle = colors.accent;
  context.globalAlpha = 0.1;
  for (const [low, high] of spans(bands.x, x))
    context.fillRect(box.left + low * box.width, box.top, (high - low) * box.width, box.height);
  for (const [low, high] of spans(bands.y, y))
    context.fillRect(
      box.left,
      box.top + (1 - high) * box.height,
      box.width,
      (high - low) * box.height,
    );
  context.globalAlpha = 1;
}

/** @param {any[] | undefined} brush @param {Scale} scale @returns {number[][]} */
function spans(brush, scale) {
  const clip = (/** @type {number} */ place) => Math.min(Math.max(place, 0), 1);
  const found = [];
  for (const each of brush ?? []) {
    if (typeof each === "string") {
      const [at, half] = [scale.place(each), 0.5 / (scale.high + 1)];
      if (!Number.isNaN(at)) found.push([at - half, at + half]);
    } else if (each) found.push([clip(scale.place(each[0])), clip(scale.place(each[1]))]);
  }
  return found;
}
