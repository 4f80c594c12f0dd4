/**
 * Points over two axes, with an optional curve: objective over time, slices, Pareto fronts.
 *
 * Faded points lie on a canvas of their own below those that count, and those pointed at or picked on
 * a third, so that a hover draws next to nothing. Dragging a box brushes both axes; a double click
 * takes the brush away. Neighbours: scatter_drawing.js (draws), points.js, axes.js, canvas.js.
 */
import { html, useCallback, useMemo, useRef, useState } from "../html.js";
import { drawAxes, insideOf } from "./axes.js";
import { Layer, useSize, useTheme } from "./canvas.js";
import { nearest, placed } from "./points.js";
import { fitted } from "./scales.js";
import { drawBands, drawCurve, drawPoints, drawRings } from "./scatter_drawing.js";
import { Tip } from "./tip.js";

/**
 * @typedef {import("./scales.js").Scale} Scale
 * @typedef {import("./scatter_drawing.js").Curve} Curve
 * @typedef {"linear" | "log" | "time" | "duration"} Kind
 * @typedef {object} Points one entry a point, in columns
 * @property {ArrayLike<number | string>} ids
 * @property {ArrayLike<any>} x
 * @property {ArrayLike<any>} y
 * @property {ArrayLike<string>} [colors]
 * @property {ArrayLike<string>} [shapes] see points.js
 * @property {(i: number) => any} text what a tip says of point i
 * @typedef {{x: [number, number], y: [number, number]}} Box in values; of categories: indices
 */

/** The radius of a point among so many. @param {number} count */
function sizeFor(count) {
  return count < 60 ? 4.4 : count < 400 ? 3.4 : 2.6;
}

/** @type {readonly number[]} */
const NOTHING = [];
const REACH = 18;

/**
 * @param {{label: string, points: Points, xLabel: string, yLabel: string, xScale?: Scale | Kind,
 *   yScale?: Scale | Kind, line?: Curve | null, selected?: Uint8Array | null,
 *   highlight?: readonly (number | string)[], bands?: {x?: any[], y?: any[]}, rail?: boolean,
 *   size?: number, height?: number, summary?: string,
 *   onPick?: (id: number | string, more: boolean) => void, onBrush?: (box: Box | null) => void}} props
 * selected: 1 a point that is not faded; null: all. bands: brushed ranges of the axes. rail: points
 * without y lie at the bottom
 */
export function Scatter({
  label,
  points,
  xLabel,
  yLabel,
  xScale = "linear",
  yScale = "linear",
  line = null,
  selected = null,
  highlight = NOTHING,
  bands,
  rail = false,
  size: wanted,
  height = 260,
  summary,
  onPick,
  onBrush,
}) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { width, height: tall } = useSize(place);
  const colors = useTheme();
  const [hover, setHover] = useState(-1);
  const x = useScale(xScale, points.x);
  const y = useScale(yScale, points.y);
  const box = useMemo(() => insideOf(width, tall, y), [width, tall, y]);
  const at = useMemo(() => placed(points, x, y, box, rail), [points.x, points.y, x, y, box, rail]);
  const size = wanted ?? sizeFor(points.ids.length);
  const drag = useBoxDrag(box, x, y, onBrush);

  const drawFrame = useCallback(
    (/** @type {any} */ context) => {
      drawAxes(context, box, x, y, xLabel, yLabel, colors);
      if (bands) drawBands(context, box, x, y, bands, colors);
      if (selected) drawPoints(context, points, at, size, colors, (i) => !selected[i], 0.16);
    },
    [box, x, y, xLabel, yLabel, colors, points, at, selected, size, bands],
  );
  const drawMarks = useCallback(
    (/** @type {any} */ context) => {
      const counts = (/** @type {number} */ i) => !selected || selected[i] === 1;
      drawPoints(context, points, at, size, colors, counts, 0.85);
      if (line) drawCurve(context, line, x, y, box, colors);
    },
    [points, at, line, x, y, box, selected, size, colors],
  );
  const drawAbove = useCallback(
    (/** @type {any} */ context) => drawRings(context, points, at, size, hover, highlight, colors),
    [points, at, hover, highlight, size, colors],
  );
  /** @param {any} event */
  const under = (event) => {
    const bounds = event.currentTarget.getBoundingClientRect();
    return nearest(at, event.clientX - bounds.left, event.clientY - bounds.top, REACH);
  };
  const shown = hover >= 0 && hover < points.ids.length ? hover : -1;
  return html`<div class="chart" ref=${place} role="img" aria-label=${summary ? `${label}. ${summary}` : label}
    style=${{ height: `${height}px` }}
    onPointerDown=${drag.down}
    onPointerMove=${(/** @type {any} */ event) => setHover(drag.move(event) ? -1 : under(event))}
    onPointerUp=${drag.up} onPointerCancel=${drag.up}
    onPointerLeave=${() => setHover(-1)}
    onDblClick=${() => onBrush?.(null)}
    onClick=${(/** @type {any} */ event) => {
      const i = drag.took() ? -1 : under(event);
      if (i >= 0) onPick?.(points.ids[i], event.shiftKey || event.ctrlKey || event.metaKey);
    }}>
    <${Layer} width=${width} height=${tall} draw=${drawFrame} />
    <${Layer} width=${width} height=${tall} draw=${drawMarks} />
    <${Layer} width=${width} height=${tall} draw=${drawAbove} />
    ${drag.frame && html`<div class="chart-box" style=${drag.frame}></div>`}
    ${shown >= 0 && html`<${Tip} x=${at.x[shown]} y=${at.y[shown]} width=${width}>${points.text(shown)}<//>`}
  </div>`;
}

/** @param {Scale | Kind} wanted @param {ArrayLike<any>} values @returns {Scale} */
function useScale(wanted, values) {
  return useMemo(
    () => (typeof wanted === "string" ? fitted(wanted, values) : wanted),
    [wanted, values],
  );
}

/**
 * Drawing a box with the mouse (a finger scrolls the page, and picks).
 * @param {import("./axes.js").Box} box @param {Scale} x @param {Scale} y
 * @param {((box: Box | null) => void) | undefined} onBrush
 */
function useBoxDrag(box, x, y, onBrush) {
  const [drag, setDrag] = useState(/** @type {number[] | null} */ (null));
  const held = useRef(/** @type {{from: number[], moved: boolean} | null} */ (null));
  const took = useRef(false);
  /** @param {any} event */
  const point = (event) => {
    const bounds = event.currentTarget.getBoundingClientRect();
    const clip = (/** @type {number} */ v, /** @type {number} */ low, /** @type {number} */ size) =>
      Math.min(Math.max(v, low), low + size);
    return [
      clip(event.clientX - bounds.left, box.left, box.width),
      clip(event.clientY - bounds.top, box.top, box.height),
    ];
  };
  const sides = drag && [
    Math.min(drag[0], drag[2]),
    Math.min(drag[1], drag[3]),
    Math.abs(drag[2] - drag[0]),
    Math.abs(drag[3] - drag[1]),
  ];
  return {
    frame: sides && {
      left: `${sides[0]}px`,
      top: `${sides[1]}px`,
      width: `${sides[2]}px`,
      height: `${sides[3]}px`,
    },
    /** Whether the click that follows was the end of a drag. */
    took: () => took.current,
    /** @param {any} event */
    down: (event) => {
      took.current = false;
      if (!onBrush || event.button || event.pointerType === "touch") return;
      held.current = { from: point(event), moved: false };
    },
    /** @param {any} event @returns {boolean} whether a box is being drawn */
    move: (event) => {
      if (!held.current) return false;
      const [px, py] = point(event);
      const [fx, fy] = held.current.from;
      if (!held.current.moved && Math.abs(px - fx) + Math.abs(py - fy) < 6) return false;
      if (!held.current.moved) event.currentTarget.setPointerCapture(event.pointerId);
      held.current.moved = true;
      setDrag([fx, fy, px, py]);
      return true;
    },
    up: () => {
      const was = held.current;
      held.current = null;
      setDrag(null);
      if (!was?.moved || !sides) return;
      took.current = true;
      const [left, top, width, height] = sides;
      const across = (/** @type {number} */ px) => x.value((px - box.left) / box.width);
      const along = (/** @type {number} */ py) => y.value(1 - (py - box.top) / box.height);
      onBrush?.({
        x: [across(left), across(left + width)],
        y: [along(top + height), along(top)],
      });
    },
  };
}
