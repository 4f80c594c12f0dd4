/**
 * Charts that point at the same place: what the pointer is at in one is marked in all of its group.
 * Neighbours: line_plot.js (charts), workspace/run_list.js (points at a run without a place).
 */

/**
 * @typedef {{x: number | null, id: string | null}} Pointed where along x, and at which run
 * @typedef {(pointed: Pointed) => void} Listener
 */

/** @type {Map<string, Set<Listener>>} */
const groups = new Map();

/** @param {string} group "": alone @param {Listener} listener @returns {() => void} ends it */
export function follow(group, listener) {
  if (!group) return () => {};
  const those = groups.get(group) ?? new Set();
  groups.set(group, those.add(listener));
  return () => {
    those.delete(listener);
    if (!those.size && groups.get(group) === those) groups.delete(group);
  };
}

/** @param {string} group @param {Pointed} pointed @param {Listener} [from] is not told itself */
export function point(group, pointed, from) {
  for (const listener of groups.get(group) ?? []) if (listener !== from) listener(pointed);
}
