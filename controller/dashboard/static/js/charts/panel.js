/**
 * The frame around a chart: its title, full screen, and a menu that saves it as PNG, SVG or CSV and
 * shows its numbers as a table. Neighbours: pictures.js (saves), css/panels.css.
 */
import { copyText } from "../components/copying.js";
import { Dialog, notify } from "../components/dialog.js";
import { Menu } from "../components/menu.js";
import { value } from "../format.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { csvText, fileName } from "./csv.js";
import { pngOf, save, svgOf } from "./pictures.js";

/**
 * @typedef {(string | number | null | undefined)[][]} Rows the first one has the columns' names
 * @typedef {object} PanelProps
 * @property {string} title
 * @property {any} [subtitle]
 * @property {any} [tools] buttons of its own, before the others
 * @property {(import("../components/menu.js").MenuItem | false | null | undefined)[]} [actions] in
 *   the menu, before the others
 * @property {() => Rows} [csv] what is drawn, as a table
 * @property {() => Rows | Promise<Rows>} [fullCsv] all that is on record
 * @property {boolean} [full] with it, `onFull` must change it; without: the panel knows itself
 * @property {(full: boolean) => void} [onFull]
 * @property {string} [link] of the panel
 * @property {any} [children]
 */

const MOST_ROWS = 300; // of the table that is shown

/** @param {PanelProps} props */
export function Panel({ title, subtitle, tools, actions = [], csv, fullCsv, link, ...props }) {
  const [own, setOwn] = useState(false);
  const [table, setTable] = useState(false);
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  const full = props.full ?? own;
  const setFull = props.onFull ?? setOwn;

  useEffect(() => {
    if (!full) return;
    const back = /** @type {HTMLElement | null} */ (document.activeElement);
    if (!element.current?.contains(back)) element.current?.focus();
    /** @param {KeyboardEvent} event */
    const press = (event) => {
      const above = document.querySelector("dialog[open], :popover-open");
      if (event.key === "Escape" && !event.defaultPrevented && !above) setFull(false);
    };
    addEventListener("keydown", press);
    document.documentElement.classList.add("panel-open");
    return () => {
      removeEventListener("keydown", press);
      document.documentElement.classList.remove("panel-open");
      back?.focus?.();
    };
  }, [full]);

  /** @param {string} ending @param {() => Promise<Blob> | Blob} make */
  const saveAs = async (ending, make) => {
    try {
      save(fileName(title, ending), await make());
    } catch (error) {
      notify(`${title} could not be saved: ${error instanceof Error ? error.message : error}`);
    }
  };
  const drawn = () => /** @type {HTMLElement} */ (body.current);
  /** @param {() => Rows | Promise<Rows>} rows */
  const asCsv = (rows) => async () => new Blob([csvText(await rows())], { type: "text/csv" });
  const copy = () => copyText(new URL(link ?? "", location.href).href, "The link is copied.");
  const items = [
    ...actions,
    csv && { label: "Show as a table", act: () => setTable(true) },
    { label: "Save as PNG", act: () => saveAs("png", () => pngOf(drawn(), title)) },
    { label: "Save as SVG", act: () => saveAs("svg", () => svgOf(drawn(), title)) },
    csv && { label: "Save as CSV (what is drawn)", act: () => saveAs("csv", asCsv(csv)) },
    fullCsv && { label: "Save as CSV (all points)", act: () => saveAs("csv", asCsv(fullCsv)) },
    link !== undefined && { label: "Copy link", act: copy },
  ];
  return html`<section class=${`panel ${full ? "full" : ""}`} aria-label=${title} tabindex="-1" ref=${element}>
    <header class="panel-head">
      <h3 class="panel-title" title=${title}>${title}</h3>
      ${subtitle && html`<span class="panel-subtitle quiet">${subtitle}</span>`}
      <span class="panel-tools">
        ${tools}
        <button type="button" class="panel-tool" aria-pressed=${full} onClick=${() => setFull(!full)}
          aria-label=${full ? `Close the full screen of ${title}` : `Full screen of ${title}`}
          title=${full ? "Close (Esc)" : "Full screen"}><${Corners} inward=${full} /></button>
        <${Menu} label=${`Menu of ${title}`} items=${items} class="panel-menu" />
      </span>
    </header>
    <div class="panel-body" ref=${body}>${props.children}</div>
    ${table && csv && html`<${Numbers} title=${title} rows=${csv()} onClose=${() => setTable(false)} />`}
  </section>`;
}

/** @param {{inward: boolean}} props */
function Corners({ inward }) {
  const out = "M1 5V1h4M9 1h4v4M13 9v4H9M5 13H1V9";
  const inside = "M5 1v4H1M13 5H9V1M9 13V9h4M1 9h4v4";
  return html`<svg viewBox="0 0 14 14" width="12" height="12" aria-hidden="true">
    <path d=${inward ? inside : out} fill="none" stroke="currentColor" stroke-width="1.6" />
  </svg>`;
}

/** What is drawn now: it follows the chart, which may not have its data yet.
 * @param {{title: string, rows: Rows, onClose: () => void}} props */
function Numbers({ title, rows: [head = [], ...rows], onClose }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <div class="panel-table" tabindex="0" role="region" aria-label="Table">
      <table>
        <thead><tr>${head.map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
        <tbody>
          ${rows.slice(0, MOST_ROWS).map((row) => html`<tr>${row.map((each) => html`<td>${value(each)}</td>`)}</tr>`)}
        </tbody>
      </table>
    </div>
    ${rows.length > MOST_ROWS && html`<p class="quiet">The first ${MOST_ROWS} of ${rows.length.toLocaleString("en-US")} rows; save it as CSV for all.</p>`}
    <div class="actions"><button type="button" onClick=${onClose}>Close</button></div>
  <//>`;
}
