/**
 * Which trials a table shows and in what order: states, words, brushes, one column to sort by. Pure.
 * Neighbours: trials_table.js (shows them), selection.js (what the charts' brushes let through).
 */

/** @typedef {import("./trial_columns.js").Trials} Trials */

/**
 * The columns that a trial has beside its parameters ("param:NAME"), and what each is sorted by.
 * @type {Record<string, (trials: Trials, i: number, now: number) => any>}
 */
const VALUES = {
  number: (trials, i) => trials.numbers[i],
  state: (trials, i) => trials.states[i],
  objective: (trials, i) => resultOf(trials, i),
  duration: (trials, i, now) => durationOf(trials, i, now),
  steps: (trials, i) => trials.steps[i],
  where: (trials, i) => placeOf(trials, i),
  attempts: (trials, i) => trials.attempts[i],
  why: (trials, i) => whyOf(trials, i),
  started: (trials, i) => trials.started[i],
  ended: (trials, i) => trials.ended[i],
  enqueued: (trials, i) => trials.enqueued[i],
  parent: (trials, i) => trials.parents[i],
};

/** A trial's objective, or the newest value of one that runs. @param {Trials} trials @param {number} i */
export function resultOf(trials, i) {
  const value = trials.objectives[i];
  return Number.isNaN(value) ? trials.values[i] : value;
}

/** Seconds that a trial ran, or has run so far; NaN for one that waits.
 * @param {Trials} trials @param {number} i @param {number} now */
export function durationOf(trials, i, now) {
  if (trials.states[i] === "queued" || trials.states[i] === "preempted") return Number.NaN;
  const until = Number.isNaN(trials.ended[i]) ? now : trials.ended[i];
  return Math.max(until - trials.started[i], 0);
}

/** "gpu1 GPU 3". @param {Trials} trials @param {number} i */
export function placeOf(trials, i) {
  return [trials.hosts[i], trials.devices[i]].filter(Boolean).join(" ");
}

/** Why a trial ended as it did, or why it waits again, where that says more than its state.
 * @param {Trials} trials @param {number} i */
export function whyOf(trials, i) {
  if (trials.states[i] === "running") return "";
  return trials.details[i] || reasonText(trials.reasons[i], trials.states[i]);
}

/** @param {string | null} reason @param {string} state */
export function reasonText(reason, state) {
  if (!reason || reason === "ok" || reason === "error" || reason === state) return "";
  return reason.replaceAll("_", " ");
}

/** What a column has of a trial. @param {Trials} trials @param {string} column @param {number} i
 * @param {number} now @returns {any} */
export function cell(trials, column, i, now) {
  if (column.startsWith("param:")) return trials.params[column.slice(6)]?.[i] ?? null;
  if (column.startsWith("metric:")) {
    const value = trials.metrics[column.slice(7)]?.[i] ?? Number.NaN;
    return Number.isNaN(value) ? null : value;
  }
  return VALUES[column]?.(trials, i, now) ?? null;
}

/**
 * @param {Trials} trials
 * @param {{passes?: Uint8Array | null, states?: string[], search?: string,
 *   sort?: {key: string, descending: boolean}, now?: number}} wanted `sort`: objective "best first"
 * is the caller's to say by its direction; what has no value comes last in any direction
 * @returns {number[]} places within the columns
 */
export function ordered(trials, { passes, states = [], search = "", sort, now = 0 }) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (let i = 0; i < trials.count; i++) {
    if (passes && !passes[i]) continue;
    if (states.length && !states.includes(trials.states[i])) continue;
    if (words.length && !hasWords(trials, i, words)) continue;
    found.push(i);
  }
  if (!sort) return found;
  const keys = new Map(found.map((i) => [i, rank(cell(trials, sort.key, i, now))]));
  const sign = sort.descending ? -1 : 1;
  return found.sort((a, b) => {
    const [x, y] = [/** @type {any[]} */ (keys.get(a)), /** @type {any[]} */ (keys.get(b))];
    if (x[0] !== y[0]) return x[0] - y[0];
    return sign * (x[1] < y[1] ? -1 : x[1] > y[1] ? 1 : 0) || a - b;
  });
}

/** Numbers, then texts, then nothing. @param {any} value @returns {[number, any]} */
function rank(value) {
  if (typeof value === "number") return Number.isNaN(value) ? [3, 0] : [0, value];
  if (typeof value === "boolean") return [1, value ? "true" : "false"];
  if (value === null || value === undefined || value === "") return [3, 0];
  return [1, typeof value === "string" ? value.toLowerCase() : JSON.stringify(value)];
}

/** @param {Trials} trials @param {number} i @param {string[]} words */
function hasWords(trials, i, words) {
  const params = Object.entries(trials.params).map(([name, column]) => `${name}=${column[i]}`);
  const text = [trials.ids[i], trials.states[i], whyOf(trials, i), placeOf(trials, i), ...params]
    .join(" ")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}
