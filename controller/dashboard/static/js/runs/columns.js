/**
 * The columns that a table of runs can have, and how their values are shown. Pure.
 * A column is a name as the API has it: `state`, `config.lr`, `summary.val/acc`, `metadata.gpu`.
 */
import { ago, duration, number, time, value } from "../format.js";

/**
 * @typedef {"text" | "number" | "time" | "duration" | "list" | "flag" | "any"} Kind
 * @typedef {{name: string, label: string, section: "Run" | "Config" | "Summary" | "Metadata",
 *   kinds: string[], runs?: number, width?: number}} Field
 * @typedef {{name: string, runs: number, kinds: string[]}} Known as /api/run-table/fields tells it
 */

/** @type {Field[]} what every run has */
export const OWN = [
  own("display_name", "Name", "text", 230),
  own("state", "State", "text", 96),
  own("created_at", "Created", "time", 125),
  own("duration", "Runtime", "duration", 92),
  own("username", "User", "text", 90),
  own("tags", "Tags", "list", 160),
  own("notes", "Notes", "text", 160),
  own("sweep", "Sweep", "text", 90),
  own("host", "Host", "text", 110),
  own("history_line_count", "Steps", "number", 80),
  own("group", "Group", "text", 110),
  own("job_type", "Job type", "text", 100),
  own("heartbeat_at", "Updated", "time", 125),
  own("ended_at", "Ended", "time", 125),
  own("exit_code", "Exit code", "number", 80),
  own("id", "ID", "text", 120),
];
export const NAME = "display_name";
const FIRST = ["state", "created_at", "duration", "username", "tags", "sweep"];
/** Trials have none: their agents are no users. */
const USERS = ["metadata.username"];
const SECTIONS = /** @type {const} */ ({
  config: "Config",
  summary: "Summary",
  metadata: "Metadata",
});
const HIDDEN = /^metadata\.(name|tags|notes|group|job_type|username|host|stop_ordered)$/;
const MOST = 10;

/** @param {string} name @param {string} label @param {Kind} kind @param {number} width @returns {Field} */
function own(name, label, kind, width) {
  return { name, label, section: "Run", kinds: [kind], width };
}

/** @param {Known[]} known @returns {Field[]} */
export function fields(known) {
  const more = known.filter(({ name }) => !HIDDEN.test(name)).map(field);
  return [...OWN, ...more];
}

/** @param {{name: string, runs?: number, kinds?: string[]}} known @returns {Field} */
export function field({ name, runs, kinds = [] }) {
  const mine = OWN.find((each) => each.name === name);
  if (mine) return mine;
  const dot = name.indexOf(".");
  const section = SECTIONS[/** @type {"config"} */ (name.slice(0, dot))] ?? "Metadata";
  return { name, label: name.slice(dot + 1), section, kinds, runs };
}

/**
 * The columns where nobody chose any: what runs are, what the project's sweeps are after, then
 * configs and metrics that most have.
 * @param {Known[]} known @param {string[]} [metrics] of the sweeps @returns {string[]}
 */
export function usual(known, metrics = []) {
  const after = metrics.flatMap((metric) => {
    const whole = `summary.${metric}`;
    const spelled = [whole, `summary.${metric.replaceAll(".", "/")}`];
    const found = spelled.find((each) => known.some(({ name }) => name === each));
    if (found) return [found];
    return known.filter(({ name }) => name.startsWith(`${whole}.`)).map(({ name }) => name);
  });
  const numbers = (/** @type {string} */ prefix) =>
    known
      .filter(({ name, kinds }) => {
        const bare = name.slice(prefix.length);
        if (!name.startsWith(prefix) || bare.startsWith("_") || after.includes(name)) return false;
        return kinds.some((kind) => kind === "number" || kind === "text" || kind === "flag");
      })
      .slice(0, MOST)
      .map(({ name }) => name);
  const users = known.some(({ name }) => USERS.includes(name));
  const own = FIRST.filter((name) => users || name !== "username");
  return [...own, ...after.slice(0, MOST), ...numbers("config."), ...numbers("summary.")];
}

/** @param {Field} field */
export function isNumeric(field) {
  return field.kinds.some((kind) => kind === "number" || kind === "duration");
}

/** A value in a cell, as text. @param {unknown} given @param {Field} field @param {number} [now] */
export function cell(given, field, now) {
  if (given === null || given === undefined) return "";
  if (field.kinds.includes("time")) return ago(/** @type {number} */ (given), now);
  if (field.kinds.includes("duration")) return duration(/** @type {number} */ (given));
  if (typeof given === "number") return number(given);
  const media = /** @type {any} */ (given)._type;
  return typeof media === "string" ? `[${media.replace(/-file$/, "")}]` : value(given);
}

/** In full. @param {unknown} given @param {Field} field */
export function full(given, field) {
  if (given === null || given === undefined) return "";
  if (field.kinds.includes("time")) return time(/** @type {number} */ (given));
  return value(given);
}

/**
 * A list with one member moved to where another is.
 * @template T @param {T[]} list @param {number} from @param {number} to @returns {T[]}
 */
export function moved(list, from, to) {
  const rest = list.filter((_, i) => i !== from);
  rest.splice(to, 0, list[from]);
  return rest;
}
