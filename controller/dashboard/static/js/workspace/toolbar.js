/**
 * Above the panels: search, x axis, smoothing, the settings of all panels, a new panel, and the way
 * back to the usual view. Neighbours: settings_form.js, panel_editor.js.
 */
import { get } from "../api.js";
import { Popup } from "../components/menu.js";
import { useFetch } from "../hooks.js";
import { html, useState } from "../html.js";
import { TALL, tidy, withNewPanel } from "./layout.js";
import { PanelEditor } from "./panel_editor.js";
import { CurveSettings, SmoothingSetting, XAxis } from "./settings_form.js";

/**
 * @typedef {object} ToolbarProps
 * @property {import("./layout.js").Logged | undefined} logged
 * @property {"history" | "system"} [kind]
 * @property {import("./layout.js").View} view
 * @property {(view: import("./layout.js").View) => void} onView
 * @property {string} search
 * @property {(search: string) => void} onSearch
 * @property {string} [project] with it, panels of config and summary values can be added
 * @property {any} [children]
 */

const MOST_METRICS = 500; // in the list of x axes

/** @param {ToolbarProps} props */
export function WorkspaceToolbar({
  logged,
  kind = "history",
  view,
  onView,
  search,
  onSearch,
  ...rest
}) {
  const [adding, setAdding] = useState(false);
  const all = view.all ?? {};
  const metrics = (logged?.keys ?? [])
    .filter((key) => key.kind === "number" && !key.name.startsWith("_"))
    .map(({ name }) => name)
    .slice(0, MOST_METRICS);
  /** @param {Partial<import("./settings.js").Settings>} changed */
  const set = (changed) => onView(tidy({ ...view, all: tidied({ ...all, ...changed }) }));
  return html`<div class="workspace-toolbar" role="toolbar" aria-label="Panels">
    <input type="search" data-search placeholder="Search panels (.*)" aria-label="Search panels"
      value=${search} onInput=${(/** @type {any} */ event) => onSearch(event.target.value)} />
    <${XAxis} settings=${all} metrics=${metrics} onChange=${set} />
    <${SmoothingSetting} settings=${all} onChange=${set} />
    <span class="toolbar-end">
      <${Popup} label="Settings of all panels" button="Settings">
        ${() => html`<div class="workspace-settings">
          <${CurveSettings} settings=${all} metrics=${metrics} onChange=${set} />
          <div class="settings-grid">
            <label class="setting">Panels in a row
              <select value=${String(view.columns ?? 0)} onChange=${(/** @type {any} */ event) => onView(tidy({ ...view, columns: Number(event.target.value) || undefined }))}>
                <option value="0">as many as fit</option>
                ${[1, 2, 3, 4, 5, 6].map((n) => html`<option key=${n} value=${String(n)}>${n}</option>`)}
              </select></label>
            <label class="setting">Height of charts
              <input type="number" min="120" max="1200" step="10" value=${view.tall ?? TALL}
                onChange=${(/** @type {any} */ event) => onView(tidy({ ...view, tall: Number(event.target.value) === TALL ? undefined : Number(event.target.value) || undefined }))} /></label>
          </div>
        </div>`}
      <//>
      ${kind === "history" && html`<button type="button" disabled=${!logged} onClick=${() => setAdding(true)}>Add panel</button>`}
      <button type="button" disabled=${!Object.keys(view).length} onClick=${() => onView({})}
        title="All panels and settings as they usually are">Reset</button>
      ${rest.children}
    </span>
    ${
      adding &&
      logged &&
      html`<${Adding} project=${rest.project} logged=${logged} all=${all}
        onSave=${(/** @type {import("./layout.js").Change} */ said) => onView(withNewPanel(view, said))}
        onClose=${() => setAdding(false)} />`
    }
  </div>`;
}

/** @param {any} props */
function Adding({ project, ...props }) {
  const { data } = useFetch(
    async (signal) =>
      project === undefined
        ? { fields: [] }
        : get("/api/run-table/fields", { project: project || "uncategorized" }, { signal }),
    [project],
  );
  const fields = (data?.fields ?? []).map((/** @type {{name: string}} */ { name }) => name);
  return html`<${PanelEditor} panel=${null} sections=${[]} fields=${[...fields, "duration", "created_at"]} ...${props} />`;
}

/** @param {Record<string, any>} settings */
function tidied(settings) {
  return Object.fromEntries(Object.entries(settings).filter(([, each]) => each !== undefined));
}
