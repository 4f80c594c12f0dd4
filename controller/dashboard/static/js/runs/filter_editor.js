/**
 * Filters of runs, built by hand: conditions in rows, or the text that the API takes.
 * What is complete holds at once. Neighbours: filters.js (what they mean), field_picker.js.
 */
import { get } from "../api.js";
import { useFetch } from "../hooks.js";
import { html, useState } from "../html.js";
import { field as fieldOf } from "./columns.js";
import { FieldPicker } from "./field_picker.js";
import { operatorsFor, read, shown, takesList, takesValue, told, typed, write } from "./filters.js";

/**
 * @typedef {import("./columns.js").Field} Field
 * @typedef {import("./filters.js").Condition} Condition
 */

/**
 * @param {{project: string, fields: Field[], filters: string, error?: Error | null,
 *   onChange: (filters: string) => void}} props
 */
export function FilterEditor({ project, fields, filters, error, onChange }) {
  const understood = read(filters);
  const [asText, setAsText] = useState(!understood);
  const [draft, setDraft] = useState(
    understood ?? { join: /** @type {"and"} */ ("and"), conditions: [] },
  );
  const [text, setText] = useState(filters);

  /** @param {typeof draft} next */
  const change = (next) => {
    setDraft(next);
    const whole = next.conditions.filter(complete);
    const said = write({ ...next, conditions: whole });
    setText(said);
    onChange(said);
  };
  /** @param {number} i @param {Partial<Condition>} changes */
  const edit = (i, changes) =>
    change({
      ...draft,
      conditions: draft.conditions.map((each, k) => (k === i ? { ...each, ...changes } : each)),
    });
  const drop = (/** @type {number} */ i) =>
    change({ ...draft, conditions: draft.conditions.filter((_, k) => k !== i) });
  const add = (/** @type {Field} */ field) => {
    const [{ op }] = operatorsFor(field.kinds);
    const condition = {
      field: field.name,
      op,
      value: field.kinds.includes("list") ? "" : undefined,
    };
    change({ ...draft, conditions: [...draft.conditions, condition] });
  };
  const swap = () => {
    const list = read(text);
    if (asText && !list) return;
    if (asText && list) setDraft(list);
    setAsText(!asText);
  };

  return html`<div class="filter-editor">
    <div class="filter-head">
      ${
        !asText &&
        draft.conditions.length > 1 &&
        html`<label>Runs fit
          <select value=${draft.join} onChange=${(/** @type {any} */ e) => change({ ...draft, join: e.target.value })}>
            <option value="and">all conditions</option>
            <option value="or">any condition</option>
          </select></label>`
      }
      <button type="button" class="plain" onClick=${swap} disabled=${asText && !read(text)}
        title=${asText && !read(text) ? "This filter says more than a list of conditions can" : undefined}>
        ${asText ? "As conditions" : "As text"}</button>
    </div>
    ${
      asText
        ? html`<form onSubmit=${(/** @type {Event} */ event) => {
            event.preventDefault();
            onChange(text.trim());
          }}>
            <textarea rows="6" cols="48" spellcheck=${false} aria-label="Filter as text" value=${text}
              placeholder=${'{"summary.loss": {"$lt": 0.5}}'}
              onInput=${(/** @type {any} */ event) => setText(event.target.value)}></textarea>
            <p class="quiet">As MongoDB has them: $and, $or, $nor, $gt, $in, $regex, $exists …</p>
            <div class="actions"><button type="submit" class="primary">Apply</button></div>
          </form>`
        : html`<ol class="filter-list">
              ${draft.conditions.map(
                (condition, i) => html`<${ConditionRow} key=${i} project=${project} fields=${fields}
                  condition=${condition} onEdit=${(/** @type {any} */ changes) => edit(i, changes)} onDrop=${() => drop(i)} />`,
              )}
            </ol>
            ${!draft.conditions.length && html`<p class="quiet">No condition: all runs are shown.</p>`}
            <div class="filter-foot">
              <${FieldPicker} label="Add a condition" button="+ Condition" fields=${fields} onPick=${add} />
              ${
                draft.conditions.length > 0 &&
                html`<button type="button" onClick=${() => change({ join: "and", conditions: [] })}>Clear</button>`
              }
            </div>`
    }
    ${error && html`<p class="failure" role="alert">${error.message}</p>`}
  </div>`;
}

/** @param {Condition} condition */
function complete({ op, value }) {
  if (!takesValue(op)) return true;
  if (takesList(op)) return Array.isArray(value) && value.length > 0;
  return value !== undefined && value !== "";
}

/** @param {{project: string, fields: Field[], condition: Condition,
 *   onEdit: (changes: Partial<Condition>) => void, onDrop: () => void}} props */
function ConditionRow({ project, fields, condition, onEdit, onDrop }) {
  const { field: name, op, value } = condition;
  const field = fields.find((each) => each.name === name) ?? fieldOf({ name });
  const operators = operatorsFor(field.kinds);
  const isList = takesList(op);
  const asText = isList
    ? (Array.isArray(value) ? value : [])
        .map((/** @type {any} */ each) => shown(each, []))
        .join(", ")
    : shown(value, field.kinds);
  /** @param {string} text */
  const give = (text) =>
    onEdit({
      value: isList
        ? text
            .split(",")
            .filter((part) => part.trim())
            .map((part) => typed(part.trim(), field.kinds))
        : typed(text, field.kinds),
    });
  const list = `values-of-${name}`;
  return html`<li>
    <${FieldPicker} label=${`Field: ${field.label}`} button=${html`<span class="filter-field" title=${name}>${field.label}</span>`}
      fields=${fields} onPick=${(/** @type {Field} */ next) => onEdit({ field: next.name, op: operatorsFor(next.kinds)[0].op, value: undefined })} />
    <select aria-label=${`Operator for ${field.label}`} value=${op}
      onChange=${(/** @type {any} */ event) => {
        const next = event.target.value;
        const keep = takesList(next) === isList;
        onEdit({
          op: next,
          value: keep ? value : takesList(next) && value !== undefined ? [value] : undefined,
        });
      }}>
      ${(operators.some((each) => each.op === op) ? operators : operatorsFor([])).map(
        (each) => html`<option key=${each.op} value=${each.op}>${each.label}</option>`,
      )}
    </select>
    ${
      takesValue(op) &&
      html`<input aria-label=${`Value for ${field.label}`} list=${list} value=${asText}
          type=${field.kinds.includes("time") && !isList ? "datetime-local" : "text"}
          placeholder=${isList ? "a, b, …" : field.kinds.includes("duration") ? "seconds" : "value"}
          onChange=${(/** @type {any} */ event) => give(event.target.value)} />
        <${Suggestions} id=${list} project=${project} name=${name} />`
    }
    <button type="button" class="plain" aria-label=${`Remove the condition on ${field.label}`} onClick=${onDrop}>✕</button>
  </li>`;
}

/** Values that runs of the project have. @param {{id: string, project: string, name: string}} props */
function Suggestions({ id, project, name }) {
  const { data } = useFetch(
    (signal) =>
      get(
        "/api/run-table/values",
        { project: project || "uncategorized", field: name, limit: 50 },
        { signal },
      ),
    [project, name],
  );
  /** @type {[unknown, number][]} */
  const found = data ? (data.members.length ? data.members : data.values) : [];
  return html`<datalist id=${id}>
    ${found
      .filter(([value]) => value !== null)
      .map(
        ([value, runs]) =>
          html`<option key=${String(value)} value=${shown(value, [])}>${runs} runs</option>`,
      )}
  </datalist>`;
}

/**
 * The conditions that hold, each with a button that takes it away.
 * @param {{filters: string, fields: Field[], onChange: (filters: string) => void}} props
 */
export function FilterChips({ filters, fields, onChange }) {
  if (!filters) return null;
  const filter = read(filters);
  if (!filter)
    return html`<span class="chip"><code>${filters.length > 80 ? `${filters.slice(0, 77)}…` : filters}</code>
      <button type="button" aria-label="Remove the filter" onClick=${() => onChange("")}>✕</button></span>`;
  return filter.conditions.map((condition, i) => {
    const label = fields.find(({ name }) => name === condition.field)?.label ?? condition.field;
    const text = told(condition, label);
    const rest = filter.conditions.filter((_, k) => k !== i);
    return html`${i > 0 && filter.join === "or" && html`<span class="quiet">or</span>`}
      <span class="chip">${text}
        <button type="button" aria-label=${`Remove the filter ${text}`}
          onClick=${() => onChange(write({ ...filter, conditions: rest }))}>✕</button></span>`;
  });
}
