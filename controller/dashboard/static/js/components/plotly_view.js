/**
 * A Plotly figure without Plotly (1 to 5 MB of script): curves and points of its traces are drawn as
 * our own chart, everything else is told as numbers. Neighbour: charts/line_chart.js.
 */
import { get } from "../api.js";
import { LineChart } from "../charts/line_chart.js";
import { PALETTE } from "../colors.js";
import { useFetch } from "../hooks.js";
import { html } from "../html.js";
import { JsonTree } from "./json_tree.js";
import { Failure, Loading } from "./states.js";

/** @param {{address: string, label: string}} props */
export function PlotlyView({ address, label }) {
  const { data, error, reload } = useFetch((signal) => get(address, {}, { signal }), [address]);
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (data === undefined) return html`<${Loading} />`;
  const traces = /** @type {any[]} */ (Array.isArray(data.data) ? data.data : []);
  const series = traces.flatMap(curveOf);
  const titles = [data.layout?.xaxis?.title, data.layout?.yaxis?.title].map(titleOf);
  return html`<div class="plotly-view">
    ${titleOf(data.layout?.title) && html`<h3>${titleOf(data.layout.title)}</h3>`}
    ${
      series.length > 0
        ? html`<${LineChart} label=${label} series=${series} xLabel=${titles[0]} yLabel=${titles[1]} height=${260} legend />`
        : html`<${JsonTree} label="Traces" value=${traces} open=${1} />`
    }
    <p class="quiet">
      ${series.length === traces.length ? "Drawn from the figure's data." : `${series.length} of ${traces.length} traces are drawn; the others are of kinds that are not.`}
      ${" "}<a href=${`${address}&download=1`} download>Download the figure</a> to open it with Plotly.
    </p>
  </div>`;
}

/** @param {any} trace @param {number} i */
function curveOf(trace, i) {
  const kind = trace?.type ?? "scatter";
  if (kind !== "scatter" && kind !== "scattergl") return [];
  const y = numbers(trace.y);
  const x = trace.x === undefined ? Float64Array.from(y, (_, at) => at) : numbers(trace.x);
  if (!y.length || x.length !== y.length || x.every(Number.isNaN)) return [];
  const name = typeof trace.name === "string" && trace.name ? trace.name : `trace ${i + 1}`;
  const points = typeof trace.mode === "string" && trace.mode.includes("markers");
  return [{ id: `${i}`, label: name, color: PALETTE[i % PALETTE.length], x, y, points }];
}

/** Plotly also writes arrays as {dtype, bdata}: little endian bytes in base64. @param {any} told */
function numbers(told) {
  if (Array.isArray(told))
    return Float64Array.from(told, (each) => (each === null ? Number.NaN : Number(each)));
  if (typeof told?.bdata !== "string") return new Float64Array();
  const bytes = Uint8Array.from(atob(told.bdata), (each) => each.charCodeAt(0)).buffer;
  const kinds = /** @type {Record<string, any>} */ ({
    f8: Float64Array,
    f4: Float32Array,
    i4: Int32Array,
    i2: Int16Array,
    i1: Int8Array,
    u4: Uint32Array,
    u2: Uint16Array,
    u1: Uint8Array,
  });
  const kind = kinds[told.dtype];
  return kind ? Float64Array.from(new kind(bytes)) : new Float64Array();
}

/** @param {any} told a text, or {text} */
function titleOf(told) {
  const text = typeof told === "string" ? told : told?.text;
  return typeof text === "string" ? text : "";
}
