/** Conditions on the columns of a table; all of them must hold. Neighbour: data_table.js. */
import { html, useState } from "../html.js";
import { Popup } from "./menu.js";

const OPERATORS = ["contains", "without", "=", "!=", "<", "<=", ">", ">="];

/** @typedef {import("./data_table.js").Condition} Condition */

/** @param {{columns: string[], filter: Condition[], onChange: (filter: Condition[]) => void}} props */
export function DataFilters({ columns, filter, onChange }) {
  return html`<span class="data-filters">
    ${filter.map(
      (each, i) => html`<span key=${each.join(" ")} class="word">
        ${each[0]} ${each[1]} ${each[2]}
        <button type="button" aria-label=${`Take the filter ${each.join(" ")} away`} onClick=${() => onChange(filter.filter((_, at) => at !== i))}>×</button>
      </span>`,
    )}
    <${Popup} label="Add a filter" button="Filter">
      ${(/** @type {() => void} */ close) =>
        html`<${NewFilter} columns=${columns} onAdd=${(/** @type {Condition} */ added) => {
          onChange([...filter, added]);
          close();
        }} />`}
    <//>
  </span>`;
}

/** @param {{columns: string[], onAdd: (added: Condition) => void}} props */
function NewFilter({ columns, onAdd }) {
  const [column, setColumn] = useState(columns[0] ?? "");
  const [operator, setOperator] = useState(OPERATORS[0]);
  const [text, setText] = useState("");
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    onAdd([column, operator, text]);
    setText("");
  };
  return html`<form class="data-new-filter" onSubmit=${submit}>
    <label>Column <select value=${column} onChange=${(/** @type {any} */ event) => setColumn(event.target.value)}>
      ${columns.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}
    </select></label>
    <label>Is <select value=${operator} onChange=${(/** @type {any} */ event) => setOperator(event.target.value)}>
      ${OPERATORS.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}
    </select></label>
    <label>Value <input value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
    <button type="submit" class="primary">Add</button>
  </form>`;
}
