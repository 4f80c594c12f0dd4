/** What stands beside the pointer: facts of the thing under it. */
import { html } from "../html.js";

/** At (x, y) of the chart that holds it; on its left where the right has no room.
 * @param {{x: number, y: number, width: number, children?: any}} props */
export function Tip({ x, y, width, children }) {
  const left = x > width / 2;
  return html`<div class=${`chart-tip ${left ? "leftwards" : ""}`}
    style=${{ left: `${Math.round(x + (left ? -12 : 12))}px`, top: `${Math.round(y)}px` }}>${children}</div>`;
}
