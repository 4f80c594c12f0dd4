/**
 * One axis of parallel coordinates as people handle it: dragging brushes on it, carrying it to
 * another place, its menu. Neighbours: parallel.js, parallel_axis_drawing.js, parallel_menu.js.
 */
import { html, useRef, useState } from "../html.js";
import { dragged, grip } from "./brushes.js";
import { brushOf, missing, spansOf } from "./parallel_axis_drawing.js";
import { AxisMenu } from "./parallel_menu.js";

/**
 * @typedef {import("./parallel_lines.js").Axis} AxisOf
 * @typedef {import("./parallel_lines.js").Plot} Plot
 * @typedef {import("../sweep/selection.js").Brush} Brush
 */

const GRIP_PX = 6;

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
  const carried = useRef(false);
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
    held.current = { from: event.clientX, by: 0, moved: false };
    carried.current = false;
  };
  /** @param {any} event */
  const carry = (event) => {
    if (held.current?.from === undefined) return;
    const by = event.clientX - held.current.from;
    if (Math.abs(by) > 4) held.current.moved = true;
    held.current.by = by;
    if (held.current.moved) setShift(by);
  };
  const drop = () => {
    const was = held.current;
    held.current = null;
    setShift(0);
    carried.current = was?.moved === true;
    if (!was?.moved) return;
    const gap = xs.length > 1 ? xs[1] - xs[0] : 1;
    // What was drawn last may be behind the pointer.
    onMove(name, Math.min(Math.max(index + Math.round(was.by / gap), 0), xs.length - 1));
  };
  /** @param {KeyboardEvent} event */
  const keys = (event) => {
    carried.current = false;
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (by) onMove(name, index + by);
    else if (event.key === "Escape") setOpen(false);
    else return;
    event.preventDefault();
  };
  // The click that ends a drag is none.
  const press = () => {
    if (!carried.current) setOpen(!open);
    carried.current = false;
  };
  const label = axis.label ?? name;
  return html`<div class="parallel-axis" style=${{ left: `${x + shift}px` }}>
    <button type="button" class=${`parallel-name ${brush.length ? "is-brushed" : ""}`} aria-expanded=${open}
      title=${`${label}: drag to move, press for ranges`}
      onPointerDown=${grab} onPointerMove=${carry} onPointerUp=${drop} onPointerCancel=${drop}
      onKeyDown=${keys} onClick=${press}>${label}</button>
    <div class="parallel-brush" style=${{ top: `${plot.top - GRIP_PX}px`, height: `${plot.height + 2 * GRIP_PX}px` }}
      onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up}></div>
    ${
      missing(axis) &&
      html`<div class="parallel-rail" style=${{ top: `${plot.rail - 8}px` }} onClick=${toggleRail}></div>`
    }
    ${
      open &&
      html`<${AxisMenu} axis=${axis} brush=${brush} toTheLeft=${index > xs.length / 2} onBrush=${onBrush}
        onMove=${(/** @type {number} */ by) => onMove(name, index + by)} onFlip=${() => onFlip(name)}
        onHide=${() => onHide(name)} onClose=${() => setOpen(false)} onRail=${toggleRail} />`
    }
  </div>`;
}
