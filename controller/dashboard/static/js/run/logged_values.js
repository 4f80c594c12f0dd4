/**
 * What a run's config and summary say to people: without what clients keep there for themselves, and
 * with media in a word. Pure. Neighbours: overview.js, media_keys.js.
 */

/** @param {unknown} value @returns {value is Record<string, any>} */
export function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Whether a value is media in W&B's JSON. @param {unknown} value @returns {value is Record<string, any> & {_type: string}} */
export function isMedia(value) {
  return isObject(value) && typeof value._type === "string";
}

/** The config without `_wandb`. @param {Record<string, any>} config */
export function ownConfig(config) {
  const { _wandb, ...own } = config;
  return own;
}

/** The summary without `_wandb`; of media only what they are. @param {Record<string, any>} summary */
export function ownSummary(summary) {
  const { _wandb, ...own } = summary;
  return /** @type {Record<string, any>} */ (inWords(own));
}

/** @param {any} value @returns {any} */
function inWords(value) {
  if (isMedia(value)) return mediaInWords(value);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inWords(each)]));
}

/** @type {Record<string, string>} */
const WORDS = {
  "image-file": "image",
  "images/separated": "images",
  "audio-file": "sound",
  audio: "sounds",
  "video-file": "video",
  videos: "videos",
  "html-file": "HTML",
  html: "HTML",
  "object3D-file": "3D object",
  object3D: "3D objects",
  "molecule-file": "molecule",
  molecule: "molecules",
  "plotly-file": "Plotly figure",
  "table-file": "table",
  "incremental-table-file": "table",
  "partitioned-table": "table",
  "joined-table": "table",
  "graph-file": "graph",
  histogram: "histogram",
};

/** @param {Record<string, any>} value */
export function mediaInWords(value) {
  const word = Object.hasOwn(WORDS, value._type) ? WORDS[value._type] : value._type;
  if (value._type === "histogram" && Array.isArray(value.values))
    return `${word} of ${value.values.length} bins`;
  if (typeof value.nrows === "number") return `${word}, ${value.nrows} × ${value.ncols}`;
  if (typeof value.count === "number") return `${value.count} ${word}`;
  if (typeof value.width === "number") return `${word}, ${value.width} × ${value.height}`;
  return word;
}

/**
 * Every medium of a summary by its whole name, in order.
 * @param {Record<string, any>} summary @returns {[string, Record<string, any>][]}
 */
export function mediaOf(summary, prefix = "") {
  /** @type {[string, Record<string, any>][]} */
  const found = [];
  for (const [name, value] of Object.entries(summary)) {
    if (isMedia(value)) found.push([prefix + name, value]);
    else if (isObject(value)) found.push(...mediaOf(value, `${prefix}${name}.`));
  }
  return found;
}

/** Best values: metrics of which the summary keeps more than the last one.
 * @param {Record<string, any>} summary @returns {{name: string, kind: string, value: any, last: any}[]} */
export function bestValues(summary) {
  const found = [];
  for (const [name, value] of Object.entries(summary)) {
    if (!isObject(value) || isMedia(value)) continue;
    for (const kind of ["best", "min", "max"])
      if (kind in value && !isObject(value[kind]))
        found.push({ name, kind, value: value[kind], last: value.last ?? null });
  }
  return found;
}
