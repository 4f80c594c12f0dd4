/**
 * Charts that scripts made with wandb.plot or opensweep.plot: drawn by ours from their tables. What
 * has a specification that we don't know is shown as its table. Neighbours: chart_tables.js.
 */
import { get } from "../api.js";
import { Bars } from "../charts/bars.js";
import { LineChart } from "../charts/line_chart.js";
import { Panel } from "../charts/panel.js";
import { Scatter } from "../charts/scatter.js";
import { viridis } from "../colors.js";
import { DataTable } from "../components/data_table.js";
import { Media } from "../components/media.js";
import { Failure } from "../components/states.js";
import { number } from "../format.js";
import { useFetch } from "../hooks.js";
import { html, useMemo, useRef } from "../html.js";
import { path } from "../router.js";
import { drawingOf, isKnown } from "./chart_tables.js";
import { useRunValues } from "./run_values.js";

/**
 * @typedef {import("./panel_of.js").PanelProps} PanelProps
 * @typedef {import("./chart_tables.js").RunTable} RunTable
 */

const MOST_RUNS = 10;
const PAGE = 1000; // rows that the server gives at once
const MOST_ROWS = 10_000;

/** @param {PanelProps} props */
export function CustomChartPanel({ panel, runs, height, frame }) {
  const chart = /** @type {import("./layout.js").Chart} */ (panel.chart);
  const field = `summary.${chart.table}`;
  const { data: values, error, reload } = useRunValues(runs, [field]);
  const files = useMemo(() => filesOf(runs, values?.[field]), [runs, values]);
  const {
    data,
    error: failed,
    reload: readAgain,
  } = useFetch(
    (signal) => Promise.all(files.slice(0, MOST_RUNS).map((each) => read(each, signal))),
    [JSON.stringify(files.map(({ run, file }) => [run.id, file]))],
  );
  const last = useRef(/** @type {RunTable[]} */ ([]));
  if (data) last.current = data;
  const tables = data ?? last.current;
  const drawing = useMemo(() => drawingOf(chart, tables), [chart, tables]);
  const title = chart.texts.title || panel.title;
  const rows = () => {
    const [first] = tables;
    return [
      ["run", ...(first?.table.columns ?? [])],
      ...tables.flatMap(({ run, table }) => table.rows.map((row) => [run.name, ...row])),
    ];
  };
  const wrong = error ?? failed;
  return html`<${Panel} ...${frame} title=${title} subtitle=${title === panel.title ? "" : panel.title} csv=${rows}>
    ${wrong && html`<${Failure} error=${wrong} retry=${error ? reload : readAgain} />`}
    ${values && !files.length && html`<p class="quiet panel-says">None of these runs has the table ${chart.table} yet.</p>`}
    ${isKnown(chart.spec) ? html`<${Drawn} drawing=${drawing} title=${title} height=${height} alone=${runs.length === 1} />` : html`<${AsTable} chart=${chart} files=${files} height=${height} />`}
    ${files.length > MOST_RUNS && html`<p class="quiet panel-says">The first ${MOST_RUNS} of ${files.length} runs.</p>`}
  <//>`;
}

/** @param {{drawing: import("./chart_tables.js").Drawing, title: string, height: number, alone: boolean}} props */
function Drawn({ drawing, title, height, alone }) {
  if (drawing.kind === "lines")
    return html`<${LineChart} label=${title} series=${drawing.curves} xLabel=${drawing.x} yLabel=${drawing.y} height=${height} legend=${true} />`;
  if (drawing.kind === "points")
    return html`<${Points} drawing=${drawing} title=${title} height=${height} />`;
  if (drawing.kind === "bars")
    return html`<div class="panel-scroll"><${Bars} label=${title} items=${drawing.items} /></div>`;
  if (drawing.kind === "histogram") {
    const { values, bins, value } = drawing;
    return html`<${Media} value=${{ _type: "histogram", values, bins }} url=${(/** @type {string} */ file) => file} name=${value} />`;
  }
  if (drawing.kind === "matrix") return html`<${Matrix} drawing=${drawing} named=${!alone} />`;
  return null;
}

/** @param {any} props */
function Points({ drawing, title, height }) {
  const points = useMemo(() => {
    const runs = drawing.points.flatMap((/** @type {any} */ { run, x }) => x.map(() => run));
    const x = drawing.points.flatMap((/** @type {any} */ each) => each.x);
    const y = drawing.points.flatMap((/** @type {any} */ each) => each.y);
    return {
      ids: x.map((/** @type {number} */ _, /** @type {number} */ i) => i),
      x,
      y,
      colors: runs.map((/** @type {any} */ run) => run.color),
      text: (/** @type {number} */ i) =>
        html`<b>${runs[i].name}</b><br />${drawing.x} ${number(x[i])}<br />${drawing.y} ${number(y[i])}`,
    };
  }, [drawing]);
  return html`<${Scatter} label=${title} points=${points} xLabel=${drawing.x} yLabel=${drawing.y} height=${height} />`;
}

/** @param {{drawing: any, named: boolean}} props */
function Matrix({ drawing, named }) {
  const { actual, predicted, counts, run } = drawing;
  const most = Math.max(1, ...counts.flat());
  return html`<div class="panel-scroll"><table class="confusion">
    <caption>${named ? `${run.name}: ` : ""}rows are actual, columns predicted</caption>
    <thead><tr><td></td>${predicted.map((/** @type {string} */ name) => html`<th key=${name} scope="col">${name}</th>`)}</tr></thead>
    <tbody>
      ${actual.map(
        (/** @type {string} */ name, /** @type {number} */ i) => html`<tr key=${name}>
          <th scope="row">${name}</th>
          ${counts[i].map(
            (/** @type {number} */ count, /** @type {number} */ j) => html`<td key=${predicted[j]}
              style=${{ background: viridis(1 - (0.85 * count) / most), color: count / most > 0.45 ? "#fff" : "#000" }}
              title=${`actual ${name}, predicted ${predicted[j]}`}>${number(count)}</td>`,
          )}
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

/** @param {{chart: import("./layout.js").Chart, files: {run: any, file: string}[], height: number}} props */
function AsTable({ chart, files, height }) {
  const [first] = files;
  return html`<p class="quiet panel-says">${chart.spec ? `“${chart.spec}” is a Vega specification that opensweep does not draw` : "This chart names no specification"}; this is its table.</p>
    ${first && html`<div class="panel-scroll" style=${{ maxHeight: `${height - 40}px` }}><${DataTable} label=${chart.table} source=${{ api: `/api${path("runs", first.run.id)}`, paths: [first.file] }} /></div>`}`;
}

/** @param {import("./curves_of.js").Run[]} runs @param {Map<string, any> | undefined} values */
function filesOf(runs, values) {
  return runs.flatMap((run) => {
    const file = values?.get(run.id)?.path;
    return typeof file === "string" ? [{ run, file }] : [];
  });
}

/** @param {{run: import("./curves_of.js").Run, file: string}} which @param {AbortSignal} signal
 * @returns {Promise<RunTable>} */
async function read({ run, file }, signal) {
  /** @type {any[][]} */
  const rows = [];
  let columns = [];
  for (let offset = 0; offset < MOST_ROWS; offset += PAGE) {
    const query = { path: [file], offset, limit: PAGE };
    const page = await get(`/api${path("runs", run.id)}/table`, query, { signal });
    columns = page.columns;
    rows.push(...page.rows.map((/** @type {[number, any[]]} */ [, cells]) => cells));
    if (rows.length >= page.found || !page.rows.length) break;
  }
  const names = columns.map((/** @type {any} */ each) =>
    typeof each === "string" ? each : String(each.name),
  );
  return { run, table: { columns: names, rows } };
}
