/**
 * Asks for a configuration that is to be tried next: a field for each parameter of the sweep's space.
 * What is left empty the search fills in; the server says what does not fit.
 */
import { get, post } from "../api.js";
import { Confirm, notify } from "../components/dialog.js";
import { flat, value as shown } from "../format.js";
import { useFetch } from "../hooks.js";
import { html, useMemo, useState } from "../html.js";
import { fieldsOf, readConfig } from "./space_fields.js";

/**
 * @param {{sweep: any, config?: Record<string, any>, onClose: () => void, onDone: () => void}} props
 * `config`: what the fields begin with
 */
export function EnqueueDialog({ sweep, config = {}, onClose, onDone }) {
  const url = `/api/sweeps/${encodeURIComponent(sweep.id)}`;
  const { data } = useFetch((signal) => get(`${url}/spec`, {}, { signal }), [sweep.id]);
  const fields = useMemo(() => (data ? fieldsOf(data.spec.parameters ?? {}) : []), [data]);
  const begin = useMemo(
    () =>
      Object.fromEntries(Object.entries(flat(config)).map(([name, each]) => [name, shown(each)])),
    [],
  );
  const [texts, setTexts] = useState(begin);
  // One order, however often the button is pressed: a repeat with this key adds nothing.
  const key = useMemo(() => crypto.randomUUID?.() ?? String(Math.random()).slice(2), []);
  const act = async () => {
    const { trials } = await post(`${url}/enqueue`, { configs: [readConfig(fields, texts)], key });
    notify(`Trial ${trials[0].number} is tried next.`);
    onDone();
  };
  return html`<${Confirm} title="Try a configuration next" action="Add the trial" act=${act} onClose=${onClose}>
    <p class="quiet">It is tried before anything that the search suggests, counts as a trial, and the search
      learns of it. What you leave empty is filled in.</p>
    <div class="sweep-fields">
      ${fields.map(
        (field) => html`<label key=${field.name} class="sweep-field">
          <span>${field.name} <span class="quiet">${field.about}</span></span>
          ${
            field.options
              ? html`<select value=${texts[field.name] ?? ""}
                onChange=${(/** @type {any} */ event) => setTexts({ ...texts, [field.name]: event.target.value })}>
                <option value="">(filled in)</option>
                ${field.options.map((option) => html`<option key=${option} value=${option}>${option}</option>`)}
              </select>`
              : html`<input type="text" inputmode="decimal" value=${texts[field.name] ?? ""} placeholder="(filled in)"
                onInput=${(/** @type {any} */ event) => setTexts({ ...texts, [field.name]: event.target.value })} />`
          }
        </label>`,
      )}
    </div>
  <//>`;
}
