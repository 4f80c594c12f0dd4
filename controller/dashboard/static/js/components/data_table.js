/**
 * A table that a script logged or saved (W&B's JSON, CSV): sorted, filtered and searched on the
 * server, shown a page at a time, so that 200,000 rows are as quick as ten. Cells may be media.
 * Neighbours: data_filters.js, controller/tables.py.
 */
import { get } from "../api.js";
import { number, value as spelled } from "../format.js";
import { useFetch } from "../hooks.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { ColumnSpread } from "./column_spread.js";
import { DataFilters } from "./data_filters.js";
import { Media } from "./media.js";
import { Failure, Loading } from "./states.js";

const SIZES = [25, 50, 100, 250];
const LONG = 200;

/**
 * @typedef {{api: string, paths: string[]}} Source the run's or artifact's API, and the table's files
 * @typedef {[string, string, string]} Condition column, operator, value
 * @typedef {{search: string, filter: Condition[], sort: string | null, descending: boolean}} How
 */

/** @type {How} */
const PLAIN = { search: "", filter: [], sort: null, descending: false };

/** @param {{label: string, source: Source, config?: any}} props */
export function DataTable({ label, source, config }) {
  const [how, setHow] = useState(PLAIN);
  const [page, setPage] = useState({ offset: 0, limit: 50 });
  const [of, setOf] = useState(/** @type {string | null} */ (null));
  const query = { path: source.paths, ...askedOf(how) };
  const { data, error, loading, reload } = useKept(
    (signal) => get(`${source.api}/table`, { ...query, ...page }, { signal }),
    [source.api, source.paths.join("\n"), JSON.stringify([how, page])],
  );
  /** @param {Partial<How>} change */
  const change = (change) => {
    setHow({ ...how, ...change });
    setPage({ ...page, offset: 0 });
  };
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} what="Reading the table" />`;
  const { columns, rows, found, total } = data;
  const url = (/** @type {string} */ path) => `${source.api}/file?path=${encodeURIComponent(path)}`;
  /** @param {string} column */
  const sort = (column) => {
    if (how.sort !== column) change({ sort: column, descending: false });
    else if (!how.descending) change({ descending: true });
    else change({ sort: null, descending: false });
  };
  const numeric = columns.map((/** @type {string} */ _, /** @type {number} */ i) =>
    rows.some((/** @type {[number, any[]]} */ [, cells]) => typeof cells[i] === "number"),
  );
  const last = Math.min(page.offset + page.limit, found);
  return html`<div class="data-table" aria-busy=${loading}>
    <div class="data-bar">
      <${Search} value=${how.search} onChange=${(/** @type {string} */ search) => change({ search })} />
      <${DataFilters} columns=${columns} filter=${how.filter} onChange=${(/** @type {Condition[]} */ filter) => change({ filter })} />
      <span class="quiet" role="status">
        ${found === total ? `${number(total)} rows` : `${number(found)} of ${number(total)} rows`}
      </span>
    </div>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${of !== null && html`<${ColumnSpread} column=${of} source=${source} query=${query} onClose=${() => setOf(null)} />`}
    <div class="scroll-sideways" tabindex="0" role="region" aria-label=${`${label}, rows`}>
      <table aria-label=${label}>
        <thead>
          <tr>
            <th scope="col" class="data-number">#</th>
            ${columns.map(
              (/** @type {string} */ column, /** @type {number} */ i) => html`<th
                key=${column}
                scope="col"
                class=${numeric[i] ? "data-value" : ""}
                aria-sort=${how.sort === column ? (how.descending ? "descending" : "ascending") : "none"}>
                <button type="button" class="data-head" title="Sort" onClick=${() => sort(column)}>
                  ${column}<span aria-hidden="true">${how.sort === column ? (how.descending ? " ↓" : " ↑") : ""}</span>
                </button>
                <button type="button" class="data-spread" aria-label=${`How the values of ${column} are spread`} title="How its values are spread" onClick=${() => setOf(column)}>▁▅▂</button>
              </th>`,
            )}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (/** @type {[number, any[]]} */ [row, cells]) => html`<tr key=${row}>
              <td class="data-number">${number(row)}</td>
              ${cells.map((cell, i) => html`<td key=${i} class=${typeof cell === "number" ? "data-value" : ""}><${Cell} value=${cell} url=${url} column=${columns[i]} config=${config} /></td>`)}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${rows.length === 0 && html`<p class="quiet">No row fits.</p>`}
    <div class="data-pages" role="group" aria-label="Pages">
      <button type="button" disabled=${page.offset === 0} onClick=${() => setPage({ ...page, offset: 0 })}>First</button>
      <button type="button" disabled=${page.offset === 0} onClick=${() => setPage({ ...page, offset: Math.max(page.offset - page.limit, 0) })}>Previous</button>
      <span>${found ? `${number(page.offset + 1)}–${number(last)}` : "0"} of ${number(found)}</span>
      <button type="button" disabled=${last >= found} onClick=${() => setPage({ ...page, offset: page.offset + page.limit })}>Next</button>
      <button type="button" disabled=${last >= found} onClick=${() => setPage({ ...page, offset: Math.floor((found - 1) / page.limit) * page.limit })}>Last</button>
      <label>Rows <select value=${page.limit} onChange=${(/** @type {any} */ event) => setPage({ offset: 0, limit: Number(event.target.value) })}>
        ${SIZES.map((size) => html`<option key=${size} value=${size}>${size}</option>`)}
      </select></label>
    </div>
  </div>`;
}

/** @param {How} how */
function askedOf(how) {
  return {
    search: how.search,
    filter: how.filter.length ? JSON.stringify(how.filter) : null,
    sort: how.sort,
    descending: how.descending ? 1 : null,
  };
}

/** As useFetch, and what was there stays until the next answer. @param {(signal: AbortSignal) => Promise<any>} load @param {unknown[]} deps */
function useKept(load, deps) {
  const fetched = useFetch(load, deps);
  const kept = useRef(/** @type {any} */ (undefined));
  if (fetched.data !== undefined) kept.current = fetched.data;
  return { ...fetched, data: fetched.data ?? kept.current };
}

/** @param {{value: string, onChange: (text: string) => void}} props */
function Search({ value, onChange }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => onChange(typed), 250);
    return () => clearTimeout(timer);
  }, [typed]);
  return html`<input type="search" placeholder="Search all cells" aria-label="Search all cells" value=${typed}
    onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} />`;
}

/** @param {{value: any, url: (path: string) => string, column: string, config: any}} props */
function Cell({ value, url, column, config }) {
  const [all, setAll] = useState(false);
  if (value === null || value === undefined) return html`<span class="quiet">–</span>`;
  if (typeof value === "object" && typeof value._type === "string")
    return html`<${Media} value=${value} url=${url} name=${column} config=${config} small />`;
  if (typeof value === "number") return number(value);
  const text = spelled(value);
  if (text.length <= LONG || all) return html`<span class="data-text">${text}</span>`;
  return html`<span class="data-text">${text.slice(0, LONG)}… <button type="button" class="link" onClick=${() => setAll(true)}>more</button></span>`;
}
