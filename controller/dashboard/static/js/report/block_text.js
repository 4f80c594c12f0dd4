/**
 * The text of panels, as people write them into a report (docs/reports.md), and addresses that begin
 * a report with some. Pure. Neighbours: controller/reports/blocks.py reads such blocks.
 */
import { address } from "../api.js";

/**
 * @typedef {{kind: string, [field: string]: unknown}} PanelFields
 * as docs/reports.md lists them; what is empty is left out
 */

/** A block of markdown. JSON is YAML, so that any text can be a value. @param {PanelFields} panel */
export function panelBlock(panel) {
  const fields = Object.entries(panel).filter(([, value]) => !isEmpty(value));
  const lines = fields.map(([name, value]) => `${name}: ${written(value)}`);
  return ["```panel", ...lines, "```"].join("\n");
}

/** @param {unknown} value */
function isEmpty(value) {
  if (value === undefined || value === null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** @param {unknown} value */
function written(value) {
  const plain = typeof value === "string" && /^[A-Za-z][\w./-]*( [\w./-]+)*$/.test(value);
  if (plain && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(value)) return value;
  // JSON leaves three backquotes in a row as they are, and they would end the block.
  return JSON.stringify(value, null, 0).replaceAll("```", "\\u0060``");
}

/**
 * The address of a new report that begins with these panels: for "Report" buttons of other pages.
 * @param {{project?: string, title?: string, panels?: PanelFields[], text?: string, sweep?: string}} what
 * `sweep`: the report that every sweep has
 */
export function newReportAddress({ project, title, panels = [], text = "", sweep }) {
  const blocks = [text, ...panels.map(panelBlock)].filter(Boolean).join("\n\n");
  return address("/reports/new", { project, title, sweep, text: blocks });
}

/** A block as it is told from others, wherever it stands; blocks.py's `block_key` is the same.
 * @param {string} text */
export function blockKey(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .join("\n");
}
