/**
 * Where data comes from: the server, or, in a report that was saved as one file, that file.
 *
 * Such a file (controller/reports/page.py makes it) holds the answers to what its page will ask, and
 * asks nobody. Neighbours: api.js and live.js, which look here first.
 */

/**
 * @typedef {object} Frozen
 * @property {string} server the address that the report was saved from; links lead there
 * @property {number} saved when, in seconds
 * @property {Record<string, string>} answers by question (`question`): base64 of gzip
 * @property {{x: string, data: string}[]} series of one x each, as sweeps/protocol/series.py packs
 *   them, in base64 of gzip
 * @property {Record<string, string>} assets data: addresses of pictures by their paths
 * @property {any} report
 */

/** @type {Frozen | null} */
export const frozen = read();

function read() {
  const found = globalThis.document?.getElementById?.("opensweep-frozen");
  return found ? JSON.parse(found.textContent ?? "") : null;
}

/** What names a question: the order of names in a query or an object is no matter.
 * @param {string} method @param {string} url a path with its query @param {unknown} [body] */
export function question(method, url, body) {
  const { pathname, searchParams } = new URL(url, "http://page.invalid");
  searchParams.sort();
  const query = searchParams.size ? `?${searchParams}` : "";
  return `${method} ${pathname}${query}${body === undefined ? "" : ` ${sorted(body)}`}`;
}

/** JSON with the names of objects in order. @param {unknown} value @returns {string} */
function sorted(value) {
  return JSON.stringify(value, (_, each) =>
    each && typeof each === "object" && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

/** The answer that the file holds. @param {string} asked of `question` @returns {Promise<Response>} */
export async function frozenAnswer(asked) {
  const packed = frozen?.answers[asked];
  if (packed === undefined) {
    console.error(`not in this file: ${asked}`);
    const message = "this is not in the saved report; the server that it came from has it";
    return Response.json({ error: { kind: "NotFoundError", message } }, { status: 404 });
  }
  return new Response(await unzipped(packed));
}

/** @type {Promise<Map<string, Points>> | null} */
let unpacked = null;

/** @typedef {{x: Float64Array, y: Float64Array}} Points */
/** @typedef {import("./api.js").Series} Series */

/**
 * Series that the file holds, whatever the number of points that is asked for; of one that it does
 * not hold, none.
 * @param {{runs: string[], keys: string[], x?: string, from?: number, to?: number}} query
 * @param {(buffer: ArrayBuffer) => Series[]} unpack
 * @returns {Promise<Series[]>}
 */
export async function frozenSeries({ runs, keys, x = "_step", from, to }, unpack) {
  unpacked ??= unpackAll(unpack);
  const all = await unpacked;
  const [low, high] = [from ?? Number.NEGATIVE_INFINITY, to ?? Number.POSITIVE_INFINITY];
  return runs.flatMap((run) =>
    keys.map((key) => {
      const { x: xs, y: ys } = all.get(placeOf(x, run, key)) ?? NO_POINTS;
      const within = [...xs.keys()].filter((i) => xs[i] >= low && xs[i] <= high);
      const pick = (/** @type {Float64Array} */ of) => Float64Array.from(within, (i) => of[i]);
      const points = within.length === xs.length ? { x: xs, y: ys } : { x: pick(xs), y: pick(ys) };
      return { run, key, n: points.x.length, bin: 1, keep: 0, cursor: "", ...points };
    }),
  );
}

const NO_POINTS = { x: new Float64Array(0), y: new Float64Array(0) };

/** @param {string} x @param {string} run @param {string} key */
const placeOf = (x, run, key) => JSON.stringify([x, run, key]);

/** @param {(buffer: ArrayBuffer) => Series[]} unpack */
async function unpackAll(unpack) {
  /** @type {Map<string, Points>} */
  const found = new Map();
  for (const { x, data } of frozen?.series ?? [])
    for (const each of unpack(await unzipped(data)))
      found.set(placeOf(x, each.run, each.key), each);
  return found;
}

/** @param {string} packed base64 of gzip @returns {Promise<ArrayBuffer>} */
async function unzipped(packed) {
  const bytes = Uint8Array.from(atob(packed), (each) => each.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).arrayBuffer();
}

/** The address of a picture or the like; null: the file does not hold it. @param {string} url */
export function asset(url) {
  return frozen ? (frozen.assets[question("GET", url)] ?? null) : url;
}

/** Where a link within our pages leads. @param {string} href */
export function home(href) {
  return frozen && href.startsWith("/") ? frozen.server + href : href;
}
