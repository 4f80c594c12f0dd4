/** How a file is shown, by its name and type; and a folder's parts. Pure. Neighbour: file_preview.js. */

/**
 * @typedef {"image" | "audio" | "video" | "html" | "table" | "json" | "markdown" | "text" | "pdf" |
 *   "other"} Kind
 */

const CODE =
  /\.(py|pyi|ipynb|js|mjs|ts|tsx|jsx|css|sh|bash|zsh|c|cc|cpp|cu|cuh|h|hpp|rs|go|java|kt|rb|r|jl|lua|sql|toml|ya?ml|ini|cfg|conf|env|tex|bib|rst|txt|log|diff|patch|jsonl|ndjson|xml|lock|gitignore|dockerfile|proto|graphql)$/i;
const NAMES = /(^|\/)(makefile|dockerfile|license|readme|requirements|\.[a-z]+ignore)$/i;

/** @param {string} path @param {string} [type] of HTTP @returns {Kind} */
export function kindOf(path, type = "") {
  if (/\.table\.json$|\.csv$|\.tsv$/i.test(path)) return "table";
  if (/\.md$|\.markdown$/i.test(path)) return "markdown";
  if (/\.json$/i.test(path)) return "json";
  if (/\.pdf$/i.test(path)) return "pdf";
  if (/\.html?$/i.test(path)) return "html";
  if (type.startsWith("image/") && !type.includes("tiff")) return "image";
  if (type.startsWith("audio/")) return "audio";
  if (type.startsWith("video/")) return "video";
  if (CODE.test(path) || NAMES.test(path) || type.startsWith("text/")) return "text";
  return "other";
}

/** The folders that lead to a file: "a/b/c.txt" has "a/" and "a/b/". @param {string} path */
export function foldersOf(path) {
  const parts = path.split("/");
  return parts.slice(0, -1).map((_, i) => `${parts.slice(0, i + 1).join("/")}/`);
}

/** Whether bytes are text: no NUL, hardly any control characters. @param {Uint8Array} bytes */
export function isText(bytes) {
  let odd = 0;
  for (const each of bytes) {
    if (each === 0) return false;
    if (each < 9 || (each > 13 && each < 27)) odd++;
  }
  return odd * 50 <= bytes.length;
}
