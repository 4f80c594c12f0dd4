/** By which fields a table of runs is sorted, the weightiest first. Neighbour: field_picker.js. */
import { html } from "../html.js";
import { isNumeric, moved } from "./columns.js";
import { FieldPicker } from "./field_picker.js";

/** @typedef {import("./columns.js").Field} Field */

/** @param {{order: {key: string, descending: boolean}[], fields: Field[], byName: (name: string) => Field,
 *   onChange: (order: {key: string, descending: boolean}[]) => void}} props */
export function SortEditor({ order, fields, byName, onChange }) {
  return html`<div class="sort-editor">
    ${!order.length && html`<p class="quiet">The newest first.</p>`}
    <ol>
      ${order.map(({ key, descending }, i) => {
        const { label } = byName(key);
        return html`<li key=${key}>
          <span class="column-name" title=${key}>${label}</span>
          <button type="button" onClick=${() => onChange(order.map((each, k) => (k === i ? { key, descending: !descending } : each)))}
            aria-label=${`${label}: ${descending ? "falling" : "rising"}`}>${descending ? "↓ falling" : "↑ rising"}</button>
          <button type="button" class="plain" disabled=${i === 0} aria-label=${`Sort by ${label} sooner`} onClick=${() => onChange(moved(order, i, i - 1))}>↑</button>
          <button type="button" class="plain" aria-label=${`Sort by ${label} no more`} onClick=${() => onChange(order.filter((_, k) => k !== i))}>✕</button>
        </li>`;
      })}
    </ol>
    <${FieldPicker} label="Sort by" button="+ Field" fields=${fields} except=${order.map(({ key }) => key)}
      onPick=${(/** @type {Field} */ field) => onChange([...order, { key: field.name, descending: isNumeric(field) }])} />
  </div>`;
}
