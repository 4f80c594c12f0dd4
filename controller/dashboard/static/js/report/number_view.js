/** A panel that is one number. */
import { number } from "../format.js";
import { html } from "../html.js";

/** @param {{answer: any}} props */
export function NumberView({ answer }) {
  const { panel, value, count } = answer;
  const what = panel.value ? `${panel.show || "max"} of ${panel.value}` : "runs";
  const of = panel.value && panel.show !== "count" ? ` over ${number(count)} runs` : "";
  return html`<figure class="report-figure">
    <p class="report-value">${number(value)}</p>
    <figcaption>${panel.title || what}<span class="quiet"> ${panel.title ? "" : of}</span></figcaption>
  </figure>`;
}
