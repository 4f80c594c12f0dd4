/** Tables as CSV, and the names of files. Pure. Neighbour: panel.js. */

/** @param {import("./panel.js").Rows} rows @returns {string} as RFC 4180 has it */
export function csvText(rows) {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** @param {string | number | null | undefined} value */
function cell(value) {
  if (value === null || value === undefined) return "";
  const text = String(value);
  // A spreadsheet would take a text that begins so for a formula.
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** @param {string} title @param {string} ending */
export function fileName(title, ending) {
  const name = title
    .replace(/[^\p{L}\p{N}._-]+/gu, "_")
    .replace(/^[._]+|_+$/g, "")
    .slice(0, 80);
  return `${name || "chart"}.${ending}`;
}
