/** A panel that is a chart of a sweep's own page. */
import { html } from "../html.js";

/** @param {{answer: any}} props */
export function SweepView({ answer }) {
  return html`<p class="quiet">${answer.panel.kind} of ${answer.sweep.name}</p>`;
}
