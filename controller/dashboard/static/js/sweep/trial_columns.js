/**
 * All trials of a sweep as columns, one entry a trial, by number; and how a later answer of the
 * server, which holds only what has changed, is put into them. Pure. Neighbours: trials_data.js
 * (fetches), controller/store/trial_columns.py (whose answers these are).
 */

/**
 * @typedef {object} Trials
 * @property {number} version another one for each state of the columns
 * @property {number} count
 * @property {string[]} ids
 * @property {number[]} numbers
 * @property {string[]} states
 * @property {Float64Array} objectives NaN: none (yet)
 * @property {Float64Array} values of running trials the newest value of the objective, else NaN
 * @property {Float64Array} created seconds since the epoch
 * @property {Float64Array} started NaN: not yet
 * @property {Float64Array} ended NaN: not yet
 * @property {Float64Array} steps
 * @property {Float64Array} attempts
 * @property {(string | null)[]} reasons
 * @property {(string | null)[]} details
 * @property {(string | null)[]} hosts
 * @property {(string | null)[]} devices
 * @property {(string | null)[]} agents
 * @property {(string | null)[]} enqueued who asked for this configuration; null: the search
 * @property {Float64Array} parents the trial whose training it goes on with; NaN: none
 * @property {Record<string, any[]>} params by dotted names; null or undefined: none
 * @property {Record<string, Float64Array>} metrics of the summary, those asked for
 * @property {string[]} metricNames numbers that there are in summaries
 *
 * @typedef {{cursor: number, total: number, whole: boolean, numbers: Record<string, (number | null)[]>,
 *   texts: Record<string, {names: string[], at: number[]}>, values: (number | null)[],
 *   params: Record<string, any[]>, metrics: Record<string, (number | null)[]>,
 *   metric_names: string[]}} Answer
 */

let made = 0;

/** @param {string} sweep its id @param {Answer} answer @returns {Trials} */
export function trialsOf(sweep, answer) {
  const { numbers, texts } = answer;
  const order = /** @type {number[]} */ (numbers.number);
  /** @param {string} name */
  const text = (name) => texts[name].at.map((at) => texts[name].names[at] ?? null);
  return {
    version: ++made,
    count: order.length,
    ids: order.map((number) => `${sweep}-${number}`),
    numbers: order,
    states: /** @type {string[]} */ (text("state")),
    objectives: floats(numbers.objective),
    values: floats(answer.values),
    created: floats(numbers.created),
    started: floats(numbers.started),
    ended: floats(numbers.ended),
    steps: floats(numbers.steps),
    attempts: floats(numbers.attempts),
    parents: floats(numbers.parent),
    reasons: text("reason"),
    details: text("detail"),
    hosts: text("host"),
    devices: text("device"),
    agents: text("agent_id"),
    enqueued: text("enqueued"),
    params: answer.params,
    metrics: Object.fromEntries(
      Object.entries(answer.metrics).map(([name, column]) => [name, floats(column)]),
    ),
    metricNames: answer.metric_names,
  };
}

/**
 * `fresh`, with the columns of `old` where they say the same, so that what is drawn of them is not
 * drawn anew. @param {Trials | undefined} old @param {Trials} fresh @returns {Trials}
 */
export function steadied(old, fresh) {
  if (!old || old.count !== fresh.count || old.ids[0] !== fresh.ids[0]) return fresh;
  /** @param {any} a @param {any} b @returns {any} */
  const kept = (a, b) => {
    for (let i = 0; i < fresh.count; i++) if (!Object.is(a[i], b[i])) return b;
    return a;
  };
  /** @type {any} */
  const next = { ...fresh };
  for (const name of COLUMNS) next[name] = kept(old[name], fresh[name]);
  for (const group of /** @type {const} */ (["params", "metrics"])) {
    const columns = Object.entries(fresh[group]);
    next[group] = Object.fromEntries(
      columns.map(([name, column]) => [
        name,
        old[group][name] ? kept(old[group][name], column) : column,
      ]),
    );
  }
  return next;
}

/**
 * `known` with the trials of `news` in it, which came later; null where that does not add up to
 * `total` trials: all of them have to be asked for again.
 * @param {Trials} known @param {Trials} news @param {number} total @returns {Trials | null}
 */
export function withNews(known, news, total) {
  const placeOf = new Map(known.numbers.map((number, place) => [number, place]));
  const places = news.numbers.map((number) => placeOf.get(number) ?? -1);
  let count = known.count;
  for (let i = 0; i < places.length; i++) {
    if (places[i] >= 0) continue;
    if (count && news.numbers[i] < known.numbers[known.count - 1]) return null;
    places[i] = count++;
  }
  if (count !== total) return null;
  /** @param {any} old @param {any} fresh @returns {any} */
  const put = (old, fresh) => {
    // A column in which nothing changed stays the same one: what is drawn of it is not drawn anew.
    const same = count === known.count && places.every((at, i) => Object.is(old[at], fresh[i]));
    if (same) return old;
    const all = old instanceof Float64Array ? longer(old, count) : old.slice();
    for (let i = 0; i < places.length; i++) all[places[i]] = fresh[i];
    return all;
  };
  /** @type {any} */
  const next = { ...known, version: news.version, count, metricNames: news.metricNames };
  for (const name of COLUMNS) next[name] = put(known[name], news[name]);
  for (const group of /** @type {const} */ (["params", "metrics"])) {
    // Names are anybody's: "constructor" is a parameter like any other.
    const [old, fresh] = [new Map(Object.entries(known[group])), Object.entries(news[group])];
    const later = new Map(fresh);
    next[group] = Object.fromEntries(
      [...new Set([...old.keys(), ...later.keys()])].map((name) => [
        name,
        put(
          old.get(name) ?? blank(group, known.count),
          later.get(name) ?? blank(group, news.count),
        ),
      ]),
    );
  }
  return next;
}

const COLUMNS = /** @type {const} */ ([
  ...["ids", "numbers", "states", "objectives", "values", "created", "started", "ended"],
  ...["steps", "attempts", "reasons", "details", "hosts", "devices", "agents", "enqueued"],
  "parents",
]);

/** @param {string} group @param {number} count */
function blank(group, count) {
  return group === "metrics" ? new Float64Array(count).fill(Number.NaN) : Array(count).fill(null);
}

/** @param {(number | null)[]} column */
function floats(column) {
  return Float64Array.from(column, (value) => value ?? Number.NaN);
}

/** @param {Float64Array} column @param {number} count */
function longer(column, count) {
  const all = new Float64Array(count);
  all.set(column);
  return all;
}
