/**
 * Draws curves, each with x of its own, on anything that draws like a canvas. Pure but for the pen.
 *
 * Points that share a column of pixels are drawn as that column's first, extremes and last: nobody
 * sees the difference, and a million points cost what a thousand do. What is no finite number (or
 * not above 0 on a logarithmic scale) leaves a gap; a point between two gaps is a dot.
 * Neighbours: line_plot.js (axes, cursor), svg_pen.js (the pen of an SVG).
 */

/**
 * @typedef {object} Curve
 * @property {string} id
 * @property {string} label
 * @property {string} color
 * @property {Float64Array} x
 * @property {Float64Array} y
 * @property {number[]} [dash]
 * @property {Float64Array} [faint] y before smoothing, drawn faint behind
 * @property {Float64Array} [low] the lower edge of a band around the curve
 * @property {Float64Array} [high] its upper edge
 * @property {boolean} [points] a dot at each point
 */

/**
 * @typedef {{log: boolean, a: number, b: number}} Axis pixel = a * value + b (of its logarithm)
 * @typedef {{x: Axis, y: Axis, left: number, right: number, ratio: number}} View
 *   `left` and `right` are pixels beyond which nothing is seen; `ratio`: device pixels in one of CSS
 * @typedef {Pick<CanvasRenderingContext2D, "beginPath" | "moveTo" | "lineTo" | "closePath" | "arc" |
 *   "stroke" | "fill" | "setLineDash" | "lineWidth" | "strokeStyle" | "fillStyle" | "globalAlpha" |
 *   "lineJoin"> & {whole?: boolean}} Pen `whole`: it takes a line of any length at once
 */

const FAINT = 0.22;
const BAND = 0.16;
const WIDTH = 1.4; // of a line, in CSS pixels
const MANY = 20; // curves, from which on they are thin:
const THIN = 1; // a canvas draws these five times as fast
const STROKE = 64; // points in one stroke: of a long line that crosses itself each costs more
const DOT = 2.2;
const FAR = 1e5; // pixels: what lies further off is drawn there, for canvases lose their way beyond

/**
 * @param {boolean} log @param {number} low @param {number} high values at the ends
 * @param {number} from @param {number} to pixels at the ends @returns {Axis}
 */
export function axis(log, low, high, from, to) {
  const [l, h] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  const a = (to - from) / (h - l || 1);
  return { log, a, b: from - a * l };
}

/** @param {Axis} scale @param {number} value @returns {number} pixel; NaN: nowhere */
export function pixel(scale, value) {
  const at = scale.log ? (value > 0 ? Math.log10(value) : Number.NaN) : value;
  const px = scale.a * at + scale.b;
  return Math.min(Math.max(px, -FAR), FAR);
}

/** @param {Axis} scale @param {number} px @returns {number} */
export function valueAt(scale, px) {
  const value = (px - scale.b) / scale.a;
  return scale.log ? 10 ** value : value;
}

/** @param {Pen} pen @param {readonly Curve[]} curves @param {View} view */
export function drawCurves(pen, curves, view) {
  const width = curves.length > MANY ? THIN : WIDTH;
  pen.lineJoin = "bevel";
  for (const curve of curves) if (curve.low && curve.high) fillBand(pen, curve, view);
  for (const curve of curves) {
    if (!curve.faint) continue;
    pen.globalAlpha = FAINT;
    drawLine(pen, curve.x, curve.faint, curve.color, width, view);
  }
  pen.globalAlpha = 1;
  for (const curve of curves) drawCurve(pen, curve, view, width);
}

/** @param {Pen} pen @param {Curve} curve @param {View} view @param {number} [width] */
export function drawCurve(pen, curve, view, width = WIDTH) {
  pen.setLineDash((curve.dash ?? []).map((each) => each * view.ratio));
  drawLine(pen, curve.x, curve.y, curve.color, width, view, curve.points, curve.dash?.length);
  pen.setLineDash([]);
}

/**
 * @param {Pen} pen @param {Float64Array} x @param {Float64Array} y @param {string} color
 * @param {number} width @param {View} view @param {boolean} [everyPoint]
 * @param {number} [dashes] in one stroke alone they are even
 */
function drawLine(pen, x, y, color, width, view, everyPoint = false, dashes = 0) {
  pen.strokeStyle = color;
  pen.lineWidth = width * view.ratio;
  pen.beginPath();
  const alone = trace(pen, x, y, view, dashes || pen.whole ? Number.POSITIVE_INFINITY : STROKE);
  pen.stroke();
  if (!alone.length && !everyPoint) return;
  pen.fillStyle = color;
  const size = Math.max(DOT, width + 0.8) * view.ratio;
  const dots = everyPoint ? x.keys() : alone;
  for (const i of dots) dot(pen, pixel(view.x, x[i]), pixel(view.y, y[i]), size);
}

/** @param {Pen} pen @param {number} px @param {number} py @param {number} size */
export function dot(pen, px, py, size) {
  if (Number.isNaN(px) || Number.isNaN(py)) return;
  pen.beginPath();
  pen.arc(px, py, size, 0, 2 * Math.PI);
  pen.fill();
}

/**
 * Lays the line into the pen's path. @param {Pen} pen @param {Float64Array} x
 * @param {Float64Array} y @param {View} view @param {number} most in one stroke
 * @returns {number[]} the points that stand alone
 */
function trace(pen, x, y, view, most) {
  const [first, end] = inView(x, view);
  /** @type {number[]} */
  const alone = [];
  let column = Number.NaN;
  let low = 0;
  let high = 0;
  let last = 0;
  let began = -1; // where the piece without a gap began; -1: in a gap
  let count = 0; // points of that piece
  let here = 0; // points of its last column of pixels
  let laid = 0; // points of the stroke
  for (let i = first; i < end; i++) {
    const px = pixel(view.x, x[i]);
    const py = pixel(view.y, y[i]);
    if (Number.isNaN(px + py) || !Number.isFinite(y[i])) {
      if (count === 1) alone.push(began);
      else if (count) finish();
      count = 0;
      column = Number.NaN;
      continue;
    }
    const at = Math.round(px);
    if (count && at === column) {
      if (py < low) low = py;
      if (py > high) high = py;
      last = py;
      count++;
      here++;
      continue;
    }
    if (count) {
      finish();
      pen.lineTo(px, py);
      if (++laid >= most) {
        pen.stroke();
        pen.beginPath();
        pen.moveTo(px, py);
        laid = 0;
      }
    } else {
      began = i;
      pen.moveTo(px, py);
    }
    column = at;
    low = high = last = py;
    count++;
    here = 1;
  }
  if (count === 1) alone.push(began);
  else if (count) finish();
  return alone;

  function finish() {
    if (low === high) return;
    laid++;
    if (here > 2) pen.lineTo(column, last === low ? high : low);
    if (here > 2 && last !== low && last !== high) pen.lineTo(column, high);
    pen.lineTo(column, last);
  }
}

/** @param {Pen} pen @param {Curve} curve @param {View} view */
function fillBand(pen, curve, view) {
  const { x, low, high } = curve;
  if (!low || !high) return;
  const [first, end] = inView(x, view);
  pen.fillStyle = curve.color;
  pen.globalAlpha = BAND;
  const usable = (/** @type {number} */ i) =>
    !Number.isNaN(pixel(view.x, x[i]) + pixel(view.y, low[i]) + pixel(view.y, high[i]));
  for (let i = first; i < end; i++) {
    if (!usable(i)) continue;
    let until = i;
    while (until < end && usable(until)) until++;
    pen.beginPath();
    for (let at = i; at < until; at++) pen.lineTo(pixel(view.x, x[at]), pixel(view.y, high[at]));
    for (let at = until; at-- > i; ) pen.lineTo(pixel(view.x, x[at]), pixel(view.y, low[at]));
    pen.closePath();
    pen.fill();
    i = until;
  }
  pen.globalAlpha = 1;
}

/** The points in view, and one beyond at each side. @param {Float64Array} x @param {View} view
 * @returns {[number, number]} the first, and the one after the last */
function inView(x, view) {
  if (!isRising(x)) return [0, x.length];
  const first = lowerBound(x, valueAt(view.x, view.left));
  const end = lowerBound(x, valueAt(view.x, view.right));
  return [Math.max(first - 1, 0), Math.min(end + 1, x.length)];
}

/** @type {WeakMap<Float64Array, boolean>} */
const rising = new WeakMap();

/** Whether no value is below the one before. @param {Float64Array} x */
export function isRising(x) {
  let known = rising.get(x);
  if (known === undefined) {
    known = true;
    for (let i = 1; i < x.length && known; i++) known = x[i] >= x[i - 1];
    rising.set(x, known);
  }
  return known;
}

/** The first place whose value is not below. @param {Float64Array} x rising @param {number} value */
export function lowerBound(x, value) {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
