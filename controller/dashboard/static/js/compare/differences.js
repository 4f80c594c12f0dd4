/**
 * What several runs have under the same names, side by side: what differs, which is best, how far
 * each is from a baseline. Pure. Neighbours: facts.js (what a run is), table.js (draws it).
 */
import { flat } from "../format.js";

/**
 * @typedef {"minimize" | "maximize"} Goal
 * @typedef {{name: string, values: unknown[], differs: boolean, goal: Goal | null,
 *   best: Set<number>}} Difference `values`: one a run, undefined where it has none
 */

/**
 * @param {Record<string, unknown>[]} documents one a run, nested or flat
 * @param {(name: string) => Goal | null} [goalOf]
 * @param {{asGiven?: boolean}} [how] `asGiven`: in the order in which they come, else by name
 * @returns {Difference[]}
 */
export function differences(documents, goalOf = () => null, { asGiven = false } = {}) {
  const flats = documents.map((document) => withMedia(document));
  const names = [...new Set(flats.flatMap((each) => Object.keys(each)))];
  if (!asGiven) names.sort(natural);
  return names.map((name) => {
    const values = flats.map((each) => each[name]);
    const first = JSON.stringify(values[0]);
    const goal = goalOf(name);
    return {
      name,
      values,
      differs: values.some((each) => JSON.stringify(each) !== first),
      goal,
      best: best(values, goal),
    };
  });
}

/** Flat, with media in one piece. @param {Record<string, any>} document */
function withMedia(document) {
  /** @type {Record<string, unknown>} */
  const found = Object.create(null); // names are users': see flat()
  for (const [name, value] of Object.entries(document ?? {})) {
    if (name === "_wandb") continue;
    if (value && typeof value === "object" && "_type" in value) found[name] = `[${value._type}]`;
    else Object.assign(found, flat({ [name]: value }));
  }
  return found;
}

/** Places of the best values; none where no goal is known or all are the same.
 * @param {unknown[]} values @param {Goal | null} goal @returns {Set<number>} */
export function best(values, goal) {
  const numbers = values.map((value) => (typeof value === "number" ? value : Number.NaN));
  const there = numbers.filter((value) => !Number.isNaN(value));
  if (!goal || there.length < 2) return new Set();
  const top = goal === "minimize" ? Math.min(...there) : Math.max(...there);
  if (there.every((value) => value === top)) return new Set();
  return new Set(numbers.flatMap((value, i) => (value === top ? [i] : [])));
}

/**
 * How far a value is from the baseline's.
 * @param {unknown} value @param {unknown} base @param {Goal | null} goal
 * @returns {{by: number, part: number | null, better: boolean | null} | null} `part`: of the
 *   baseline's size; null: neither is a number, or they are the same
 */
export function delta(value, base, goal) {
  if (typeof value !== "number" || typeof base !== "number") return null;
  const by = value - base;
  if (!Number.isFinite(by) || by === 0) return null;
  const better = goal ? by < 0 === (goal === "minimize") : null;
  return { by, part: base === 0 ? null : by / Math.abs(base), better };
}

/** Names with numbers in them in the order of the numbers. @param {string} a @param {string} b */
function natural(a, b) {
  return collator.compare(a, b) || (a < b ? -1 : 1);
}
const collator = new Intl.Collator("en", { numeric: true });

/**
 * Which goal a metric has: what its run defined (a name, or a glob), else its sweep's.
 * @param {{metrics?: Record<string, any>}[]} runs
 * @param {{name: string, goal: Goal}[]} sweeps the metrics of their sweeps
 * @returns {(name: string) => Goal | null}
 */
export function goals(runs, sweeps) {
  return (name) => {
    const bare = name.replace(/\.(min|max|last|mean|best|first)$/, "");
    for (const { metrics } of runs) {
      for (const each of [name, bare]) {
        const said = metrics?.[each] ?? globbed(metrics ?? {}, each);
        if (said?.goal === "minimize" || said?.goal === "maximize") return said.goal;
      }
    }
    return sweeps.find((sweep) => sweep.name === name || sweep.name === bare)?.goal ?? null;
  };
}

/** @param {Record<string, any>} metrics @param {string} name */
function globbed(metrics, name) {
  const found = Object.keys(metrics).find(
    (glob) => glob.endsWith("*") && name.startsWith(glob.slice(0, -1)),
  );
  return found && metrics[found];
}

/** Lines `name==version` as a mapping; others stay whole. @param {string} text
 * @returns {Record<string, string>} */
export function packages(text) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const line of text.split("\n")) {
    const bare = line.trim();
    if (!bare || bare.startsWith("#")) continue;
    const at = bare.indexOf("==");
    if (at > 0) found[bare.slice(0, at).toLowerCase()] = bare.slice(at + 2);
    else found[bare] = "";
  }
  return found;
}
