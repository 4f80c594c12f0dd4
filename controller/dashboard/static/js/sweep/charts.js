/** All charts of a sweep's page. A first plain version. */
import { html } from "../html.js";

/**
 * @param {{sweep: any, trials: import("./selection.js").Trials | undefined,
 *   chosen: import("./selection.js").Chosen, onChoose: (chosen: import("./selection.js").Chosen) => void,
 *   onMetrics: (names: string[]) => void}} props
 */
export function SweepCharts({ trials }) {
  return html`<div class="sweep-charts">${trials?.count ?? 0} trials</div>`;
}
