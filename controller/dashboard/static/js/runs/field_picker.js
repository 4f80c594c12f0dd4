/**
 * A field of runs chosen from hundreds: a box that searches, a list that arrow keys walk.
 * Neighbours: columns.js (what a field is); filters, groups, orders and columns use it.
 */
import { Popup } from "../components/menu.js";
import { html, useState } from "../html.js";

/** @typedef {import("./columns.js").Field} Field */

const SHOWN = 80;

/**
 * @param {{label: string, button: any, fields: Field[], onPick: (field: Field) => void,
 *   except?: string[], class?: string}} props
 */
export function FieldPicker({ label, button, fields, onPick, except = [], class: name }) {
  const [text, setText] = useState("");
  return html`<${Popup} label=${label} button=${button} class=${name} onOpen=${() => setText("")}>
    ${(
      /** @type {() => void} */ close,
    ) => html`<${FieldList} label=${label} text=${text} onText=${setText}
      fields=${fields.filter((each) => !except.includes(each.name))}
      onPick=${(/** @type {Field} */ field) => {
        close();
        onPick(field);
      }} />`}
  <//>`;
}

/** @param {{label: string, text: string, onText: (text: string) => void, fields: Field[],
 *   onPick: (field: Field) => void}} props */
function FieldList({ label, text, onText, fields, onPick }) {
  const [at, setAt] = useState(0);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = fields.filter(({ name, label: called }) => {
    const whole = `${name} ${called}`.toLowerCase();
    return words.every((word) => whole.includes(word));
  });
  const shown = fitting.slice(0, SHOWN);
  const active = Math.min(at, shown.length - 1);
  const id = (/** @type {number} */ i) => `field-option-${i}`;
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      setAt(Math.min(Math.max(active + step, 0), shown.length - 1));
      document.getElementById(id(active + step))?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && shown[active]) onPick(shown[active]);
    else return;
    event.preventDefault();
  };
  let section = "";
  return html`<div class="field-picker">
    <input type="search" role="combobox" autofocus placeholder="Search" aria-label=${label} aria-expanded="true"
      aria-controls="field-options" aria-activedescendant=${shown.length ? id(active) : undefined}
      value=${text} onKeyDown=${press}
      onInput=${(/** @type {any} */ event) => {
        onText(event.target.value);
        setAt(0);
      }} />
    <ul role="listbox" id="field-options" aria-label=${label}>
      ${shown.map((field, i) => {
        const head = field.section !== section && field.section;
        section = field.section;
        return html`${head && html`<li role="presentation" class="field-section">${head}</li>`}
          <li role="option" id=${id(i)} key=${field.name} aria-selected=${i === active} title=${field.name}
            onClick=${() => onPick(field)}>
            <span>${field.label}</span>
            ${field.runs !== undefined && html`<small>${field.runs.toLocaleString("en-US")} runs</small>`}
          </li>`;
      })}
    </ul>
    ${!shown.length && html`<p class="quiet">No field has that in its name.</p>`}
    ${fitting.length > SHOWN && html`<p class="quiet">${fitting.length - SHOWN} more: type some of the name.</p>`}
  </div>`;
}
