/** What a pointer in a line chart is at: of each curve the point nearest along x. Pure.
 * Neighbour: line_plot.js. */
import { isRising, lowerBound, pixel } from "./curves.js";

/**
 * @typedef {import("./curves.js").Curve} Curve
 * @typedef {{id: string, label: string, color: string, x: number, y: number}} Item
 * @typedef {object} Reading
 * @property {number} x where the pointer is
 * @property {Item[]} items of the curves that have something there, the highest value first
 * @property {string | null} nearest the curve nearest to the pointer, of those
 * @property {number} [px] of the cursor, in CSS pixels within the plot
 * @property {number | null} [py] of the pointer
 */

const REACH = 14; // pixels beyond a curve's end in which it still counts

/**
 * @param {readonly Curve[]} curves @param {number} x @param {number | null} py of the pointer; null:
 *   it has no height, as keys move it @param {import("./curves.js").View} view
 * @returns {Reading}
 */
export function pointAt(curves, x, py, view) {
  const px = pixel(view.x, x);
  /** @type {Item[]} */
  const items = [];
  let nearest = null;
  let least = Number.POSITIVE_INFINITY;
  for (const curve of curves) {
    const i = isRising(curve.x) ? nearestRising(curve, x) : nearestAny(curve, px, py, view);
    if (i < 0) continue;
    const away = Math.abs(pixel(view.x, curve.x[i]) - px);
    const within = curve.x[0] <= x && x <= curve.x[curve.x.length - 1];
    if (away > REACH * view.ratio && !within) continue;
    const { id, label, color } = curve;
    items.push({ id, label, color, x: curve.x[i], y: curve.y[i] });
    if (py === null) continue;
    const far = Math.abs(pixel(view.y, curve.y[i]) - py) + away;
    if (far < least) {
      least = far;
      nearest = id;
    }
  }
  items.sort((a, b) => b.y - a.y);
  return { x, items, nearest: nearest ?? items[0]?.id ?? null };
}

/** @param {Curve} curve @param {number} x @returns {number} -1: there is none */
function nearestRising({ x: xs, y: ys }, x) {
  const at = lowerBound(xs, x);
  let before = at - 1;
  let after = at;
  while (before >= 0 && !Number.isFinite(ys[before])) before--;
  while (after < xs.length && !Number.isFinite(ys[after])) after++;
  if (before < 0) return after < xs.length ? after : -1;
  return after < xs.length && xs[after] - x < x - xs[before] ? after : before;
}

/** @param {Curve} curve @param {number} px @param {number | null} py
 * @param {import("./curves.js").View} view */
function nearestAny({ x, y }, px, py, view) {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < x.length; i++) {
    const dx = pixel(view.x, x[i]) - px;
    const dy = py === null ? 0 : pixel(view.y, y[i]) - py;
    const far = dx * dx + dy * dy;
    if (far < least) {
      least = far;
      best = i;
    }
  }
  return best;
}
