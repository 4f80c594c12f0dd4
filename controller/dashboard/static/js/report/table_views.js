/**
 * Panels that are tables: runs, the best trials of a sweep, and how runs differ. They are short, so
 * that all of their rows are in the document, and print.
 */
import { StateBadge } from "../components/states.js";
import { ago, duration, flat, value } from "../format.js";
import { html } from "../html.js";
import { Link, path } from "../router.js";
import { useRunColors } from "../runs/run_colors.js";
import { BEST_OF_TRIAL, objectiveHead } from "../sweep/objective.js";

/** @typedef {{id: string, name: string, state: string}} Run */

const SHORT = /^(config|summary|summary_metrics|metadata)\./;

/** @param {{answer: any}} props */
export function TableView({ answer }) {
  /** @type {{panel: any, runs: Run[], total: number, columns: string[], rows: unknown[][]}} */
  const { panel, runs, total, columns, rows } = answer;
  const numeric = columns.map((_, i) => rows.every((row) => isNumber(row[i])));
  return html`<${Titled} title=${panel.title} note=${rest(runs.length, total)}>
    <table>
      <thead>
        <tr>${columns.map(
          (
            name,
            i,
          ) => html`<th class=${numeric[i] ? "report-digits" : ""} title=${/^summary/.test(name) ? `${name}: the last value` : name}>
            ${name.replace(SHORT, "")}</th>`,
        )}</tr>
      </thead>
      <tbody>
        ${rows.map(
          (row, i) => html`<tr key=${runs[i].id}>
            ${columns.map(
              (name, j) => html`<td class=${numeric[j] ? "report-digits" : ""}>
                <${Cell} name=${name} value=${row[j]} run=${runs[i]} />
              </td>`,
            )}
          </tr>`,
        )}
      </tbody>
    </table>
    ${!rows.length && html`<p class="quiet">No run fits.</p>`}
  <//>`;
}

/** @param {{name: string, value: any, run: Run}} props */
function Cell({ name, value: told, run }) {
  if (name === "name" || name === "display_name" || name === "id")
    return html`<${RunLink} run=${{ ...run, name: String(told ?? run.id) }} />`;
  if (name === "state") return html`<${StateBadge} state=${String(told)} />`;
  if (name === "duration" || name === "runtime") return duration(told);
  if (/^(created|heartbeat|updated|ended|finished)_?[aA]t$/.test(name)) return ago(told);
  return value(told);
}

/** @param {{answer: any}} props */
export function BestView({ answer }) {
  /** @type {{panel: any, sweep: any, trials: any[]}} */
  const { panel, sweep, trials } = answer;
  const configs = trials.map((trial) => flat(trial.config));
  const names = [...new Set(configs.flatMap((config) => Object.keys(config)))];
  return html`<${Titled} title=${panel.title || `Best ${trials.length} of ${sweep.name}`}>
    <table>
      <thead>
        <tr>
          <th>Trial</th>
          <th class="report-digits" title=${BEST_OF_TRIAL}>${objectiveHead(sweep.metric)}</th>
          ${names.map((name) => html`<th class=${numeric(configs, name)}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${trials.map(
          (trial, i) => html`<tr key=${trial.id}>
            <td><${RunLink} run=${{ id: trial.id, name: `${trial.number}`, state: trial.state }} /></td>
            <td class="report-digits">${value(trial.objective)}</td>
            ${names.map((name) => html`<td class=${numeric(configs, name)}>${value(configs[i][name])}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table>
    ${!trials.length && html`<p class="quiet">No trial has a value yet.</p>`}
  <//>`;
}

/** @param {Record<string, any>[]} configs @param {string} name */
function numeric(configs, name) {
  return configs.every((config) => isNumber(config[name])) ? "report-digits" : "";
}

/** What differs between runs, a row a name. @param {{answer: any}} props */
export function CompareView({ answer }) {
  /** @type {{panel: any, runs: Run[], total: number, documents: any[]}} */
  const { panel, runs, total, documents } = answer;
  const parts = ["config", "summary"].map((part) => {
    const columns = documents.map((document) => flat(document[part]));
    const names = [...new Set(columns.flatMap((column) => Object.keys(column)))];
    const rows = names
      .filter((name) => !name.startsWith("_"))
      .map((name) => ({ name, values: columns.map((column) => column[name]) }))
      .filter(({ values }) => new Set(values.map((each) => JSON.stringify(each))).size > 1);
    return { part, rows };
  });
  const differs = parts.some(({ rows }) => rows.length);
  return html`<${Titled} title=${panel.title || "What differs"} note=${rest(runs.length, total)}>
    <table>
      <thead>
        <tr><th></th>${runs.map((run) => html`<th><${RunLink} run=${run} /></th>`)}</tr>
      </thead>
      ${parts.map(
        ({ part, rows }) =>
          rows.length > 0 &&
          html`<tbody>
            <tr class="report-part"><th colspan=${runs.length + 1}>${part}</th></tr>
            ${rows.map(
              ({ name, values }) => html`<tr>
                <th>${name}</th>
                ${values.map((each) => html`<td>${value(each)}</td>`)}
              </tr>`,
            )}
          </tbody>`,
      )}
    </table>
    ${!differs && html`<p class="quiet">These runs do not differ in config and summary.</p>`}
  <//>`;
}

/** @param {{title: string, note?: string, children?: any}} props */
function Titled({ title, note, children }) {
  return html`<figure class="report-table">
    ${(title || note) && html`<figcaption>${title} <span class="quiet">${note}</span></figcaption>`}
    <div class="report-scroll" tabindex="0" role="region" aria-label=${title || "table"}>${children}</div>
  </figure>`;
}

/** @param {{run: Run}} props */
function RunLink({ run }) {
  const colorOf = useRunColors();
  return html`<span class="report-run">
    <span class="swatch" style=${{ background: colorOf(run.id) }}></span>
    <${Link} href=${path("runs", run.id)}>${run.name}<//>
  </span>`;
}

/** @param {number} shown @param {number} total */
export function rest(shown, total) {
  return shown < total ? `${shown} of ${total.toLocaleString("en-US")} runs` : "";
}

/** @param {unknown} value */
function isNumber(value) {
  return typeof value === "number" || value === null || value === undefined;
}
