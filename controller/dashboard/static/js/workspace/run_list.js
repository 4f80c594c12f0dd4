/**
 * The runs beside the panels: search, eyes, colours, pins, groups. What it shows is the runs table's
 * own query, so that both say the same. Neighbours: run_choice.js, runs/query.js, pages/workspace.js.
 */
import { point } from "../charts/cursors.js";
import { PALETTE } from "../colors.js";
import { Popup } from "../components/menu.js";
import { Failure, Loading } from "../components/states.js";
import { ago } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { Link, path } from "../router.js";
import { FieldPicker } from "../runs/field_picker.js";
import { FilterChips, FilterEditor } from "../runs/filter_editor.js";
import { setRunColor } from "../runs/run_colors.js";
import { Search } from "../runs/search.js";
import { MOST } from "./run_choice.js";

const FIRST = 40; // runs that the window has room for; the others come
const LATER_MS = 600; // when the charts are there

/**
 * @typedef {{id: string, name: string, state: string, created: number, color: string,
 *   group?: string}} ListedRun
 * @typedef {object} RunListProps
 * @property {ListedRun[]} runs
 * @property {number} total
 * @property {boolean} loading
 * @property {Error | undefined} error
 * @property {Set<string>} drawn
 * @property {import("../runs/query.js").RunsQuery} query
 * @property {(changes: Partial<import("../runs/query.js").RunsQuery>) => void} onQuery
 * @property {(id: string, on: boolean) => void} onTurn
 * @property {(count: number) => void} onCount
 * @property {() => void} onMore
 * @property {string} tableHref the same runs as a table
 * @property {import("../runs/columns.js").Field[]} fields what runs can be filtered and grouped by
 * @property {string} project
 * @property {string} cursor the group of the synced cursor
 */

/** @param {RunListProps} props */
export function RunList({ runs, total, loading, error, drawn, query, ...rest }) {
  const { onQuery, onTurn, onCount, onMore, cursor, fields } = rest;
  const most = Math.min(total, MOST);
  const [whole, setWhole] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setWhole(true), LATER_MS);
    return () => clearTimeout(timer);
  }, []);
  /** @param {string} id */
  const pin = (id) =>
    onQuery({
      pinned: query.pinned.includes(id)
        ? query.pinned.filter((each) => each !== id)
        : [...query.pinned, id],
    });
  return html`<div class="run-list">
    <header>
      <h2>Runs <span class="quiet count">${total.toLocaleString("en-US")}</span></h2>
      <${Link} href=${rest.tableHref}>Table<//>
    </header>
    <${Search} q=${query.q} regex=${query.regex} onChange=${onQuery} />
    <div class="run-narrow">
      <${Popup} label="Filter" button="Filter">
        ${() => html`<${FilterEditor} project=${rest.project} fields=${fields} filters=${query.filters} error=${error}
          onChange=${(/** @type {string} */ filters) => onQuery({ filters })} />`}
      <//>
      <${FieldPicker} label="Group by" button=${query.group.length ? "Grouped" : "Group"} fields=${fields}
        except=${["display_name", "id", ...query.group]}
        onPick=${(/** @type {import("../runs/columns.js").Field} */ field) => onQuery({ group: [...query.group, field.name] })} />
    </div>
    <p class="run-chips">
      <${FilterChips} filters=${query.filters} fields=${fields} onChange=${(/** @type {string} */ filters) => onQuery({ filters })} />
      ${query.group.map(
        (
          name,
        ) => html`<span class="chip" key=${name}>by ${fields.find((each) => each.name === name)?.label ?? name}
          <button type="button" aria-label=${`Group by ${name} no more`} onClick=${() => onQuery({ group: turn(query.group, name) })}>✕</button></span>`,
      )}
    </p>
    <p class="run-shown quiet">${drawn.size} drawn.
      ${drawn.size < most && html` <button type="button" class="plain" onClick=${() => onCount(MOST)}>${total <= MOST ? `Show all ${total}` : `Show ${MOST}`}</button>`}
      ${drawn.size > 10 && html` <button type="button" class="plain" onClick=${() => onCount(10)}>Show 10</button>`}
    </p>
    ${error && html`<${Failure} error=${error} />`}
    ${loading && !runs.length && html`<${Loading} what="Loading runs" />`}
    ${!loading && !error && !runs.length && html`<p class="quiet">No run fits.</p>`}
    <ul onPointerLeave=${() => point(cursor, { x: null, id: null })}>
      ${(whole ? runs : runs.slice(0, FIRST)).map(
        (run) => html`<li key=${run.id} class=${drawn.has(run.id) ? "" : "off"}
          onPointerEnter=${() => point(cursor, { x: null, id: drawn.has(run.id) ? run.id : null })}>
          <button type="button" class="eye" aria-pressed=${drawn.has(run.id)} aria-label=${`Draw ${run.name}`}
            title=${drawn.has(run.id) ? "Hide" : "Show"} onClick=${() => onTurn(run.id, !drawn.has(run.id))}><${Eye} open=${drawn.has(run.id)} /></button>
          <${Color} run=${run} />
          <${Link} class="run-name" href=${path("runs", run.id)} title=${`${run.name} (${run.id}), ${run.state}`}>${run.name}<//>
          <span class=${`run-state state-${run.state}`} title=${`${run.state}, ${ago(run.created)}`}>${run.state === "running" ? "●" : ""}<span class="only-heard">${run.state}</span></span>
          <button type="button" class="pin" aria-pressed=${query.pinned.includes(run.id)} aria-label=${`Pin ${run.name}`}
            title=${query.pinned.includes(run.id) ? "Unpin" : "Pin"} onClick=${() => pin(run.id)}><${Pin} /></button>
        </li>`,
      )}
    </ul>
    ${runs.length < total && html`<button type="button" class="more-runs" onClick=${onMore}>${`More (${(total - runs.length).toLocaleString("en-US")})`}</button>`}
  </div>`;
}

/** @param {{run: ListedRun}} props */
function Color({ run }) {
  const swatch = html`<i class="run-color" style=${{ background: run.color }}></i>`;
  return html`<${Popup} label=${`Colour of ${run.name}`} button=${swatch} class="color-popup">
    ${(/** @type {() => void} */ close) => html`<div class="color-choice">
      ${PALETTE.map(
        (
          color,
        ) => html`<button key=${color} type="button" aria-label=${color} style=${{ background: color }}
          onClick=${() => {
            setRunColor(run.id, color);
            close();
          }}></button>`,
      )}
      <button type="button" class="usual" onClick=${() => {
        setRunColor(run.id, null);
        close();
      }}>Usual colour</button>
    </div>`}
  <//>`;
}

/** @param {string[]} list @param {string} name */
function turn(list, name) {
  return list.includes(name) ? list.filter((each) => each !== name) : [...list, name];
}

/** @param {{open: boolean}} props */
function Eye({ open }) {
  return html`<svg viewBox="0 0 20 14" width="17" height="12" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.6">
    <path d="M1 7c2.5-4 5.500-6 9-6s6.500 2 9 6c-2.500 4-5.500 6-9 6S3.500 11 1 7z" />
    ${open ? html`<circle cx="10" cy="7" r="2.6" fill="currentColor" />` : html`<path d="M3 13 17 1" />`}
  </svg>`;
}

function Pin() {
  return html`<svg viewBox="0 0 14 14" width="12" height="12" aria-hidden="true" fill="currentColor">
    <path d="M5 1h4l-.5 4 2.500 2v1.500H7.600V13h-1.200V8.500H3V7l2.500-2z" />
  </svg>`;
}
