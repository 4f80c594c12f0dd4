/**
 * Filters as people build them (a field, an operator, a value; joined by and, or by or), and as the
 * API takes them: W&B's MongoDB style. What was written by hand and is no such list stays text.
 * Pure. Neighbours: filter_editor.js; controller/store/run_filters.py reads them.
 */

/**
 * @typedef {"is" | "not" | "gt" | "gte" | "lt" | "lte" | "in" | "nin" | "match" | "nomatch" | "has" | "lacks"} Operator
 * @typedef {{field: string, op: Operator, value: any}} Condition
 * @typedef {{join: "and" | "or", conditions: Condition[]}} Filter
 */

/** @type {{op: Operator, label: string, sign: string, kinds: string[]}[]} */
export const OPERATORS = [
  { op: "is", label: "is", sign: "=", kinds: [] },
  { op: "not", label: "is not", sign: "≠", kinds: [] },
  { op: "gt", label: "greater than", sign: ">", kinds: ["number", "time", "duration"] },
  { op: "gte", label: "at least", sign: "≥", kinds: ["number", "time", "duration"] },
  { op: "lt", label: "less than", sign: "<", kinds: ["number", "time", "duration"] },
  { op: "lte", label: "at most", sign: "≤", kinds: ["number", "time", "duration"] },
  { op: "in", label: "is one of", sign: "∈", kinds: [] },
  { op: "nin", label: "is none of", sign: "∉", kinds: [] },
  { op: "match", label: "matches (regex)", sign: "~", kinds: ["text", "list"] },
  { op: "nomatch", label: "does not match", sign: "≁", kinds: ["text", "list"] },
  { op: "has", label: "is there", sign: "exists", kinds: [] },
  { op: "lacks", label: "is not there", sign: "missing", kinds: [] },
];

/** Whether an operator needs a value. @param {Operator} op */
export const takesValue = (op) => op !== "has" && op !== "lacks";
/** Whether it takes several. @param {Operator} op */
export const takesList = (op) => op === "in" || op === "nin";

/** The operators that fit a field. @param {string[]} kinds of its values; [] is anything */
export function operatorsFor(kinds) {
  return OPERATORS.filter(
    (each) =>
      !each.kinds.length || !kinds.length || each.kinds.some((kind) => kinds.includes(kind)),
  );
}

const PLAIN = /** @type {Record<string, Operator>} */ ({
  $eq: "is",
  $ne: "not",
  $gt: "gt",
  $gte: "gte",
  $lt: "lt",
  $lte: "lte",
  $in: "in",
  $nin: "nin",
});
const WRITTEN = Object.fromEntries(Object.entries(PLAIN).map(([name, op]) => [op, name]));

/** @param {Condition} condition @returns {Record<string, unknown>} */
function written({ field, op, value }) {
  if (op === "is") return { [field]: plain(value) ? value : { $eq: value } };
  if (op === "match") return { [field]: { $regex: String(value) } };
  if (op === "nomatch") return { [field]: { $not: { $regex: String(value) } } };
  if (op === "has" || op === "lacks") return { [field]: { $exists: op === "has" } };
  return { [field]: { [WRITTEN[op]]: value } };
}

/** The text that the API takes; "" without conditions. @param {Filter} filter @returns {string} */
export function write(filter) {
  const parts = filter.conditions.map(written);
  if (!parts.length) return "";
  if (parts.length === 1) return JSON.stringify(parts[0]);
  return JSON.stringify({ [filter.join === "or" ? "$or" : "$and"]: parts });
}

/**
 * The conditions that a text means; null: it says more than a list of conditions can.
 * @param {string} text @returns {Filter | null}
 */
export function read(text) {
  if (!text.trim()) return { join: "and", conditions: [] };
  let given;
  try {
    given = JSON.parse(text);
  } catch {
    return null;
  }
  if (!mapping(given)) return null;
  const names = Object.keys(given);
  const [joined] = names;
  if (names.length === 1 && (joined === "$and" || joined === "$or")) {
    const parts = given[joined];
    if (!Array.isArray(parts)) return null;
    const found = parts.map((part) => (mapping(part) ? conditions(part) : null));
    if (found.some((each) => each === null || (joined === "$or" && each.length !== 1))) return null;
    return {
      join: joined === "$or" ? "or" : "and",
      conditions: /** @type {Condition[][]} */ (found).flat(),
    };
  }
  const all = conditions(given);
  return all && { join: "and", conditions: all };
}

/** @param {Record<string, any>} part @returns {Condition[] | null} all of them must hold */
function conditions(part) {
  /** @type {Condition[]} */
  const found = [];
  for (const [field, asked] of Object.entries(part)) {
    if (field.startsWith("$")) return null;
    if (!mapping(asked) || !Object.keys(asked).some((name) => name.startsWith("$"))) {
      found.push({ field, op: "is", value: asked });
      continue;
    }
    for (const [operator, value] of Object.entries(asked)) {
      const one = condition(field, operator, value);
      if (!one) return null;
      found.push(one);
    }
  }
  return found;
}

/** @param {string} field @param {string} operator @param {any} value @returns {Condition | null} */
function condition(field, operator, value) {
  if (operator in PLAIN) {
    if (takesList(PLAIN[operator]) && !Array.isArray(value)) return null;
    return { field, op: PLAIN[operator], value };
  }
  if (operator === "$regex" && typeof value === "string") return { field, op: "match", value };
  if (operator === "$exists") return { field, op: value ? "has" : "lacks", value: "" };
  if (operator === "$not" && mapping(value) && Object.keys(value).join() === "$regex")
    return { field, op: "nomatch", value: value.$regex };
  return null;
}

/** @param {any} value @returns {boolean} an object of JSON */
function mapping(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** @param {any} value */
function plain(value) {
  return !mapping(value);
}

/**
 * What somebody typed, as a value of the kind that the field has.
 * @param {string} text @param {string[]} kinds of the field's values
 * @returns {any}
 */
export function typed(text, kinds) {
  const bare = text.trim();
  if (kinds.includes("time")) {
    const at = new Date(bare);
    return Number.isNaN(at.getTime()) ? bare : at.toISOString().replace("Z", "+00:00");
  }
  const any = !kinds.length;
  if ((any || kinds.includes("number") || kinds.includes("duration")) && bare !== "") {
    const number = Number(bare);
    if (Number.isFinite(number)) return number;
  }
  if ((any || kinds.includes("flag")) && (bare === "true" || bare === "false"))
    return bare === "true";
  if (bare === "null" && !kinds.includes("text")) return null;
  return text;
}

/** The other way: what stands in the box. @param {any} value @param {string[]} kinds */
export function shown(value, kinds) {
  if (kinds.includes("time") && (typeof value === "string" || typeof value === "number")) {
    const at = new Date(typeof value === "number" ? 1000 * value : value);
    if (!Number.isNaN(at.getTime())) {
      const local = new Date(at.getTime() - 60_000 * at.getTimezoneOffset());
      return local.toISOString().slice(0, 16);
    }
  }
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}

/** A condition in a few words, for people. @param {Condition} condition @param {string} label */
export function told({ op, value }, label) {
  const sign = OPERATORS.find((each) => each.op === op)?.sign ?? op;
  if (!takesValue(op)) return `${label} ${sign}`;
  const text = Array.isArray(value)
    ? value.map((each) => shown(each, [])).join(", ")
    : shown(value, []);
  return `${label} ${sign} ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}
