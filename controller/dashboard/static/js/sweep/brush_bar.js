/** What is brushed just now, in words, and taking it back; above the charts. Always as high, so that
 * charts stay where they are under the pointer. */
import { short } from "../charts/scales.js";
import { html } from "../html.js";
import { brushed, countOf, NONE_CHOSEN } from "./selection.js";

/**
 * @param {{view: import("./view.js").View, onChoose: (chosen: import("./selection.js").Chosen) => void}} props
 */
export function BrushBar({ view, onChoose }) {
  const { chosen, passes, trials, metric } = view;
  const brushes = Object.entries(chosen.brushes ?? {}).filter(([, brush]) => brush.length);
  if (!brushes.length || !passes)
    return html`<div class="brush-bar quiet" role="status" aria-label="Brushed">
      All ${trials.count.toLocaleString("en-US")} trials. Drag in a chart to look at some of them; click one to see it.
    </div>`;
  return html`<div class="brush-bar" role="status" aria-label="Brushed">
    <strong>${countOf(passes).toLocaleString("en-US")} of ${trials.count.toLocaleString("en-US")} trials</strong>
    ${brushes.map(
      ([axis, brush]) => html`<button type="button" key=${axis} class="chart-chip"
        aria-label=${`Remove the brush on ${nameOf(axis, metric)}`}
        onClick=${() => onChoose(brushed(chosen, axis, []))}>
        ${nameOf(axis, metric)}: ${brush.map((each) => rangeText(axis, each)).join(", ")} ✕</button>`,
    )}
    <button type="button" class="chart-chip" onClick=${() => onChoose({ ...chosen, brushes: NONE_CHOSEN.brushes })}>Clear all</button>
  </div>`;
}

/** @param {string} axis @param {string} metric */
function nameOf(axis, metric) {
  if (axis === "objective") return metric;
  if (axis === "number") return "trial";
  return axis.startsWith("metric:") ? axis.slice("metric:".length) : axis;
}

/** @param {string} axis @param {string | [number, number] | null} each */
function rangeText(axis, each) {
  if (each === null || each === "") return "none";
  if (typeof each === "string") return each;
  if (axis === "ended")
    return each.map((at) => new Date(1000 * at).toLocaleTimeString()).join(" to ");
  return `${short(each[0])} to ${short(each[1])}`;
}
