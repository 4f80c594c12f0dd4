/**
 * A surface over two axes in colours, with its contour lines, and points on it.
 *
 * Who uses it gives the surface as a grid of cells (surface.js makes one of points). Neighbours:
 * scatter.js (points alone), color_bar.js (what the colours mean).
 */
import { viridis } from "../colors.js";
import { html, useCallback, useMemo, useRef, useState } from "../html.js";
import { drawAxes, insideOf } from "./axes.js";
import { Layer, useSize, useTheme } from "./canvas.js";
import { mark, nearest, placed } from "./points.js";
import { short } from "./scales.js";
import { isolines } from "./surface.js";
import { Tip } from "./tip.js";

/**
 * @typedef {import("./scales.js").Scale} Scale
 * @typedef {{columns: number, rows: number, values: Float64Array}} Grid
 * `values[row * columns + column]`, from the low end of both axes; NaN: nothing is known there
 */

/** @type {readonly any[]} */
const NOTHING = [];

/**
 * @param {{label: string, grid: Grid | null, x: Scale, y: Scale, xLabel: string, yLabel: string,
 *   points?: import("./scatter.js").Points, color: Scale, flipped?: boolean, selected?: Uint8Array | null,
 *   highlight?: readonly (number | string)[], height?: number, summary?: string,
 *   onPick?: (id: number | string, more: boolean) => void}} props
 * color: from a value to a place; flipped: its high end is violet
 */
export function HeatMap({
  label,
  grid,
  x,
  y,
  xLabel,
  yLabel,
  points,
  color,
  flipped = false,
  selected = null,
  highlight = NOTHING,
  height = 320,
  summary,
  onPick,
}) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { width, height: tall } = useSize(place);
  const colors = useTheme();
  const [hover, setHover] = useState(-1);
  const box = useMemo(() => insideOf(width, tall, y), [width, tall, y]);
  const at = useMemo(() => (points ? placed(points, x, y, box) : null), [points, x, y, box]);
  const drawSurface = useCallback(
    (/** @type {any} */ context) => {
      drawAxes(context, box, x, y, xLabel, yLabel, colors);
      if (grid) drawGrid(context, grid, color, box, flipped);
      if (grid && x.kind !== "category" && y.kind !== "category")
        drawLevels(context, grid, color, box, colors);
    },
    [grid, color, flipped, box, x, y, xLabel, yLabel, colors],
  );
  const drawPoints = useCallback(
    (/** @type {any} */ context) => {
      if (!points || !at) return;
      const wanted = new Set(highlight);
      const [rim, core] = points.ids.length > 400 ? [1.9, 1.2] : [3.6, 2.4];
      for (let i = 0; i < points.ids.length; i++) {
        if (Number.isNaN(at.x[i])) continue;
        const [big, faded] = [i === hover || wanted.has(points.ids[i]), selected && !selected[i]];
        context.globalAlpha = faded && !big ? 0.2 : 1;
        mark(context, "dot", at.x[i], at.y[i], big ? 6 : rim, colors.ground);
        mark(context, "dot", at.x[i], at.y[i], big ? 4.6 : core, colors.text);
      }
      context.globalAlpha = 1;
    },
    [points, at, hover, highlight, selected, colors],
  );
  /** @param {PointerEvent | MouseEvent} event */
  const under = (event) => {
    const bounds = /** @type {Element} */ (place.current).getBoundingClientRect();
    return at ? nearest(at, event.clientX - bounds.left, event.clientY - bounds.top, 18) : -1;
  };
  const shown = points && at && hover >= 0 && hover < points.ids.length ? hover : -1;
  return html`<div class="chart" ref=${place} role="img" aria-label=${summary ? `${label}. ${summary}` : label}
    style=${{ height: `${height}px` }}
    onPointerMove=${(/** @type {PointerEvent} */ event) => setHover(under(event))}
    onPointerLeave=${() => setHover(-1)}
    onClick=${(/** @type {MouseEvent} */ event) => {
      const i = under(event);
      if (i >= 0 && points)
        onPick?.(points.ids[i], event.shiftKey || event.ctrlKey || event.metaKey);
    }}>
    <${Layer} width=${width} height=${tall} draw=${drawSurface} />
    <${Layer} width=${width} height=${tall} draw=${drawPoints} />
    ${shown >= 0 && at && points && html`<${Tip} x=${at.x[shown]} y=${at.y[shown]} width=${width}>${points.text(shown)}<//>`}
  </div>`;
}

/** @param {any} context @param {Grid} grid @param {Scale} color
 * @param {import("./axes.js").Box} box @param {boolean} flipped */
function drawGrid(context, grid, color, box, flipped) {
  const [w, h] = [box.width / grid.columns, box.height / grid.rows];
  for (let row = 0; row < grid.rows; row++)
    for (let column = 0; column < grid.columns; column++) {
      const part = color.place(grid.values[row * grid.columns + column]);
      if (Number.isNaN(part)) continue;
      context.fillStyle = viridis(flipped ? 1 - part : part);
      const [px, py] = [box.left + column * w, box.top + box.height - (row + 1) * h];
      context.fillRect(px, py, w + 0.6, h + 0.6);
    }
}

/** @param {any} context @param {Grid} grid @param {Scale} color
 * @param {import("./axes.js").Box} box @param {import("./canvas.js").Theme} colors */
function drawLevels(context, grid, color, box, colors) {
  context.strokeStyle = colors.ground;
  context.globalAlpha = 0.55;
  context.lineWidth = 0.9;
  context.beginPath();
  for (const { at } of color.ticks(10))
    for (const [x0, y0, x1, y1] of isolines(grid, color.value(at))) {
      context.moveTo(box.left + x0 * box.width, box.top + (1 - y0) * box.height);
      context.lineTo(box.left + x1 * box.width, box.top + (1 - y1) * box.height);
    }
  context.stroke();
  context.globalAlpha = 1;
}

/** What the colours mean. @param {{color: Scale, label: string, flipped?: boolean}} props */
export function ColorBar({ color, label, flipped = false }) {
  const draw = useCallback(
    (/** @type {any} */ context, /** @type {number} */ width, /** @type {number} */ height) => {
      for (let px = 0; px < width; px++) {
        const part = px / (width - 1);
        context.fillStyle = viridis(flipped ? 1 - part : part);
        context.fillRect(px, 0, 1, height);
      }
    },
    [flipped],
  );
  return html`<div class="color-bar" role="img"
    aria-label=${`Colours: ${label} from ${short(color.low)} (${
      flipped ? "yellow" : "violet"
    }) to ${short(color.high)} (${flipped ? "violet" : "yellow"})`}>
    <span>${short(color.low)}</span><${Layer} width=${120} height=${10} draw=${draw} />
    <span>${short(color.high)}</span><span class="quiet">${label}</span>
  </div>`;
}
