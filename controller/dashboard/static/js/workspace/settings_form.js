/**
 * Where the settings of curves are chosen: of all panels, or of one (then each may be as all are).
 * Neighbours: settings.js (what they are), toolbar.js, panel_editor.js.
 */
import { SMOOTHINGS } from "../charts/smoothing.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { X_AXES } from "./settings.js";

/**
 * @typedef {import("./settings.js").Settings} Settings
 * @typedef {{settings: Settings, usual?: Settings, metrics: string[],
 *   onChange: (changed: Partial<Settings>) => void}} FormProps
 *   `usual`: what holds where nothing is said, for the form of one panel
 */

/** @param {FormProps & {automatic?: string}} props */
export function XAxis({ settings, usual, metrics, onChange, automatic = "Step, or as defined" }) {
  const set = (/** @type {string} */ x) => onChange({ x: x || undefined, zoom: undefined });
  return html`<label class="setting">X axis
    <select value=${settings.x ?? ""} onChange=${(/** @type {any} */ event) => set(event.target.value)}>
      <option value="">${usual ? "As all panels" : automatic}</option>
      ${X_AXES.map(({ name, label }) => html`<option key=${name} value=${name}>${label}</option>`)}
      ${
        metrics.length > 0 &&
        html`<optgroup label="Metrics">
        ${metrics.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
      </optgroup>`
      }
    </select>
  </label>`;
}

/** @param {Omit<FormProps, "metrics">} props */
export function SmoothingSetting({ settings, usual, onChange }) {
  const kind = settings.smooth ?? usual?.smooth ?? "none";
  const chosen = SMOOTHINGS.find((each) => each.kind === kind) ?? SMOOTHINGS[4];
  const amount = settings.amount ?? (settings.smooth ? chosen.usual : (usual?.amount ?? 0));
  /** @param {string} next */
  const choose = (next) => {
    const found = SMOOTHINGS.find((each) => each.kind === next);
    onChange(
      found
        ? { smooth: found.kind, amount: found.usual }
        : { smooth: undefined, amount: undefined },
    );
  };
  return html`<div class="setting smoothing">
    <label>Smoothing
      <select value=${settings.smooth ?? (usual ? "" : "none")} onChange=${(/** @type {any} */ event) => choose(event.target.value)}>
        ${usual && html`<option value="">As all panels</option>`}
        ${SMOOTHINGS.map((each) => html`<option key=${each.kind} value=${each.kind}>${each.label}</option>`)}
      </select>
    </label>
    ${
      kind !== "none" &&
      html`<${Slider} label="Amount of smoothing" value=${amount} most=${chosen.most} step=${chosen.step}
        onChange=${(/** @type {number} */ next) => onChange({ smooth: kind, amount: next })} />`
    }
  </div>`;
}

/** A slider with its number: what it says while it moves is passed on a moment later, so that the
 * charts follow, and the address is not written a hundred times.
 * @param {{label: string, value: number, most: number, step: number, onChange: (value: number) => void}} props */
function Slider({ label, value, most, step, onChange }) {
  const [now, setNow] = useState(value);
  const timer = useRef(0);
  useEffect(() => setNow(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  /** @param {any} event */
  const move = (event) => {
    const next = Math.min(Math.max(Number(event.target.value), 0), most);
    setNow(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onChange(next), 60);
  };
  return html`<input type="range" min="0" max=${most} step=${step} value=${now} aria-label=${label} onInput=${move} />
    <input type="number" min="0" max=${most} step=${step} value=${now} aria-label=${`${label}, as a number`} onChange=${move} />`;
}

/** @param {FormProps} props */
export function CurveSettings({ settings, usual, onChange }) {
  /** @param {keyof Settings} name @param {string} label */
  const tick = (name, label) =>
    html`<${Tick} name=${name} label=${label} settings=${settings} usual=${usual} onChange=${onChange} />`;
  /** @param {"ymin" | "ymax" | "points"} name @param {string} label */
  const numberOf = (name, label) => html`<label class="setting">${label}
    <input type="number" step="any" value=${settings[name] ?? ""} placeholder=${usual?.[name] ?? "automatic"}
      onChange=${(/** @type {any} */ event) => onChange({ [name]: event.target.value === "" ? undefined : Number(event.target.value) })} />
  </label>`;
  /** @param {"middle" | "band"} name @param {string} label @param {[string, string][]} choices */
  const choice = (name, label, choices) => html`<label class="setting">${label}
    <select value=${settings[name] ?? ""} onChange=${(/** @type {any} */ event) => onChange({ [name]: event.target.value || undefined })}>
      <option value="">${usual ? "As all panels" : choices[0][1]}</option>
      ${choices.slice(usual ? 0 : 1).map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
    </select>
  </label>`;
  return html`<div class="settings-grid">
    ${tick("xlog", "Logarithmic x axis")}
    ${tick("ylog", "Logarithmic y axis")}
    ${tick("outliers", "Leave outliers out of the range")}
    ${tick("legend", "Legend, however many curves")}
    ${tick("raw", "Original curve behind the smoothed one")}
    ${numberOf("ymin", "Y from")}
    ${numberOf("ymax", "Y to")}
    ${numberOf("points", "Points of a curve")}
    ${choice("middle", "Groups show the", GROUP_MIDDLES)}
    ${choice("band", "Band around groups", GROUP_BANDS)}
  </div>`;
}

/** @type {[string, string][]} */
const GROUP_MIDDLES = [
  ["mean", "mean"],
  ["median", "median"],
  ["min", "lowest"],
  ["max", "highest"],
];
/** @type {[string, string][]} */
const GROUP_BANDS = [
  ["minmax", "lowest to highest"],
  ["std", "standard deviation"],
  ["stderr", "standard error"],
  ["none", "none"],
];
const USUALLY_ON = new Set(["raw"]);

/** @param {{name: keyof Settings, label: string, settings: Settings, usual?: Settings,
 *   onChange: (changed: Partial<Settings>) => void}} props */
function Tick({ name, label, settings, usual, onChange }) {
  const first = USUALLY_ON.has(name);
  if (!usual) {
    const on = /** @type {boolean} */ (settings[name] ?? first);
    return html`<label class="setting tick"><input type="checkbox" checked=${on}
      onChange=${(/** @type {any} */ event) => onChange({ [name]: event.target.checked === first ? undefined : event.target.checked })} /> ${label}</label>`;
  }
  const said = settings[name];
  return html`<label class="setting">${label}
    <select value=${said === undefined ? "" : String(said)}
      onChange=${(/** @type {any} */ event) => onChange({ [name]: event.target.value === "" ? undefined : event.target.value === "true" })}>
      <option value="">As all panels</option>
      <option value="true">Yes</option>
      <option value="false">No</option>
    </select>
  </label>`;
}
