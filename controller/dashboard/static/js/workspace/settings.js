/**
 * What can be set of the curves of all panels, or of one. Pure. Names are short, for they stand in
 * addresses. Neighbours: layout.js (where they are kept), settings_form.js (where they are set).
 */

/**
 * @typedef {object} Settings what is not there is as usual
 * @property {string} [x] "_step", "_timestamp", "_runtime", "_process" or a metric; unless it is
 *   said: the metric's own step metric, else "_step"
 * @property {[number, number]} [zoom] of x
 * @property {boolean} [xlog]
 * @property {boolean} [ylog]
 * @property {number} [ymin]
 * @property {number} [ymax]
 * @property {boolean} [outliers] leaves them out
 * @property {import("../charts/smoothing.js").Smoothing} [smooth]
 * @property {number} [amount] of smoothing
 * @property {boolean} [raw] whether the curve before smoothing is drawn faint; unless false
 * @property {number} [points] of a curve at most; else as many as there are pixels
 * @property {import("../charts/groups.js").Middle} [middle] of grouped runs
 * @property {import("../charts/groups.js").Spread} [band] of grouped runs
 * @property {boolean} [legend]
 */

export const X_AXES = [
  { name: "_step", label: "Step" },
  { name: "_runtime", label: "Relative time (wall)" },
  { name: "_process", label: "Relative time (process)" },
  { name: "_timestamp", label: "Wall time" },
];

/** @param {Settings} all @param {Settings} own @returns {Settings} what holds for a panel */
export function joined(all, own) {
  return { ...all, ...own };
}

/** @param {string} x @returns {"linear" | "time" | "duration"} */
export function scaleOf(x) {
  if (x === "_timestamp") return "time";
  return x === "_runtime" || x === "_process" ? "duration" : "linear";
}

/** @param {string} x */
export function labelOf(x) {
  return X_AXES.find(({ name }) => name === x)?.label ?? x;
}
