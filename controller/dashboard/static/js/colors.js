/** Colours of runs and states. The same run has the same colour on every page. Pure. */

/**
 * Told apart by people with any kind of colour vision, the first ones best, and seen on light and on
 * dark (3 : 1): chosen one by one to be as far as can be from those before, as each kind of vision
 * sees them. tests/js/colors.test.js measures it.
 */
export const PALETTE = [
  "#0072b2",
  "#e47800",
  "#00a86c",
  "#a84878",
  "#9c78fc",
  "#786024",
  "#fc4860",
  "#24909c",
  "#fc54a8",
  "#547848",
  "#d860d8",
  "#2460cc",
  "#fc603c",
  "#607800",
  "#6c6090",
  "#a8903c",
];

/** @param {string} name of a run or a group @returns {string} */
export function colorOf(name) {
  let hash = 2166136261;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  return PALETTE[(hash >>> 0) % PALETTE.length];
}

/** Viridis at 0..1: for values along a scale. @param {number} part @returns {string} */
export function viridis(part) {
  const at = Math.min(Math.max(part, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const mix = (/** @type {number} */ i) =>
    Math.round(VIRIDIS[low][i] + (VIRIDIS[low + 1][i] - VIRIDIS[low][i]) * (at - low));
  return `rgb(${mix(0)},${mix(1)},${mix(2)})`;
}

const VIRIDIS = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];
