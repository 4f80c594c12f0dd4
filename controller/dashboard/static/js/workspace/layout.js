/**
 * What a workspace shows, and in which order: panels made from what was logged, and what somebody
 * changed of that. Pure. What was changed is the *view*, small enough for an address; an empty view
 * is the usual workspace. Neighbours: sections.js (draws it), settings.js (what panels can be set).
 */
import { systemSection } from "./system_sections.js";

/**
 * @typedef {"line" | "bar" | "scatter" | "parallel" | "histogram" | "media" | "chart"} PanelType
 * @typedef {import("./settings.js").Settings} Settings
 *
 * @typedef {object} Panel
 * @property {string} id of a panel that is there by itself, the key that was logged; of an added
 *   one "+" and a number
 * @property {PanelType} type
 * @property {string[]} keys what it shows; of a scatter: x, y, and what gives the colour
 * @property {string} title
 * @property {string} section
 * @property {Settings} own what was set for it alone
 * @property {number} wide columns that it spans
 * @property {number} tall CSS pixels
 * @property {Chart} [chart] of a custom chart
 *
 * @typedef {{spec: string, fields: Record<string, any>, texts: Record<string, string>,
 *   table: string | null}} Chart
 * @typedef {{name: string, kind: string, type: string, runs: number}} LoggedKey
 * @typedef {{keys: LoggedKey[], total: number, charts: Record<string, Chart>,
 *   metrics: Record<string, {step_metric?: string | null, hidden?: boolean}>}} Logged
 *
 * @typedef {object} Change of a panel; what is not there is as usual
 * @property {string} [title]
 * @property {PanelType} [type]
 * @property {string[]} [keys]
 * @property {string} [section]
 * @property {Settings} [own]
 * @property {number} [wide]
 * @property {number} [tall]
 *
 * @typedef {object} View
 * @property {Settings} [all] settings of all panels
 * @property {Record<string, Change>} [panels] what was changed, and all of those added
 * @property {string[]} [removed]
 * @property {Record<string, string[]>} [order] of a section's panels: those named come first
 * @property {string[]} [closed] sections; "*": those that are not in `opened`
 * @property {string[]} [opened] sections that would be closed, there being so many
 * @property {number} [columns] 0: as many as fit
 * @property {number} [tall] CSS pixels of a chart
 *
 * @typedef {{name: string, panels: Panel[], open: boolean}} Section
 */

export const TALL = 230;
export const ALONE = "Charts";
const CUSTOM = "Custom Charts";
const MEDIA = "Media";
const OPEN = 36; // panels in the sections that are open where nobody opened or closed any
const NUMBERS = new Set(["number", "bool"]);

/**
 * @param {Logged} logged @param {View} view @returns {Section[]} empty ones are left out
 */
export function sectionsOf(logged, view) {
  const removed = new Set(view.removed);
  /** @type {Map<string, Panel[]>} */
  const found = new Map();
  for (const panel of [...ownPanels(logged), ...added(view)]) {
    if (removed.has(panel.id)) continue;
    const changed = change(panel, view.panels?.[panel.id]);
    const those = found.get(changed.section) ?? [];
    found.set(changed.section, those);
    those.push(changed);
  }
  const closed = new Set(view.closed);
  const opened = new Set(view.opened);
  let shown = 0;
  return [...found.keys()].sort(bySection).map((name) => {
    const panels = ordered(found.get(name) ?? [], view.order?.[name]);
    const usual = shown < OPEN;
    const open = closed.has(name) ? false : opened.has(name) || usual;
    if (open) shown += Math.min(panels.length, OPEN);
    return { name, panels, open };
  });
}

/** Sections without a name of the user's come last; system metrics at the very end.
 * @param {string} a @param {string} b */
function bySection(a, b) {
  return rank(a) - rank(b) || a.localeCompare(b, "en", { numeric: true });
}

/** @param {string} section */
function rank(section) {
  return { [ALONE]: 0, [CUSTOM]: 2, [MEDIA]: 3 }[section] ?? 1;
}

/** The panels that are there by themselves. @param {Logged} logged @returns {Panel[]} */
export function ownPanels({ keys, charts, metrics }) {
  const tables = new Set(Object.values(charts).map(({ table }) => table));
  /** @type {Panel[]} */
  const found = [];
  for (const [key, chart] of Object.entries(charts)) {
    if (!chart.table) continue;
    found.push({ ...bare(key, "chart"), section: prefixOf(key) ?? CUSTOM, chart });
  }
  const drawn = new Set(Object.keys(charts));
  for (const { name, kind, type } of keys) {
    if (name.startsWith("_") || drawn.has(name) || tables.has(name)) continue;
    if (definition(metrics, name)?.hidden) continue;
    const shown = typeOf(kind, type);
    if (!shown) continue;
    const panel = bare(name, shown);
    if (shown === "media") panel.section = prefixOf(name) ?? MEDIA;
    found.push(panel);
  }
  return found;
}

/** @param {string} kind @param {string} type @returns {PanelType | null} */
function typeOf(kind, type) {
  if (NUMBERS.has(kind)) return "line";
  if (type === "histogram") return "histogram";
  return type ? "media" : null;
}

/** @param {string} key @param {PanelType} type @returns {Panel} */
function bare(key, type) {
  const section = systemSection(key) ?? prefixOf(key) ?? ALONE;
  return { id: key, type, keys: [key], title: key, section, own: {}, wide: 1, tall: 0 };
}

/** @param {string} key */
function prefixOf(key) {
  const at = key.indexOf("/");
  return at > 0 ? key.slice(0, at) : null;
}

/** What define_metric said of a metric: by its name, else by the glob that fits.
 * @param {Logged["metrics"]} metrics @param {string} name */
export function definition(metrics, name) {
  if (metrics[name]) return metrics[name];
  for (const [glob, said] of Object.entries(metrics)) {
    if (glob.endsWith("*") && name.startsWith(glob.slice(0, -1))) return said;
  }
  return undefined;
}

/** @param {View} view @returns {Panel[]} */
function added(view) {
  return Object.entries(view.panels ?? {}).flatMap(([id, said]) =>
    id.startsWith("+") && said.type && said.keys
      ? [{ ...bare(said.keys[0] ?? "", said.type), id, keys: said.keys, section: ALONE }]
      : [],
  );
}

/** @param {Panel} panel @param {Change | undefined} said @returns {Panel} */
function change(panel, said) {
  if (!said) return panel;
  const changed = { ...panel, ...said };
  if (!said.title) changed.title = said.keys?.length ? said.keys.join(", ") : panel.title;
  return changed;
}

/** @param {Panel[]} panels @param {string[] | undefined} order */
function ordered(panels, order) {
  if (!order?.length) return panels;
  const place = new Map(order.map((id, i) => [id, i]));
  const last = order.length;
  return [...panels].sort((a, b) => (place.get(a.id) ?? last) - (place.get(b.id) ?? last));
}

/** The panels whose title or metrics a search finds; sections without one are left out, those with
 * one are open. @param {Section[]} sections @param {string} search a regular expression; where it
 *   is none, a text @returns {Section[]} */
export function searched(sections, search) {
  if (!search) return sections;
  const fits = matcher(search);
  return sections.flatMap((section) => {
    const panels = section.panels.filter(
      ({ title, keys }) => fits(title) || keys.some((key) => fits(key)),
    );
    return panels.length ? [{ ...section, panels, open: true }] : [];
  });
}

/** @param {string} search @returns {(text: string) => boolean} */
export function matcher(search) {
  try {
    const pattern = new RegExp(search, "i");
    return (text) => pattern.test(text);
  } catch {
    const plain = search.toLowerCase();
    return (text) => text.toLowerCase().includes(plain);
  }
}

// -- changes: each gives another view --------------------------------------------------------

/** @param {View} view @param {string} id @param {Change} said @returns {View} */
export function withPanel(view, id, said) {
  const before = view.panels?.[id] ?? {};
  return tidy({ ...view, panels: { ...view.panels, [id]: tidy({ ...before, ...said }) } });
}

/** @param {View} view @param {Change} said @returns {View} */
export function withNewPanel(view, said) {
  const numbers = Object.keys(view.panels ?? {}).map((id) => Number(id.slice(1)) || 0);
  return withPanel(view, `+${Math.max(0, ...numbers) + 1}`, said);
}

/** @param {View} view @param {string} id @returns {View} */
export function withoutPanel(view, id) {
  const { [id]: _, ...panels } = view.panels ?? {};
  const removed = id.startsWith("+") ? view.removed : [...(view.removed ?? []), id];
  return tidy({ ...view, panels, removed });
}

/** Puts a panel before another one, or at the end of a section.
 * @param {View} view @param {Section[]} sections @param {string} id @param {string} section
 * @param {string | null} before @returns {View} */
export function moved(view, sections, id, section, before) {
  const target = sections.find(({ name }) => name === section);
  const ids = (target?.panels ?? []).map((panel) => panel.id).filter((each) => each !== id);
  const at = before === null ? ids.length : ids.indexOf(before);
  ids.splice(at < 0 ? ids.length : at, 0, id);
  const home = sections.find(({ panels }) => panels.some((panel) => panel.id === id));
  const next = { ...view, order: { ...view.order, [section]: ids } };
  return home?.name === section ? tidy(next) : withPanel(next, id, { section });
}

/** Opens or closes a section. @param {View} view @param {string} name @param {boolean} open
 * @returns {View} */
export function folded(view, name, open) {
  const closed = (view.closed ?? []).filter((each) => each !== name);
  const opened = (view.opened ?? []).filter((each) => each !== name);
  (open ? opened : closed).push(name);
  return tidy({ ...view, closed, opened });
}

/** Without what says nothing. @template {Record<string, any>} T @param {T} value @returns {T} */
export function tidy(value) {
  const kept = Object.entries(value).filter(([, each]) => {
    if (each === undefined || each === null || each === "") return false;
    return typeof each !== "object" || Object.keys(each).length > 0;
  });
  return /** @type {T} */ (Object.fromEntries(kept));
}
