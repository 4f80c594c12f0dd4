/**
 * Which runs of a list are drawn. Pure. The address says how many of the newest are, which of them
 * are hidden, and which others are shown. Neighbours: run_list.js, runs/query.js.
 */

export const USUAL = 10;
export const MOST = 100;

/**
 * @typedef {{count: number, hidden: string[], shown: string[], pinned: string[]}} Choice
 * `count`: of the list's first runs
 */

/** @param {readonly string[]} ids in the list's order @param {Choice} choice
 * @returns {Set<string>} */
export function drawn(ids, { count, hidden, shown, pinned }) {
  const off = new Set(hidden);
  const on = new Set([...ids.slice(0, count), ...shown, ...pinned]);
  return new Set([...on].filter((id) => !off.has(id)).slice(0, MOST));
}

/** Shows or hides a run. @param {readonly string[]} ids @param {Choice} choice @param {string} id
 * @param {boolean} on @returns {{hidden: string[], shown: string[]}} */
export function turned(ids, choice, id, on) {
  const hidden = choice.hidden.filter((each) => each !== id);
  const shown = choice.shown.filter((each) => each !== id);
  const there = ids.slice(0, choice.count).includes(id) || choice.pinned.includes(id);
  if (on && !there) shown.push(id);
  if (!on && there) hidden.push(id);
  return { hidden, shown };
}
