/**
 * The menu of an axis of parallel coordinates: all that a pointer can do there, by keyboard.
 * Neighbours: parallel_axis.js (opens it), parallel.js.
 */
import { html, useState } from "../html.js";
import { missing, railed } from "./parallel_axis_drawing.js";

/**
 * @typedef {import("./parallel_lines.js").Axis} AxisOf
 * @typedef {import("../sweep/selection.js").Brush} Brush
 * @typedef {import("../sweep/selection.js").Range} Range
 */

/**
 * @param {{axis: AxisOf, brush: Brush, toTheLeft: boolean, onRail: () => void,
 *   onBrush: (axis: string, brush: Brush) => void, onMove: (by: number) => void,
 *   onFlip: () => void, onHide: () => void, onClose: () => void}} props
 */
export function AxisMenu({
  axis,
  brush,
  toTheLeft,
  onRail,
  onBrush,
  onMove,
  onFlip,
  onHide,
  onClose,
}) {
  const { name, scale } = axis;
  /** @param {KeyboardEvent} event */
  const keys = (event) => event.key === "Escape" && onClose();
  const ranges = /** @type {Range[]} */ (scale.kind === "category" ? [] : brush).filter(
    (r) => r !== null,
  );
  const names = new Set(/** @type {string[]} */ (scale.kind === "category" ? brush : []));
  /** @param {number} i @param {0 | 1} end */
  const type = (i, end) => (/** @type {number} */ value) => {
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
              <${End} label="from" value=${range?.[0]} usual=${scale.low} onValue=${type(i, 0)} />
              <${End} label="to" value=${range?.[1]} usual=${scale.high} onValue=${type(i, 1)} />
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

/**
 * One end of a range. While somebody is in it, it shows what they typed, whatever is drawn anew.
 * @param {{label: string, value: number | undefined, usual: number,
 *   onValue: (value: number) => void}} props
 */
function End({ label, value, usual, onValue }) {
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const known = value === undefined ? "" : String(Number(value.toPrecision(6)));
  /** @param {any} event */
  const commit = (event) => {
    const number = Number(event.target.value);
    if (event.target.value !== "" && Number.isFinite(number)) onValue(number);
  };
  return html`<label>${label} <input type="number" step="any" value=${typed ?? known}
    placeholder=${Number(usual.toPrecision(6))} onInput=${(/** @type {any} */ e) => setTyped(e.target.value)}
    onFocus=${() => setTyped(known)} onBlur=${() => setTyped(null)} onChange=${commit} /></label>`;
}
