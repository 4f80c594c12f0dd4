/** Draws the frame of a chart with two axes: grid, ticks, names. Neighbours: scales.js, canvas.js. */
import { theme } from "./canvas.js";

/**
 * @typedef {import("./scales.js").Scale} Scale
 * @typedef {import("./canvas.js").Context} Context
 * @typedef {import("./canvas.js").Theme} Theme
 * @typedef {{left: number, top: number, width: number, height: number}} Box the inside of the axes
 */

/** Pixels between two ticks of the upright axis. */
const TALL = 36;
/** Room for the upright axis's name. */
const BESIDE = 20;

/** @type {CanvasRenderingContext2D | null} */
let measuring = null;

/** @param {string} text in the theme's font */
function widthOf(text) {
  measuring ??= document.createElement("canvas").getContext("2d");
  if (!measuring) return 7 * text.length;
  measuring.font = theme().font;
  return measuring.measureText(text).width;
}

/**
 * Where the axes leave room for the marks.
 * @param {number} width @param {number} height @param {Scale} y
 * @param {{right?: number, top?: number}} [more] @returns {Box}
 */
export function insideOf(width, height, y, more = {}) {
  const labels = y.ticks(Math.max(height / TALL, 2)).map((tick) => widthOf(tick.label));
  const left = Math.min(Math.max(14, ...labels) + 10, width * 0.3) + BESIDE;
  const [top, right, bottom] = [more.top ?? 8, more.right ?? 12, 38];
  return {
    left,
    top,
    width: Math.max(width - left - right, 10),
    height: Math.max(height - top - bottom, 10),
  };
}

/**
 * @param {Context} context @param {Box} box @param {Scale} x @param {Scale} y
 * @param {string} xLabel @param {string} yLabel @param {Theme} colors
 */
export function drawAxes(context, box, x, y, xLabel, yLabel, colors) {
  const bottom = box.top + box.height;
  context.font = colors.font;
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  const space = box.left - BESIDE - 6;
  for (const { at, label } of y.ticks(Math.max(box.height / TALL, 2))) {
    if (!(at >= -1e-9 && at <= 1 + 1e-9)) continue;
    const py = Math.round(bottom - at * box.height) + 0.5;
    rule(context, box.left, py, box.left + box.width, py, colors.line, 0.55);
    context.fillStyle = colors.quiet;
    context.fillText(fit(context, label, space), box.left - 6, py);
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  const room = x.kind === "category" ? box.width / Math.max(x.high + 1, 1) : 70;
  for (const { at, label } of x.ticks(Math.max(Math.floor(box.width / 70), 2))) {
    if (!(at >= -1e-9 && at <= 1 + 1e-9)) continue;
    const px = Math.round(box.left + at * box.width) + 0.5;
    rule(context, px, box.top, px, bottom, colors.line, 0.35);
    context.fillStyle = colors.quiet;
    context.fillText(fit(context, label, Math.max(room, 60)), px, bottom + 6);
  }
  rule(context, box.left + 0.5, box.top, box.left + 0.5, bottom, colors.line, 1);
  rule(context, box.left, bottom + 0.5, box.left + box.width, bottom + 0.5, colors.line, 1);
  context.fillStyle = colors.text;
  context.textBaseline = "alphabetic";
  context.fillText(fit(context, xLabel, box.width), box.left + box.width / 2, bottom + 34);
  context.save();
  context.translate(12, box.top + box.height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(fit(context, yLabel, box.height), 0, 0);
  context.restore();
}

/** @param {Context} context @param {number} x0 @param {number} y0 @param {number} x1
 * @param {number} y1 @param {string} color @param {number} alpha */
function rule(context, x0, y0, x1, y1, color, alpha) {
  context.globalAlpha = alpha;
  context.strokeStyle = color;
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
  context.globalAlpha = 1;
}

/** The text, cut so that it is no wider than `room`. @param {Context} context @param {string} text
 * @param {number} room @returns {string} */
export function fit(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let keep = text.length;
  while (keep > 1 && context.measureText(`${text.slice(0, keep)}…`).width > room) keep--;
  return `${text.slice(0, keep)}…`;
}
