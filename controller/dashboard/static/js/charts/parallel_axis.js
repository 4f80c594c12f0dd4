/**
 * One axis of parallel coordinates: its line, its ticks and brushes, dragging them, and its menu, in
 * which everything that a pointer can do is done by keyboard. Neighbours: parallel.js, brushes.js.
 */
import { html, useRef, useState } from "../html.js";
import { fit } from "./axes.js";
import { dragged, grip } from "./brushes.js";
import { short } from "./scales.js";

/**
 * @typedef {import("./parallel_lines.js").Axis} AxisOf
 * @typedef {import("./parallel_lines.js").Plot} Plot
 * @typedef {import("./brushes.js").Span} Span
 * @typedef {import("../sweep/selection.js").Brush} Brush
 * @typedef {import("../sweep/selection.js").Range} Range
 */

const GRIP_PX = 6;

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
const railed = (brush) => brush.some((each) => each === null || each === "");

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

/**
 * @param {{axis: AxisOf, index: number, xs: readonly number[], plot: Plot, brush: Brush,
 *   onDrag: (axis: string, brush: Brush) => void, onDrop: () => void,
 *   onBrush: (axis: string, brush: Brush) => void,
 *   onMove: (axis: string, to: number) => void, onFlip: (axis: string) => void,
 *   onHide: (axis: string) => void}} props
 */
export function Axis({
  axis,
  index,
  xs,
  plot,
  brush,
  onDrag,
  onDrop,
  onBrush,
  onMove,
  onFlip,
  onHide,
}) {
  const [open, setOpen] = useState(false);
  const [shift, setShift] = useState(0);
  const held = useRef(/** @type {any} */ (null));
  const x = xs[index];
  const { name, scale } = axis;

  /** @param {any} event */
  const placeOf = (event) => {
    const top = event.currentTarget.getBoundingClientRect().top;
    const part = (event.clientY - top - GRIP_PX) / plot.height;
    return axis.flipped ? part : 1 - part;
  };
  /** @param {any} event */
  const down = (event) => {
    if (event.button) return;
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    const [start, spans] = [placeOf(event), spansOf(axis, brush)];
    held.current = { start, spans, hold: grip(spans, start, GRIP_PX / plot.height), moved: false };
  };
  /** @param {any} event */
  const move = (event) => {
    const drag = held.current;
    if (!drag) return;
    const now = placeOf(event);
    if (!drag.moved && Math.abs(now - drag.start) * plot.height < 3) return;
    drag.moved = true;
    const rail = brush.filter((each) => each === null || each === "");
    onDrag(
      name,
      /** @type {Brush} */ ([
        ...brushOf(axis, dragged(drag.spans, drag.hold, drag.start, now)),
        ...rail,
      ]),
    );
  };
  /** @param {any} event */
  const up = (event) => {
    const drag = held.current;
    held.current = null;
    if (drag?.moved) onDrop();
    if (!drag || drag.moved) return;
    if (scale.kind === "category") {
      const tick = scale.ticks(Number.POSITIVE_INFINITY)[scale.value(placeOf(event))];
      const names = /** @type {string[]} */ (brush);
      onBrush(
        name,
        names.includes(tick.label) ? names.filter((n) => n !== tick.label) : [...names, tick.label],
      );
    } else onBrush(name, []);
  };
  const toggleRail = () => {
    const none = scale.kind === "category" ? "" : null;
    const rest = /** @type {any[]} */ (brush).filter((each) => each !== none);
    onBrush(name, rest.length < brush.length ? rest : [...rest, none]);
  };
  /** @param {any} event */
  const grab = (event) => {
    if (event.button) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    held.current = { from: event.clientX, moved: false };
  };
  /** @param {any} event */
  const carry = (event) => {
    if (held.current?.from === undefined) return;
    const by = event.clientX - held.current.from;
    if (Math.abs(by) > 4) held.current.moved = true;
    if (held.current.moved) setShift(by);
  };
  const drop = () => {
    const was = held.current;
    held.current = null;
    setShift(0);
    if (!was?.moved) return;
    const gap = xs.length > 1 ? xs[1] - xs[0] : 1;
    onMove(name, Math.min(Math.max(index + Math.round(shift / gap), 0), xs.length - 1));
    addEventListener("click", (event) => event.stopPropagation(), { capture: true, once: true });
  };
  /** @param {KeyboardEvent} event */
  const keys = (event) => {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (by) onMove(name, index + by);
    else if (event.key === "Escape") setOpen(false);
    else return;
    event.preventDefault();
  };
  const label = axis.label ?? name;
  return html`<div class="parallel-axis" style=${{ left: `${x + shift}px` }}>
    <button type="button" class=${`parallel-name ${brush.length ? "is-brushed" : ""}`} aria-expanded=${open}
      title=${`${label}: drag to move, press for ranges`}
      onPointerDown=${grab} onPointerMove=${carry} onPointerUp=${drop} onPointerCancel=${drop}
      onKeyDown=${keys} onClick=${() => setOpen(!open)}>${label}</button>
    <div class="parallel-brush" style=${{ top: `${plot.top - GRIP_PX}px`, height: `${plot.height + 2 * GRIP_PX}px` }}
      onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up}></div>
    ${
      missing(axis) &&
      html`<div class="parallel-rail" style=${{ top: `${plot.rail - 8}px` }} onClick=${toggleRail}></div>`
    }
    ${
      open &&
      html`<${Menu} axis=${axis} brush=${brush} toTheLeft=${index > xs.length / 2} onBrush=${onBrush}
        onMove=${(/** @type {number} */ by) => onMove(name, index + by)} onFlip=${() => onFlip(name)}
        onHide=${() => onHide(name)} onClose=${() => setOpen(false)} onRail=${toggleRail} />`
    }
  </div>`;
}

/**
 * @param {{axis: AxisOf, brush: Brush, toTheLeft: boolean, onRail: () => void,
 *   onBrush: (axis: string, brush: Brush) => void, onMove: (by: number) => void,
 *   onFlip: () => void, onHide: () => void, onClose: () => void}} props
 */
function Menu({ axis, brush, toTheLeft, onRail, onBrush, onMove, onFlip, onHide, onClose }) {
  const { name, scale } = axis;
  /** @param {KeyboardEvent} event */
  const keys = (event) => event.key === "Escape" && onClose();
  const ranges = /** @type {Range[]} */ (scale.kind === "category" ? [] : brush).filter(
    (r) => r !== null,
  );
  const names = new Set(/** @type {string[]} */ (scale.kind === "category" ? brush : []));
  /** @param {number} i @param {0 | 1} end @param {string} typed */
  const type = (i, end, typed) => {
    const value = Number(typed);
    if (typed === "" || !Number.isFinite(value)) return;
    const [low, high] = ranges[i] ?? [scale.low, scale.high];
    const next = /** @type {[number, number]} */ (end ? [low, value] : [value, high]);
    const others = /** @type {Range[]} */ (brush).filter((_, at) => at !== i);
    onBrush(name, [...others, next[0] <= next[1] ? next : [next[1], next[0]]]);
  };
  return html`<div class=${`parallel-menu ${toTheLeft ? "leftwards" : ""}`} role="group"
    aria-label=${`Axis ${axis.label ?? name}`} onKeyDown=${keys}>
    ${
      scale.kind === "category"
        ? scale.ticks(Number.POSITIVE_INFINITY).map(
            ({
              label,
            }) => html`<label key=${label}><input type="checkbox" checked=${names.has(label)}
              onChange=${() => {
                const next = new Set(names);
                if (!next.delete(label)) next.add(label);
                onBrush(name, [...next]);
              }} /> ${label || "none"}</label>`,
          )
        : (ranges.length ? ranges : [null]).map(
            (range, i) => html`<p key=${i}>
              <label>from <input type="number" step="any" value=${range ? short(range[0]) : ""}
                placeholder=${short(scale.low)} onChange=${(/** @type {any} */ e) => type(i, 0, e.target.value)} /></label>
              <label>to <input type="number" step="any" value=${range ? short(range[1]) : ""}
                placeholder=${short(scale.high)} onChange=${(/** @type {any} */ e) => type(i, 1, e.target.value)} /></label>
            </p>`,
          )
    }
    ${missing(axis) && html`<label><input type="checkbox" checked=${railed(brush)} onChange=${onRail} /> without a value</label>`}
    <div class="parallel-orders">
      <button type="button" onClick=${() => onBrush(name, [])} disabled=${!brush.length}>Clear</button>
      <button type="button" onClick=${onFlip}>Flip</button>
      <button type="button" onClick=${onHide}>Hide</button>
      <button type="button" aria-label="Move to the left" onClick=${() => onMove(-1)}>←</button>
      <button type="button" aria-label="Move to the right" onClick=${() => onMove(1)}>→</button>
      <button type="button" onClick=${onClose}>Close</button>
    </div>
  </div>`;
}
