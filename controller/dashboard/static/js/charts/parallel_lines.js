/**
 * The lines of parallel coordinates: where they run, and drawing thousands of them in a frame.
 *
 * Lines are kept in the order of their colour, so that neighbours share a stroke, and every k-th is
 * a fair sample of all: while a brush is dragged, as many are drawn as a frame allows, and the rest
 * when it rests. Pure, but for the context drawn with. Neighbour: parallel.js.
 */
import { viridis } from "../colors.js";
import { spreadOf } from "./points.js";

/**
 * @typedef {import("./scales.js").Scale} Scale
 * @typedef {object} Axis
 * @property {string} name
 * @property {string} [label] what is written; the usual one is the name
 * @property {Scale} scale
 * @property {ArrayLike<any>} values one a line
 * @property {boolean} [flipped] its low end is at the top
 * @typedef {{left: number, top: number, width: number, height: number, rail: number}} Plot
 * rail: where lines without a value run
 */

const SHADES = 32;
const PALETTE = Array.from({ length: SHADES }, (_, i) => viridis(i / (SHADES - 1)));
/** Lines in one stroke: long paths with many crossings cost more than their parts. */
const LINES_A_STROKE = 4;
/** Beyond this, lines are one device pixel wide: those cost a fifth of wider ones to draw. */
const MANY = 400;

/**
 * The height of each line at an axis, in pixels.
 * @param {Axis} axis @param {number} count @param {Plot} plot @returns {Float32Array}
 */
export function heights(axis, count, plot) {
  const found = new Float32Array(count);
  const band = axis.scale.kind === "category" ? 1 / (axis.scale.high + 1) : 0;
  const spread = spreadOf(count);
  for (let i = 0; i < count; i++) {
    let place = axis.scale.place(axis.values[i]);
    if (Number.isNaN(place)) {
      found[i] = plot.rail;
      continue;
    }
    // Lines of one category lie side by side, or nobody could see how many there are.
    if (band) place += (((i * 0.618034) % 1) - 0.5) * band * spread;
    found[i] = plot.top + (axis.flipped ? place : 1 - place) * plot.height;
  }
  return found;
}

/** Which axis lies where, from the left. @param {number} count @param {Plot} plot */
export function places(count, plot) {
  const gap = count > 1 ? plot.width / (count - 1) : 0;
  return Array.from(
    { length: count },
    (_, i) => plot.left + (count > 1 ? i * gap : plot.width / 2),
  );
}

/**
 * The shade of each line, and the lines in the order in which they are drawn: those without a
 * colour first, those that matter most last.
 * @param {ArrayLike<number>} parts 0..1 a line; NaN: no colour @param {boolean} lowLast
 * @returns {{shades: Int8Array, order: Uint32Array}} shade -1: no colour
 */
export function shaded(parts, lowLast) {
  const shades = new Int8Array(parts.length);
  for (let i = 0; i < parts.length; i++)
    shades[i] = Number.isNaN(parts[i])
      ? -1
      : Math.round(Math.min(Math.max(parts[i], 0), 1) * (SHADES - 1));
  const rank = (/** @type {number} */ shade) => (shade < 0 ? -1 : lowLast ? SHADES - shade : shade);
  const order = Uint32Array.from(shades, (_, i) => i).sort(
    (a, b) => rank(shades[a]) - rank(shades[b]),
  );
  return { shades, order };
}

/**
 * Draws the lines that `passes` lets through.
 * @param {any} context @param {readonly number[]} xs @param {readonly Float32Array[]} ys by axis
 * @param {{shades: Int8Array, order: Uint32Array}} lines @param {Uint8Array | null} passes
 * @param {{alpha: number, ratio: number, color?: string, none: string, most?: number}} how
 * ratio: device pixels in one of CSS;
 * color: of all lines; none: of those without one of their own; most: draw a fair sample of so many
 * @returns {number} how many were drawn
 */
export function drawLines(context, xs, ys, lines, passes, how) {
  const { shades, order } = lines;
  const count = passes ? sum(passes) : order.length;
  const every = Math.max(count / (how.most ?? Number.POSITIVE_INFINITY), 1);
  context.globalAlpha = how.alpha;
  context.lineWidth = order.length > MANY ? 1 / how.ratio : 1.3;
  context.lineJoin = "bevel";
  let [passed, next, drawn, open, shade] = [0, 0, 0, 0, -2];
  for (let at = 0; at < order.length; at++) {
    const i = order[at];
    if (passes && !passes[i]) continue;
    if (passed++ < next) continue;
    next += every;
    if (open === LINES_A_STROKE || (shades[i] !== shade && !how.color)) {
      if (open) context.stroke();
      open = 0;
    }
    if (!open) {
      shade = shades[i];
      context.strokeStyle = how.color ?? (shade < 0 ? how.none : PALETTE[shade]);
      context.beginPath();
    }
    context.moveTo(xs[0], ys[0][i]);
    for (let axis = 1; axis < xs.length; axis++) context.lineTo(xs[axis], ys[axis][i]);
    open++;
    drawn++;
  }
  if (open) context.stroke();
  context.globalAlpha = 1;
  return drawn;
}

/** @param {Uint8Array} passes */
function sum(passes) {
  let total = 0;
  for (const each of passes) total += each;
  return total;
}

/**
 * The line nearest to a point of the plot, within `reach` pixels; -1: none.
 * @param {readonly number[]} xs @param {readonly Float32Array[]} ys @param {Uint8Array | null} passes
 * @param {number} x @param {number} y @param {number} reach
 */
export function lineAt(xs, ys, passes, x, y, reach) {
  let right = 1;
  while (right < xs.length - 1 && xs[right] < x) right++;
  const left = right - 1;
  if (!ys[right]) return -1;
  const part = Math.min(Math.max((x - xs[left]) / (xs[right] - xs[left]), 0), 1);
  let found = -1;
  let least = reach;
  for (let i = 0; i < ys[left].length; i++) {
    if (passes && !passes[i]) continue;
    const distance = Math.abs(ys[left][i] + (ys[right][i] - ys[left][i]) * part - y);
    if (distance < least) [found, least] = [i, distance];
  }
  return found;
}
