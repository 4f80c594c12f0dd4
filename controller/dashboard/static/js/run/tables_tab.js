/** The tables that a run logged: one at a time, at its newest step. Neighbour: components/data_table.js. */
import { DataTable } from "../components/data_table.js";
import { tableFiles } from "../components/media_items.js";
import { Empty } from "../components/states.js";
import { number } from "../format.js";
import { html } from "../html.js";
import { path, useQuery } from "../router.js";
import { mediaOf } from "./logged_values.js";

/** The tables of a summary that have files. @param {Record<string, any>} summary @returns {[string, any][]} */
export function tablesOf(summary) {
  return mediaOf(summary).filter(([, value]) => tableFiles(value));
}

/** @param {{run: Record<string, any>}} props */
export function TablesTab({ run }) {
  const [asked, setName] = useQuery("table");
  const tables = tablesOf(run.summary);
  if (!tables.length)
    return html`<${Empty} title="No tables yet">
      <p>What a script logs as <code>Table</code> shows here, with pictures and sound in its cells:</p>
      <pre>run.log({"answers": opensweep.Table(columns=["text", "score"], data=rows)})</pre>
    <//>`;
  const [name, value] = tables.find(([each]) => each === asked) ?? tables[0];
  const files = tableFiles(value) ?? [];
  return html`<section class="tables-tab" aria-label="Tables">
    <div class="tables-bar">
      <label>Table <select value=${name} onChange=${(/** @type {any} */ event) => setName(event.target.value)}>
        ${tables.map(([each, one]) => html`<option key=${each} value=${each}>${each} (${number(one.nrows ?? null)} rows)</option>`)}
      </select></label>
      <a class="button" href=${`/api${path("runs", run.id, "file")}?path=${encodeURIComponent(value.path)}&download=1`} download>Download</a>
      ${files.length > 1 && html`<span class="quiet">in ${files.length} parts; the download is the newest</span>`}
    </div>
    <${DataTable} key=${`${name} ${value.path}`} label=${name} config=${run.config} source=${{ api: `/api${path("runs", run.id)}`, paths: files }} />
  </section>`;
}
