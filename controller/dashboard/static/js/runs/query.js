/**
 * Which runs of a project somebody looks at, as addresses say it: the table and the charts share
 * it. Pure. Neighbours: filters.js (what a filter is), columns.js.
 */

/**
 * @typedef {object} RunsQuery
 * @property {string} q words that are in the names or ids of the runs, or a regular expression
 * @property {boolean} regex
 * @property {string} filters as GET /api/runs takes it; ""
 * @property {string} order as well: "-summary.loss,config.lr"; "" is the newest first
 * @property {string[]} group names to group by
 * @property {string[]} hidden ids of runs that are not drawn
 * @property {string[]} pinned ids of runs that stand on top
 */

export const NEWEST = "-created_at";
const LISTS = /** @type {const} */ (["group", "hidden", "pinned"]);
const SHARED = ["q", "regex", "filters", "order", ...LISTS];

/** @param {URLSearchParams} params @returns {RunsQuery} */
export function readQuery(params) {
  return {
    q: params.get("q") ?? "",
    regex: params.get("regex") === "1",
    filters: params.get("filters") ?? "",
    order: params.get("order") ?? "",
    group: texts(params.get("group")),
    hidden: texts(params.get("hidden")),
    pinned: texts(params.get("pinned")),
  };
}

/** Puts changes into the query of an address. @param {URLSearchParams} params
 * @param {Partial<RunsQuery>} changes */
export function writeQuery(params, changes) {
  for (const [name, value] of Object.entries(changes)) {
    const text = Array.isArray(value)
      ? value.length
        ? JSON.stringify(value)
        : ""
      : value === true
        ? "1"
        : value || "";
    if (text) params.set(name, text);
    else params.delete(name);
  }
}

/** The part of an address's query that a link between table and charts carries.
 * @param {URLSearchParams} params @returns {string} */
export function keepQuery(params) {
  const kept = new URLSearchParams();
  for (const name of SHARED) {
    const value = params.get(name);
    if (value) kept.set(name, value);
  }
  return kept.toString();
}

/**
 * What GET /api/runs (and the others that choose runs) is asked with.
 * @param {Pick<RunsQuery, "q" | "regex" | "filters" | "order">} query
 * @param {string} project its whole name
 * @param {object[]} [more] filters that hold besides
 * @returns {{project: string, search: string, filters: string, order: string}}
 */
export function apiParams(query, project, more = []) {
  const all = [...more];
  if (query.regex && query.q) all.push({ display_name: { $regex: query.q, $options: "i" } });
  return {
    project: project || "uncategorized",
    search: query.regex ? "" : query.q,
    filters: both(query.filters, all),
    order: query.order || NEWEST,
  };
}

/** A filter's text, and others; a text that is no JSON stays as it is: the server says what is wrong.
 * @param {string} text @param {object[]} more @returns {string} */
function both(text, more) {
  if (!more.length) return text;
  /** @type {any} */
  let given = {};
  try {
    if (text.trim()) given = JSON.parse(text);
  } catch {
    return text;
  }
  const parts = given && Object.keys(given).length ? [given, ...more] : more;
  return JSON.stringify(parts.length === 1 ? parts[0] : { $and: parts });
}

/**
 * The same as one filter, for reports; undefined where all runs are meant, or it is no filter.
 * @param {RunsQuery} query @returns {object | undefined}
 */
export function asFilter(query) {
  const words = query.regex ? [] : query.q.split(/\s+/).filter(Boolean);
  const named = words.map((word) => ({
    display_name: { $regex: word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), $options: "i" },
  }));
  try {
    return JSON.parse(apiParams(query, "", named).filters);
  } catch {
    return undefined;
  }
}

/** @param {string | null} text @returns {string[]} */
function texts(text) {
  if (!text) return [];
  try {
    const value = JSON.parse(text);
    if (Array.isArray(value)) return value.filter((each) => typeof each === "string");
  } catch {
    // An address that somebody cut off.
  }
  return [];
}

/** @typedef {{key: string, descending: boolean}} Sort */

/** @param {string} order @returns {Sort[]} */
export function readOrder(order) {
  return order
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => ({ key: part.replace(/^[+-]/, ""), descending: part.startsWith("-") }));
}

/** @param {Sort[]} sorts @returns {string} */
export function writeOrder(sorts) {
  return sorts.map(({ key, descending }) => (descending ? "-" : "") + key).join(",");
}

/**
 * A click on a head: rising, falling, then not sorted by it. With `more`, beside the other sorts.
 * @param {Sort[]} sorts @param {string} key @param {boolean} more @returns {Sort[]}
 */
export function turned(sorts, key, more) {
  const at = sorts.findIndex((sort) => sort.key === key);
  const now = sorts[at];
  const next = !now
    ? { key, descending: false }
    : now.descending
      ? null
      : { key, descending: true };
  if (!more) return next ? [next] : [];
  if (!now) return [...sorts, /** @type {Sort} */ (next)];
  return sorts.flatMap((sort, i) => (i === at ? (next ?? []) : sort));
}

/** What only runs of this group have. @param {string[]} by @param {unknown[]} values */
export function groupFilter(by, values) {
  return { $and: by.map((name, i) => ({ [name]: { $eq: values[i] ?? null } })) };
}
