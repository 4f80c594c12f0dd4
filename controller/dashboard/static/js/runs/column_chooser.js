/**
 * Which columns the runs table has, in which order, and which stay in sight.
 * Neighbours: columns.js (what there is), pages/runs.js.
 */
import { html, useState } from "../html.js";
import { field as fieldOf, moved } from "./columns.js";

/** @typedef {import("./columns.js").Field} Field */

const SHOWN = 200;

/**
 * @param {{fields: Field[], columns: string[], fixed: string[],
 *   onChange: (columns: string[] | null, fixed?: string[]) => void}} props null: the usual ones
 */
export function ColumnChooser({ fields, columns, fixed, onChange }) {
  const [text, setText] = useState("");
  const [dragged, setDragged] = useState(-1);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  /** @param {Field} field */
  const fits = (field) => {
    const whole = `${field.name} ${field.label}`.toLowerCase();
    return words.every((word) => whole.includes(word));
  };
  const chosen = columns.map(
    (name) => fields.find((each) => each.name === name) ?? fieldOf({ name }),
  );
  const others = fields
    .filter((each) => each.name !== "display_name" && !columns.includes(each.name))
    .filter(fits);
  /** @param {number} from @param {number} to */
  const move = (from, to) => {
    if (to >= 0 && to < columns.length && from !== to) onChange(moved(columns, from, to));
  };
  /** @param {string} name */
  const pin = (name) =>
    onChange(
      columns,
      fixed.includes(name) ? fixed.filter((each) => each !== name) : [...fixed, name],
    );

  return html`<div class="column-chooser">
    <input type="search" autofocus placeholder="Search columns" aria-label="Search columns" value=${text}
      onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
    <div class="column-lists">
      <section aria-label="Shown columns">
        <h3>Shown <button type="button" class="plain" onClick=${() => onChange(null, [])}>Reset</button></h3>
        <ul>
          ${chosen.map(
            (field, i) =>
              fits(field) &&
              html`<li key=${field.name} class=${dragged === i ? "dragged" : ""} draggable=${true}
                onDragStart=${() => setDragged(i)} onDragEnd=${() => setDragged(-1)}
                onDragOver=${(/** @type {DragEvent} */ event) => {
                  event.preventDefault();
                  if (dragged >= 0 && dragged !== i) {
                    move(dragged, i);
                    setDragged(i);
                  }
                }}>
                <label title=${field.name}><input type="checkbox" checked
                  onChange=${() => onChange(columns.filter((_, k) => k !== i))} /><${Named} field=${field} /></label>
                <button type="button" class="plain" aria-pressed=${fixed.includes(field.name)} title="Keep in sight"
                  aria-label=${`Keep ${field.label} in sight`} onClick=${() => pin(field.name)}><${Pin} /></button>
                <button type="button" class="plain" aria-label=${`Move ${field.label} up`} disabled=${i === 0} onClick=${() => move(i, i - 1)}>↑</button>
                <button type="button" class="plain" aria-label=${`Move ${field.label} down`} disabled=${i === columns.length - 1} onClick=${() => move(i, i + 1)}>↓</button>
              </li>`,
          )}
        </ul>
      </section>
      <section aria-label="Other columns">
        <h3>Others <button type="button" class="plain" disabled=${!words.length || !others.length || others.length > SHOWN}
          title="Those that the search finds" onClick=${() => onChange([...columns, ...others.map(({ name }) => name)])}>Add all found</button></h3>
        <ul>
          ${others.slice(0, SHOWN).map(
            (field) => html`<li key=${field.name}>
              <label title=${field.name}><input type="checkbox" checked=${false}
                onChange=${() => onChange([...columns, field.name])} /><${Named} field=${field} /></label>
              ${field.runs !== undefined && html`<small class="quiet">${field.runs.toLocaleString("en-US")}</small>`}
            </li>`,
          )}
        </ul>
        ${others.length > SHOWN && html`<p class="quiet">${others.length - SHOWN} more: search for them.</p>`}
      </section>
    </div>
  </div>`;
}

function Pin() {
  return html`<svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true" fill="currentColor">
    <path d="M5 1h6v1.6l-1 .6v3.6l2.4 2.2v1.4H8.7V15h-1.4v-4.6H3.6V9L6 6.8V3.2l-1-.6z" />
  </svg>`;
}

/** @param {{field: Field}} props */
function Named({ field }) {
  return html`<span class="column-name">${field.label}</span>
    ${field.section !== "Run" && html`<small class=${`section-${field.section.toLowerCase()}`}>${field.section}</small>`}`;
}
