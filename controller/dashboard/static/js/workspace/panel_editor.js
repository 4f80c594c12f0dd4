/**
 * The dialog in which a panel is made or changed: what it shows, and its own settings. Neighbours:
 * settings_form.js, sections.js (edits), toolbar.js (adds).
 */
import { Dialog } from "../components/dialog.js";
import { html, useState } from "../html.js";
import { matcher } from "./layout.js";
import { CurveSettings, SmoothingSetting, XAxis } from "./settings_form.js";

/**
 * @typedef {import("./layout.js").PanelType} PanelType
 * @typedef {import("./layout.js").Change} Change
 * @typedef {{panel: import("./layout.js").Panel | null, logged: import("./layout.js").Logged,
 *   sections: string[], fields?: string[], all: import("./settings.js").Settings,
 *   onSave: (said: Change) => void, onClose: () => void}} EditorProps `panel`: null: a new one
 */

/** @type {{type: PanelType, label: string, from: "numbers" | "fields" | "histograms" | "media",
 *   most: number}[]} */
const KINDS = [
  { type: "line", label: "Line chart", from: "numbers", most: 20 },
  { type: "bar", label: "Bars of last values", from: "fields", most: 1 },
  { type: "scatter", label: "Scatter plot", from: "fields", most: 3 },
  { type: "parallel", label: "Parallel coordinates", from: "fields", most: 12 },
  { type: "histogram", label: "Histograms over steps", from: "histograms", most: 1 },
  { type: "media", label: "Media", from: "media", most: 1 },
];
const AXES = ["X", "Y", "Colour (optional)"];
const LISTED = 200;

/** @param {EditorProps} props */
export function PanelEditor({ panel, logged, sections, fields = [], all, onSave, onClose }) {
  const [said, setSaid] = useState(
    /** @type {Change & {type: PanelType, keys: string[]}} */ ({
      type: panel?.type ?? "line",
      keys: panel?.keys ?? [],
      title: panel?.title ?? "",
      section: panel?.section ?? "",
      own: panel?.own ?? {},
    }),
  );
  /** @param {Partial<Change>} more */
  const change = (more) => setSaid({ ...said, ...more });
  const kind = KINDS.find(({ type }) => type === said.type);
  const numbers = logged.keys.filter((key) => key.kind === "number").map(({ name }) => name);
  const choices = choicesOf(kind?.from, logged, fields);
  const enough = said.keys.filter(Boolean).length >= (said.type === "scatter" ? 2 : 1);
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    const keys = said.keys.filter(Boolean);
    const titled = said.title && said.title !== panel?.id ? said.title : undefined;
    onSave({ ...said, keys, title: titled, section: said.section || undefined });
    onClose();
  };
  return html`<${Dialog} title=${panel ? `Edit ${panel.title}` : "Add a panel"} onClose=${onClose}>
    <form class="panel-editor" onSubmit=${submit}>
      ${
        (!panel || panel.id.startsWith("+")) &&
        html`<label class="setting">Type
          <select value=${said.type} onChange=${(/** @type {any} */ event) => change({ type: event.target.value, keys: [] })}>
            ${KINDS.map(({ type, label }) => html`<option key=${type} value=${type}>${label}</option>`)}
          </select></label>`
      }
      ${said.type === "scatter" && AXES.map((axis, i) => html`<${Pick} key=${axis} label=${axis} value=${said.keys[i] ?? ""} choices=${choices} onChange=${(/** @type {string} */ key) => change({ keys: put(said.keys, i, key) })} />`)}
      ${kind && kind.most === 1 && html`<${Pick} label="Value" value=${said.keys[0] ?? ""} choices=${choices} onChange=${(/** @type {string} */ key) => change({ keys: [key] })} />`}
      ${kind && kind.most > 3 && html`<${PickMany} keys=${said.keys} choices=${choices} most=${kind.most} onChange=${(/** @type {string[]} */ keys) => change({ keys })} />`}
      <label class="setting">Title
        <input value=${said.title} placeholder=${said.keys.join(", ")} onInput=${(/** @type {any} */ event) => change({ title: event.target.value })} /></label>
      <label class="setting">Section
        <input value=${said.section} list="panel-sections-known" placeholder="Charts" onInput=${(/** @type {any} */ event) => change({ section: event.target.value })} /></label>
      <datalist id="panel-sections-known">${sections.map((name) => html`<option key=${name} value=${name}></option>`)}</datalist>
      ${
        said.type === "line" &&
        html`<fieldset><legend>Settings of this panel</legend>
        <${XAxis} settings=${said.own ?? {}} usual=${all} metrics=${numbers} onChange=${(/** @type {any} */ more) => change({ own: merged(said.own, more) })} />
        <${SmoothingSetting} settings=${said.own ?? {}} usual=${all} onChange=${(/** @type {any} */ more) => change({ own: merged(said.own, more) })} />
        <${CurveSettings} settings=${said.own ?? {}} usual=${all} metrics=${numbers} onChange=${(/** @type {any} */ more) => change({ own: merged(said.own, more) })} />
      </fieldset>`
      }
      <div class="actions">
        ${panel && html`<button type="button" onClick=${() => change({ own: {}, title: "", keys: panel.id.startsWith("+") ? said.keys : [panel.id], section: "" })}>Reset</button>`}
        <button type="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="primary" disabled=${!enough}>${panel ? "Save" : "Add panel"}</button>
      </div>
    </form>
  <//>`;
}

/** @param {string | undefined} from @param {import("./layout.js").Logged} logged
 * @param {string[]} fields @returns {string[]} */
function choicesOf(from, { keys }, fields) {
  if (from === "fields") return fields;
  if (from === "numbers")
    return keys.filter(({ kind }) => kind === "number" || kind === "bool").map(({ name }) => name);
  if (from === "histograms")
    return keys.filter(({ type }) => type === "histogram").map(({ name }) => name);
  return keys.filter(({ type }) => type && type !== "histogram").map(({ name }) => name);
}

/** @param {{label: string, value: string, choices: string[], onChange: (value: string) => void}} props */
function Pick({ label, value, choices, onChange }) {
  return html`<label class="setting">${label}
    <select value=${value} onChange=${(/** @type {any} */ event) => onChange(event.target.value)}>
      <option value="">none</option>
      ${value && !choices.includes(value) && html`<option value=${value}>${value}</option>`}
      ${choices.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}
    </select></label>`;
}

/** @param {{keys: string[], choices: string[], most: number, onChange: (keys: string[]) => void}} props */
function PickMany({ keys, choices, most, onChange }) {
  const [search, setSearch] = useState("");
  const fits = matcher(search);
  const found = [...new Set([...keys, ...choices])].filter(
    (each) => keys.includes(each) || fits(each),
  );
  /** @param {string} key @param {boolean} on */
  const turn = (key, on) => onChange(on ? [...keys, key] : keys.filter((each) => each !== key));
  return html`<fieldset class="pick-many"><legend>${keys.length ? `${keys.length} chosen` : "Choose what it shows"}</legend>
    <input type="search" placeholder="Search (regular expression)" aria-label="Search" value=${search}
      onInput=${(/** @type {any} */ event) => setSearch(event.target.value)} />
    <div class="pick-list">
      ${found.slice(0, LISTED).map(
        (key) => html`<label key=${key}><input type="checkbox" checked=${keys.includes(key)}
          disabled=${!keys.includes(key) && keys.length >= most}
          onChange=${(/** @type {any} */ event) => turn(key, event.target.checked)} /> ${key}</label>`,
      )}
      ${found.length > LISTED && html`<p class="quiet">and ${found.length - LISTED} more: search for them</p>`}
    </div>
  </fieldset>`;
}

/** @param {string[]} keys @param {number} i @param {string} key */
function put(keys, i, key) {
  const next = [...keys];
  while (next.length < i) next.push("");
  next[i] = key;
  return next;
}

/** @param {Record<string, any> | undefined} before @param {Record<string, any>} more */
function merged(before, more) {
  const kept = Object.entries({ ...before, ...more }).filter(([, each]) => each !== undefined);
  return Object.fromEntries(kept);
}
