/** Finds runs, of any project, to be put beside those that are compared. */
import { get } from "../api.js";
import { Popup } from "../components/menu.js";
import { useFetch } from "../hooks.js";
import { html, useEffect, useState } from "../html.js";

const FOUND = 12;
const PAUSE_MS = 150;

/** @param {{project: string, except: string[], onAdd: (id: string) => void, disabled: boolean}} props */
export function AddRuns({ project, except, onAdd, disabled }) {
  return html`<${Popup} label="Add a run" button="+ Run" disabled=${disabled}>
    ${() => html`<${Finder} project=${project} except=${except} onAdd=${onAdd} />`}
  <//>`;
}

/** @param {{project: string, except: string[], onAdd: (id: string) => void}} props */
function Finder({ project, except, onAdd }) {
  const [text, setText] = useState("");
  const [search, setSearch] = useState("");
  const [everywhere, setEverywhere] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSearch(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const scope = everywhere ? "" : project || "uncategorized";
  const { data, error } = useFetch(
    (signal) => {
      const columns = "display_name,project,state";
      const filters = JSON.stringify({ id: { $nin: except } });
      const params = {
        project: scope,
        search,
        columns,
        filters,
        order: "-created_at",
        limit: FOUND,
      };
      return get("/api/runs", params, { signal });
    },
    [scope, search, except.join()],
  );
  return html`<div class="compare-finder">
    <input type="search" autofocus placeholder="Name or id" aria-label="Search runs to add" value=${text}
      onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
    <label><input type="checkbox" checked=${everywhere} onChange=${(/** @type {any} */ event) => setEverywhere(event.target.checked)} /> in all projects</label>
    ${error && html`<p class="failure" role="alert">${error.message}</p>`}
    <ul>
      ${(data?.ids ?? []).map(
        (/** @type {string} */ id, /** @type {number} */ i) => html`<li key=${id}>
          <button type="button" class="menu-item" onClick=${() => onAdd(id)}>${data.columns.display_name[i]}
            <small class="quiet">${everywhere ? `${data.columns.project[i]} · ` : ""}${data.columns.state[i]}</small></button>
        </li>`,
      )}
    </ul>
    ${data && !data.ids.length && html`<p class="quiet">No run fits.</p>`}
  </div>`;
}
