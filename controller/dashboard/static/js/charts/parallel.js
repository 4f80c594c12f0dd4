/**
 * Parallel coordinates: an axis a parameter, a line a trial, and brushes that say which lines count.
 *
 * Faded lines, lines that count, and what is pointed at are layers of their own. While a brush is
 * dragged only the second is drawn, straight from here; who asked for the chart hears of it when the
 * pointer rests. Neighbours: parallel_lines.js (draws the lines), parallel_axis.js (an axis and its
 * controls), brushes.js.
 */
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../html.js";
import { Layer, useSize, useTheme } from "./canvas.js";
import { Axis } from "./parallel_axis.js";
import { drawAxis, drawBrush } from "./parallel_axis_drawing.js";
import { drawLines, heights, lineAt, places, shaded } from "./parallel_lines.js";
import { Tip } from "./tip.js";

/**
 * @typedef {import("./parallel_lines.js").Axis} AxisOf
 * @typedef {import("../sweep/selection.js").Brush} Brush
 */

/** After so long without a move the page hears of a brush that is still being dragged. */
const REST_MS = 300;
/** Between drawings: 60 a second are quick, 30 are late, and what is longer is a pointer's pause. */
const [QUICK_MS, LATE_MS, PAUSE_MS] = [20, 30, 120];
const LEAST_GAP = 76;

/** @type {readonly any[]} */
const NOTHING = [];

/**
 * @param {{label: string, axes: readonly AxisOf[], ids: ArrayLike<number>,
 *   parts: ArrayLike<number>, lowLast?: boolean, brushes: Record<string, Brush>,
 *   passing: (brushes: Record<string, Brush>) => Uint8Array | null,
 *   highlight?: readonly number[], height?: number, summary?: string, text: (i: number) => any,
 *   onBrush: (axis: string, brush: Brush) => void, onPick?: (id: number, more: boolean) => void,
 *   onMove: (axis: string, to: number) => void, onFlip: (axis: string) => void,
 *   onHide: (axis: string) => void}} props
 * parts: the colour of each line, 0..1 in viridis; passing: which lines count under such brushes
 */
export function ParallelCoordinates({
  label,
  axes,
  ids,
  parts,
  lowLast = false,
  brushes,
  passing,
  highlight = NOTHING,
  height = 340,
  summary,
  text,
  onBrush,
  onPick,
  onMove,
  onFlip,
  onHide,
}) {
  const outer = useRef(/** @type {HTMLDivElement | null} */ (null));
  const size = useSize(outer);
  const colors = useTheme();
  const [draft, setDraft] = useState(/** @type {{axis: string, brush: Brush} | null} */ (null));
  const untold = useRef(draft); // what is drawn may be behind the pointer
  const [rough, setRough] = useState(false);
  const [hover, setHover] = useState(
    /** @type {{i: number, x: number, y: number} | null} */ (null),
  );

  const width = Math.max(size.width, 60 + LEAST_GAP * (axes.length - 1));
  const tall = size.height || height;
  const plot = useMemo(
    () => ({ left: 46, top: 34, width: width - 92, height: tall - 34 - 44, rail: tall - 20 }),
    [width, tall],
  );
  const xs = useMemo(() => places(axes.length, plot), [axes.length, plot]);
  const ys = useHeights(axes, ids.length, plot);
  const lines = useMemo(() => shaded(parts, lowLast), [parts, lowLast]);
  const current = useMemo(
    () => (draft ? { ...brushes, [draft.axis]: draft.brush } : brushes),
    [brushes, draft],
  );
  const passes = useMemo(() => passing(current), [passing, current]);
  const most = useFramePace(rough);

  // The page hears of a brush when the pointer rests or lets go: all else there is drawn anew then.
  const tell = () => {
    setRough(false);
    const newest = untold.current;
    untold.current = null;
    if (!newest) return;
    const known = JSON.stringify(brushes[newest.axis] ?? NO_BRUSH) === JSON.stringify(newest.brush);
    if (known) setDraft(null);
    else onBrush(newest.axis, newest.brush);
  };
  useEffect(() => {
    if (!draft) return;
    const timer = setTimeout(tell, REST_MS);
    return () => clearTimeout(timer);
  }, [draft]);
  // What the page made of it has come back: the draft has done its work.
  useEffect(() => setDraft(null), [brushes]);

  const isBrushed = passes !== null;
  const drawFaded = useCallback(
    (/** @type {any} */ context) => {
      if (!isBrushed) return;
      const alpha = Math.min(Math.max(12 / Math.sqrt(ids.length), 0.1), 0.5);
      const [color, ratio] = [colors.line, devicePixelRatio];
      drawLines(context, xs, ys, lines, null, { alpha, ratio, color, none: color });
    },
    [isBrushed, xs, ys, lines, colors, ids.length],
  );
  const drawCounted = useCallback(
    (/** @type {any} */ context) => {
      const alpha = Math.min(Math.max(22 / Math.sqrt(ids.length), 0.3), 0.85);
      const sample = rough ? most() : undefined;
      const [ratio, none] = [devicePixelRatio, colors.quiet];
      drawLines(context, xs, ys, lines, passes, { alpha, ratio, none, most: sample });
    },
    [passes, xs, ys, lines, colors, rough, ids.length],
  );
  const drawAxes = useCallback(
    (/** @type {any} */ context) => {
      axes.forEach((axis, i) => {
        drawAxis(context, axis, xs[i], plot, colors);
      });
    },
    [axes, xs, plot, colors],
  );
  const drawAbove = useCallback(
    (/** @type {any} */ context) => {
      axes.forEach((axis, i) => {
        drawBrush(context, axis, xs[i], plot, current[axis.name] ?? [], colors);
      });
      const wanted = new Set(highlight);
      for (let i = 0; i < ids.length; i++) {
        if (i !== hover?.i && !wanted.has(ids[i])) continue;
        for (const [wide, color] of /** @type {const} */ ([
          [5, colors.ground],
          [2.2, colors.text],
        ])) {
          context.lineWidth = wide;
          context.strokeStyle = color;
          context.beginPath();
          xs.forEach((x, axis) => {
            context[axis ? "lineTo" : "moveTo"](x, ys[axis][i]);
          });
          context.stroke();
        }
      }
    },
    [axes, xs, ys, plot, current, colors, highlight, ids, hover?.i],
  );

  /** @param {any} event */
  const under = (event) => {
    const bounds = event.currentTarget.getBoundingClientRect();
    const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
    const i = draft || axes.length < 2 ? -1 : lineAt(xs, ys, passes, x, y, 7);
    return i < 0 ? null : { i, x, y };
  };
  /** @param {string} axis @param {Brush} brush */
  const drag = (axis, brush) => {
    setRough(true);
    setHover(null);
    untold.current = { axis, brush };
    setDraft(untold.current);
  };
  return html`<div class="chart parallel" ref=${outer} style=${{ height: `${height}px` }}
    role="group" aria-label=${summary ? `${label}. ${summary}` : label}>
    <div class="parallel-plot" style=${{ width: `${width}px`, height: `${tall}px` }}
      onPointerMove=${(/** @type {any} */ event) => event.pointerType === "mouse" && setHover(under(event))}
      onPointerLeave=${() => setHover(null)}
      onClick=${(/** @type {any} */ event) => {
        if (event.target.closest(".parallel-axis")) return;
        const found = under(event);
        if (found) onPick?.(ids[found.i], event.shiftKey || event.ctrlKey || event.metaKey);
      }}>
      <${Layer} width=${width} height=${tall} draw=${drawFaded} />
      <${Layer} width=${width} height=${tall} draw=${drawCounted} />
      <${Layer} width=${width} height=${tall} draw=${drawAxes} />
      <${Layer} width=${width} height=${tall} draw=${drawAbove} />
      ${axes.map(
        (axis, i) => html`<${Axis} key=${axis.name} axis=${axis} index=${i} xs=${xs} plot=${plot}
          brush=${current[axis.name] ?? NO_BRUSH} onDrag=${drag} onDrop=${tell} onBrush=${onBrush} onMove=${onMove}
          onFlip=${onFlip} onHide=${onHide} />`,
      )}
      ${hover && html`<${Tip} x=${hover.x} y=${hover.y} width=${width}>${text(hover.i)}<//>`}
    </div>
  </div>`;
}

/** @type {Brush} */
const NO_BRUSH = [];

/**
 * Heights by axis; those of an axis that did not change are not computed again.
 * @param {readonly AxisOf[]} axes @param {number} count @param {import("./parallel_lines.js").Plot} plot
 */
function useHeights(axes, count, plot) {
  const kept = useRef(
    /** @type {Map<AxisOf, {plot: any, count: number, ys: Float32Array}>} */ (new Map()),
  );
  return useMemo(() => {
    const fresh = new Map();
    const found = axes.map((axis) => {
      const old = kept.current.get(axis);
      const entry =
        old?.plot === plot && old.count === count
          ? old
          : { plot, count, ys: heights(axis, count, plot) };
      fresh.set(axis, entry);
      return entry.ys;
    });
    kept.current = fresh;
    return found;
  }, [axes, count, plot]);
}

/**
 * How many lines a frame takes without stuttering: learnt, while something is dragged, from the time
 * between one drawing and the next. Lines are painted behind our back, so no single frame tells what
 * they cost; a pointer that pauses is none of their doing.
 * @param {boolean} active @returns {() => number}
 */
function useFramePace(active) {
  const pace = useRef({ most: 1500, drawn: 0 });
  useEffect(() => {
    pace.current.drawn = 0;
  }, [active]);
  return useCallback(() => {
    const now = performance.now();
    const gap = now - pace.current.drawn;
    pace.current.drawn = now;
    if (gap < QUICK_MS) pace.current.most = Math.min(pace.current.most * 1.05, 20_000);
    else if (gap > LATE_MS && gap < PAUSE_MS)
      pace.current.most = Math.max(pace.current.most * 0.8, 300);
    return pace.current.most;
  }, []);
}
