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
 * @property {Record<string, string>} assets data: addresses of pictures by their paths
 * @property {any} report
 */

/** @type {Frozen | null} */
export const frozen = read();

function read() {
  const found = globalThis.document?.getElementById("opensweep-frozen");
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
  const bytes = Uint8Array.from(atob(packed), (each) => each.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(await new Response(plain).arrayBuffer());
}

/** The address of a picture or the like; null: the file does not hold it. @param {string} url */
export function asset(url) {
  return frozen ? (frozen.assets[question("GET", url)] ?? null) : url;
}

/** Where a link within our pages leads. @param {string} href */
export function home(href) {
  return frozen && href.startsWith("/") ? frozen.server + href : href;
}
