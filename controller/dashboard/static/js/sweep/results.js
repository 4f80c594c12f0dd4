/**
 * What trials came to: the best so far, the front of two goals, which ones are worth a curve. Pure.
 * Neighbours: trial_columns.js (the columns), charts/*.js (draw it).
 */

/** @typedef {import("./trial_columns.js").Trials} Trials */

/** Names of what only counts: no result that anybody weighs. */
const COUNTER = /(^|[._/])(epoch|step|global_step|iter|iteration|batch|seed)s?$/i;
const RAISED = named(
  "acc|accuracy|auc|auroc|f1|precision|recall|score|reward|return|iou|bleu|throughput",
);
const WEIGHED = named(
  "loss|err|error|mse|rmse|mae|perplexity|ppl|nll|time|latency|duration|seconds|size|flop|memory|cost|energy|param",
);

/** Whether a name has one of these words. @param {string} words */
function named(words) {
  return new RegExp(`(^|[^a-z])(${words})s?($|[^a-z])`, "i");
}

/** Whether more of a result is better, by its name. @param {string} name */
export function isRaised(name) {
  return RAISED.test(name);
}

/**
 * The objectives that the sweep's file has beside its metric, in its order.
 * @param {any} sweep @returns {{name: string, goal: "minimize" | "maximize"}[]}
 */
export function objectivesOf(sweep) {
  const metric = sweep.metric?.name;
  return (sweep.metrics ?? []).filter(
    (/** @type {any} */ each) => each.goal && each.name !== metric,
  );
}

/** The names of all that the file's `metrics` has beside the metric. @param {any} sweep @returns {string[]} */
export function measuredOf(sweep) {
  const metric = sweep.metric?.name;
  const names = (sweep.metrics ?? []).map((/** @type {any} */ each) => each.name);
  return names.filter((/** @type {string} */ name) => name !== metric);
}

/**
 * What is weighed against the objective, as long as nobody chose: a loss, an accuracy, a time rather
 * than any number, and what was made of the objective itself, or counts, last of all.
 * @param {readonly string[]} names @param {string} metric @returns {string | undefined}
 */
export function secondResult(names, metric) {
  /** @param {string} name */
  const rank = (name) => {
    if (COUNTER.test(name)) return 3;
    if (name.startsWith(`${metric}.`)) return 2;
    return RAISED.test(name) || WEIGHED.test(name) ? 0 : 1;
  };
  return [...names].sort((a, b) => rank(a) - rank(b))[0];
}

/** @param {number} a @param {number} b @param {boolean} maximize */
const better = (a, b, maximize) => (maximize ? a > b : a < b);

/**
 * The best value by each x: a point where it gets better, and one at the end.
 * @param {ArrayLike<number>} x @param {ArrayLike<number>} y NaN: none @param {boolean} maximize
 * @returns {{x: number[], y: number[]}}
 */
export function bestSoFar(x, y, maximize) {
  const order = [];
  for (let i = 0; i < y.length; i++)
    if (Number.isFinite(y[i]) && Number.isFinite(x[i])) order.push(i);
  order.sort((a, b) => x[a] - x[b]);
  /** @type {{x: number[], y: number[]}} */
  const line = { x: [], y: [] };
  let best = Number.NaN;
  for (const i of order) {
    if (!Number.isNaN(best) && !better(y[i], best, maximize)) continue;
    best = y[i];
    line.x.push(x[i]);
    line.y.push(best);
  }
  const last = order.at(-1);
  if (last !== undefined && x[last] > /** @type {number} */ (line.x.at(-1))) {
    line.x.push(x[last]);
    line.y.push(best);
  }
  return line;
}

/** The index of the best value; -1: there is none.
 * @param {ArrayLike<number>} values @param {boolean} maximize */
export function bestOf(values, maximize) {
  let found = -1;
  for (let i = 0; i < values.length; i++)
    if (Number.isFinite(values[i]) && (found < 0 || better(values[i], values[found], maximize)))
      found = i;
  return found;
}

/**
 * The values that colours are spent on: from the best to all but the worst tenth, so that a few huge
 * losses don't take them all. @param {ArrayLike<number>} values @param {boolean} maximize
 * @returns {[number, number] | null} null: there are none
 */
export function telling(values, maximize) {
  const known = Float64Array.from(values).filter(Number.isFinite).sort();
  if (!known.length) return null;
  const at = (/** @type {number} */ part) => known[Math.round(part * (known.length - 1))];
  return maximize ? [at(0.1), at(1)] : [at(0), at(0.9)];
}

/**
 * The points that no other beats in both: indices by rising x.
 * @param {ArrayLike<number>} x @param {ArrayLike<number>} y
 * @param {boolean} maximizeX @param {boolean} maximizeY @returns {number[]}
 */
export function front(x, y, maximizeX, maximizeY) {
  const order = [];
  for (let i = 0; i < x.length; i++)
    if (Number.isFinite(x[i]) && Number.isFinite(y[i])) order.push(i);
  const [sx, sy] = [maximizeX ? -1 : 1, maximizeY ? -1 : 1];
  order.sort((a, b) => sx * (x[a] - x[b]) || sy * (y[a] - y[b]));
  const found = [];
  let least = Number.POSITIVE_INFINITY;
  for (const i of order)
    if (sy * y[i] < least) {
      least = sy * y[i];
      found.push(i);
    }
  return maximizeX ? found.reverse() : found;
}

/**
 * Which trials' curves are drawn, if `most` are: those picked, then a share of the best, a share of
 * those that run, and an even sample of the others. Indices by number.
 * @param {Trials} trials @param {Uint8Array | null} passes @param {readonly number[]} picked
 * @param {boolean} maximize @param {number} most
 * @returns {{at: number[], best: number, running: number, sample: number, of: number}}
 */
export function worthACurve(trials, passes, picked, maximize, most) {
  const all = [];
  for (let i = 0; i < trials.count; i++)
    if ((!passes || passes[i]) && trials.states[i] !== "queued") all.push(i);
  const wanted = new Set();
  for (let i = 0; i < trials.count; i++) if (picked.includes(trials.numbers[i])) wanted.add(i);
  const count = { best: 0, running: 0, sample: 0 };
  /** @param {"best" | "running" | "sample"} what @param {number[]} from @param {number} limit */
  const take = (what, from, limit) => {
    for (const i of from) {
      if (wanted.size >= most || count[what] >= limit) break;
      if (wanted.has(i)) continue;
      wanted.add(i);
      count[what]++;
    }
  };
  const sign = maximize ? -1 : 1;
  const scored = all.filter((i) => Number.isFinite(trials.objectives[i]));
  scored.sort((a, b) => sign * (trials.objectives[a] - trials.objectives[b]));
  take("best", scored, Math.ceil(most * 0.4));
  take(
    "running",
    all.filter((i) => trials.states[i] === "running").reverse(),
    Math.ceil(most * 0.3),
  );
  const rest = all.filter((i) => !wanted.has(i));
  const every = Math.max(rest.length / Math.max(most - wanted.size, 1), 1);
  take(
    "sample",
    rest.filter((_, at) => Math.floor(at / every) !== Math.floor((at - 1) / every)),
    most,
  );
  return { at: [...wanted].sort((a, b) => a - b), ...count, of: all.length };
}

/** How many trials have a value of the objective. @param {Trials} trials */
export function valuesOf({ objectives }) {
  return objectives.reduce((sum, each) => sum + (Number.isFinite(each) ? 1 : 0), 0);
}

/**
 * What to say where an analysis has too few trials; of the page's count, which is never behind. No
 * title: there are enough by now, and the answer is on its way.
 * @param {{trials: number, needs: number}} analysis @param {number} known trials with a value
 * @param {boolean} over whether the sweep is: no more will come
 * @returns {{title: string, why: string}}
 */
export function tooFew({ trials, needs }, known, over) {
  const [wanted, have] = [trials + needs, Math.max(trials, known)];
  const more = wanted - have;
  if (more <= 0) return { title: "", why: "" };
  const chance = `with fewer than ${wanted} the answer would be chance.`;
  const ended = `${have} ended with a value`;
  if (over)
    return {
      title: `Too few trials (${have}) to say; ${wanted} are needed`,
      why: `${ended}; ${chance}`,
    };
  return {
    title: `Needs ${more} more ${more === 1 ? "trial" : "trials"}`,
    why: `${ended} so far; ${chance}`,
  };
}
