/**
 * Points over two axes, with an optional line: objective over time, slices, Pareto fronts.
 *
 * Faded points lie on a canvas of their own below those that count, and the one under the pointer on
 * a third, so that a brush elsewhere or a hover draws as little as it can. Neighbours: canvas.js,
 * axes.js, scales.js, points.js (who is under the pointer).
 */
import { html, useCallback, useMemo, useRef, useState } from "../html.js";
import { drawAxes, insideOf } from "./axes.js";
import { Layer, useSize, useTheme } from "./canvas.js";
import { mark, nearest, placed } from "./points.js";
import { fitted } from "./scales.js";
import { Tip } from "./tip.js";

/**
 * @typedef {import("./scales.js").Scale} Scale
 * @typedef {object} Points one entry a point, in columns
 * @property {ArrayLike<number | string>} ids
 * @property {ArrayLike<any>} x
 * @property {ArrayLike<any>} y
 * @property {ArrayLike<string>} [colors]
 * @property {ArrayLike<string>} [shapes] see points.js
 * @property {(i: number) => any} text what a tip says of point i
 */

/**
 * @param {{label: string, points: Points, xLabel: string, yLabel: string,
 *   xScale?: Scale | "linear" | "log" | "time", yScale?: Scale | "linear" | "log" | "time",
 *   line?: {x: ArrayLike<number>, y: ArrayLike<number>, steps?: boolean, color?: string},
 *   selected?: Uint8Array | null, highlight?: readonly (number | string)[],
 *   size?: number, height?: number, summary?: string,
 *   onPick?: (id: number | string, more: boolean) => void}} props
 * selected: 1 a point that is not faded; null: all
 */
export function Scatter({
  label,
  points,
  xLabel,
  yLabel,
  xScale = "linear",
  yScale = "linear",
  line,
  selected = null,
  highlight = NOTHING,
  size = 3.2,
  height = 260,
  summary,
  onPick,
}) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { width, height: tall } = useSize(place);
  const colors = useTheme();
  const [hover, setHover] = useState(-1);
  const x = useScale(xScale, points.x);
  const y = useScale(yScale, points.y);
  const box = useMemo(() => insideOf(width, tall, y), [width, tall, y]);
  const at = useMemo(() => placed(points, x, y, box), [points.x, points.y, x, y, box]);

  const drawFrame = useCallback(
    (/** @type {any} */ context) => {
      drawAxes(context, box, x, y, xLabel, yLabel, colors);
      if (selected) drawAll(context, points, at, size, colors, (i) => !selected[i], 0.16);
    },
    [box, x, y, xLabel, yLabel, colors, points, at, selected, size],
  );
  const drawMarks = useCallback(
    (/** @type {any} */ context) => {
      if (line) drawLine(context, line, x, y, box, colors);
      drawAll(context, points, at, size, colors, (i) => !selected || selected[i] === 1, 0.85);
    },
    [points, at, line, x, y, box, selected, size, colors],
  );
  const drawPicked = useCallback(
    (/** @type {any} */ context) => {
      const wanted = new Set(highlight);
      for (let i = 0; i < points.ids.length; i++)
        if (i === hover || wanted.has(points.ids[i]))
          ring(context, points, at, i, size + 2.5, i === hover, colors);
    },
    [points, at, hover, highlight, size, colors],
  );
  /** @param {PointerEvent} event */
  const under = (event) => {
    const bounds = /** @type {Element} */ (place.current).getBoundingClientRect();
    return nearest(at, event.clientX - bounds.left, event.clientY - bounds.top, 18);
  };
  const shown = hover >= 0 && hover < points.ids.length ? hover : -1;
  return html`<div class="chart" ref=${place} role="img" aria-label=${summary ? `${label}. ${summary}` : label}
    style=${{ height: `${height}px` }}
    onPointerMove=${(/** @type {PointerEvent} */ event) => setHover(under(event))}
    onPointerLeave=${() => setHover(-1)}
    onClick=${(/** @type {any} */ event) => {
      const i = under(event);
      if (i >= 0) onPick?.(points.ids[i], event.shiftKey || event.ctrlKey || event.metaKey);
    }}>
    <${Layer} width=${width} height=${tall} draw=${drawFrame} />
    <${Layer} width=${width} height=${tall} draw=${drawMarks} />
    <${Layer} width=${width} height=${tall} draw=${drawPicked} />
    ${shown >= 0 && html`<${Tip} x=${at.x[shown]} y=${at.y[shown]} width=${width}>${points.text(shown)}<//>`}
  </div>`;
}

/** @type {readonly number[]} */
const NOTHING = [];

/** @param {Scale | "linear" | "log" | "time"} wanted @param {ArrayLike<any>} values @returns {Scale} */
function useScale(wanted, values) {
  return useMemo(
    () => (typeof wanted === "string" ? fitted(wanted, values) : wanted),
    [wanted, values],
  );
}

/**
 * @param {any} context @param {Points} points @param {{x: Float32Array, y: Float32Array}} at
 * @param {number} size @param {import("./canvas.js").Theme} colors
 * @param {(i: number) => boolean} counts @param {number} alpha
 */
function drawAll(context, points, at, size, colors, counts, alpha) {
  context.globalAlpha = alpha;
  for (let i = 0; i < points.ids.length; i++) {
    if (Number.isNaN(at.x[i]) || !counts(i)) continue;
    const color = points.colors?.[i] ?? colors.accent;
    mark(context, points.shapes?.[i] ?? "dot", at.x[i], at.y[i], size, color);
  }
  context.globalAlpha = 1;
}

/** @param {any} context @param {{x: ArrayLike<number>, y: ArrayLike<number>, steps?: boolean,
 *   color?: string}} line @param {Scale} x @param {Scale} y @param {import("./axes.js").Box} box
 * @param {import("./canvas.js").Theme} colors */
function drawLine(context, line, x, y, box, colors) {
  context.strokeStyle = line.color ?? colors.text;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.beginPath();
  let before = Number.NaN;
  for (let i = 0; i < line.x.length; i++) {
    const px = box.left + x.place(line.x[i]) * box.width;
    const py = box.top + (1 - y.place(line.y[i])) * box.height;
    if (Number.isNaN(px) || Number.isNaN(py)) continue;
    if (Number.isNaN(before)) context.moveTo(px, py);
    else {
      if (line.steps) context.lineTo(px, before);
      context.lineTo(px, py);
    }
    before = py;
  }
  context.stroke();
}

/** @param {any} context @param {Points} points @param {{x: Float32Array, y: Float32Array}} at
 * @param {number} i @param {number} radius @param {boolean} hovered
 * @param {import("./canvas.js").Theme} colors */
function ring(context, points, at, i, radius, hovered, colors) {
  if (Number.isNaN(at.x[i])) return;
  mark(
    context,
    points.shapes?.[i] ?? "dot",
    at.x[i],
    at.y[i],
    radius - 1,
    points.colors?.[i] ?? colors.accent,
  );
  context.strokeStyle = colors.text;
  context.lineWidth = hovered ? 1.5 : 2;
  context.beginPath();
  context.arc(at.x[i], at.y[i], radius + 1, 0, 2 * Math.PI);
  context.stroke();
}
