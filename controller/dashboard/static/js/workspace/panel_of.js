/**
 * Draws a panel, of whichever type it is. Neighbours: layout.js (what a panel is), sections.js
 * (where panels stand).
 */
import { Panel } from "../charts/panel.js";
import { html } from "../html.js";
import { CustomChartPanel } from "./custom_chart.js";
import { HistogramPanel } from "./histogram_panel.js";
import { LinePanel } from "./line_panel.js";
import { MediaPanel } from "./media_panel.js";
import { BarPanel, ParallelPanel, ScatterPanel } from "./summary_panels.js";

/**
 * @typedef {object} PanelProps
 * @property {import("./layout.js").Panel} panel
 * @property {import("./curves_of.js").Run[]} runs those that are shown
 * @property {import("./settings.js").Settings} settings what holds for this panel
 * @property {import("./layout.js").Logged} logged
 * @property {"history" | "system"} kind
 * @property {string} cursor the group of the synced cursor
 * @property {number} height of the chart
 * @property {number} points of a curve
 * @property {Omit<import("../charts/panel.js").PanelProps, "title" | "children">} frame
 * @property {(changed: Partial<import("./settings.js").Settings>) => void} onSettings
 * @property {(run: string) => void} [onPick]
 */

/** @type {Record<string, (props: PanelProps) => any>} */
const TYPES = {
  line: LinePanel,
  bar: BarPanel,
  scatter: ScatterPanel,
  parallel: ParallelPanel,
  histogram: HistogramPanel,
  media: MediaPanel,
  chart: CustomChartPanel,
};

/** @param {PanelProps} props */
export function PanelOf(props) {
  const type = TYPES[props.panel.type];
  if (type) return html`<${type} ...${props} />`;
  return html`<${Panel} ...${props.frame} title=${props.panel.title}>
    <p class="quiet panel-says">This version has no panel of the type ${props.panel.type}.</p>
  <//>`;
}
