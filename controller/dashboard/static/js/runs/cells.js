/**
 * What stands in the cells of the runs table. Neighbours: columns.js (values as text), rows.js.
 */

import { colorOf } from "../colors.js";
import { Menu } from "../components/menu.js";
import { StateBadge } from "../components/states.js";
import { number } from "../format.js";
import { html, useState } from "../html.js";
import { Link, path } from "../router.js";
import { cell, full, isNumeric } from "./columns.js";

/**
 * @typedef {import("./columns.js").Field} Field
 * @typedef {import("./rows.js").RunRow} RunRow
 * @typedef {import("./rows.js").GroupRow} GroupRow
 * @typedef {"mean" | "min" | "max" | "std"} Figure
 * @typedef {Figure | null} Shown null: the best is wanted, and nobody said what is good
 */

/** There is no pointer that could rest on a row. */
const touched = matchMedia("(hover: none)").matches;

/** A value of a run. @param {{row: RunRow, field: Field}} props */
export function Value({ row, field }) {
  const given = row.values[field.name];
  if (given === null || given === undefined) return html`<span class="quiet">–</span>`;
  if (field.name === "state") return html`<${StateBadge} state=${String(given)} />`;
  if (field.name === "tags" && Array.isArray(given)) return html`<${Tags} tags=${given} />`;
  if (field.name === "sweep")
    return html`<${Link} href=${path("sweeps", String(given))} tabindex="-1">${given}<//>`;
  return html`<span title=${full(given, field)}>${cell(given, field)}</span>`;
}

/** @param {{tags: unknown[]}} props */
export function Tags({ tags }) {
  return html`<span class="tags" title=${tags.join(", ")}>
    ${tags.map((tag) => html`<span key=${tag} class="tag" style=${{ borderColor: colorOf(String(tag)) }}>${String(tag)}</span>`)}
  </span>`;
}

/** What a group's runs have in a field. @param {{row: GroupRow, field: Field, figure: Shown,
 *   by: string[]}} props */
export function GroupValue({ row, field, figure, by }) {
  const at = by.indexOf(field.name);
  if (at >= 0) return html`<span>${cell(row.values[at], field)}</span>`;
  const of = row.figures[field.name];
  if (!of) return html`<span class="quiet">–</span>`;
  if (of.value !== null && of.value !== undefined && !(isNumeric(field) && figure === "std"))
    return html`<span title="the same in all runs of the group">${cell(of.value, field)}</span>`;
  const time = field.kinds.includes("time");
  if (Number(of.count) > 0 && !time) {
    if (!figure)
      return html`<span class="quiet" title="define_metric(…, goal=…) says which value is best">–</span>`;
    const text = ["mean", "min", "max", "std"]
      .map((name) => `${name} ${number(of[/** @type {Figure} */ (name)])}`)
      .join(", ");
    return html`<span title=${`${text} of ${of.count} values`}>${cell(of[figure], field)}</span>`;
  }
  if (time) return html`<span class="quiet">${cell(of.max, field)}</span>`;
  const kinds = Number(of.kinds);
  return html`<span class="quiet">${kinds > 1 ? `${kinds} values` : "–"}</span>`;
}

/**
 * The first cell of a run: its colour, whether charts draw it, its name, and what can be done.
 * @param {{row: RunRow, color: string, hidden: boolean, onColor: (color: string | null) => void,
 *   onHide: () => void, onPin: () => void, onCopy: () => void}} props
 */
export function RunName({ row, color, hidden, onColor, onHide, onPin, onCopy }) {
  const name = String(row.values.display_name ?? row.id);
  const href = path("runs", row.id);
  // A menu for each of thousands of rows that pass by costs time: only the one in use has it.
  const [near, setNear] = useState(touched);
  return html`<span class=${`run-name ${row.depth ? "inner" : ""} ${hidden ? "off" : ""}`}
    onMouseEnter=${() => setNear(true)} onFocusIn=${() => setNear(true)}>
    <button type="button" class="eye" tabindex="-1" aria-pressed=${!hidden} aria-label=${`Draw ${name} in charts`}
      title=${hidden ? "Not drawn in charts" : "Drawn in charts"} onClick=${onHide}><${Eye} open=${!hidden} /></button>
    <input type="color" tabindex="-1" value=${color} aria-label=${`Colour of ${name}`} title="Colour"
      onChange=${(/** @type {any} */ event) => onColor(event.target.value)} />
    ${row.pinned && html`<span class="pin" title="On top" aria-label="On top">▲</span>`}
    <${Link} href=${href} class="run-link" tabindex="-1" title=${name}>${name}<//>
    ${
      near &&
      html`<${Menu} label=${`More for ${name}`} class="row-menu" items=${[
        { label: row.pinned ? "Take from the top" : "Put on top", act: onPin },
        { label: hidden ? "Draw in charts" : "Hide in charts", act: onHide },
        { label: "Colour of before", act: () => onColor(null) },
        { label: "Copy the id", act: onCopy, above: "line" },
      ]} />`
    }
  </span>`;
}

/** @param {{open: boolean}} props */
function Eye({ open }) {
  return html`<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.4">
    <path d="M1 8 C4 3.4 12 3.4 15 8 C12 12.6 4 12.6 1 8 Z" />
    ${open ? html`<circle cx="8" cy="8" r="2.1" />` : html`<path d="M2.5 13.5 L13.5 2.5" />`}
  </svg>`;
}

/**
 * The first cell of a group: its values, how many runs it has, and what opens it.
 * @param {{row: GroupRow, by: Field[], onToggle: () => void}} props
 */
export function GroupName({ row, by, onToggle }) {
  const words = by.map((field, i) => `${field.label}: ${cell(row.values[i], field) || "–"}`);
  return html`<span class="group-name">
    <button type="button" class="plain" tabindex="-1" aria-expanded=${row.open} aria-label=${`Runs with ${words.join(", ")}`}
      onClick=${onToggle}>${row.open ? "▾" : "▸"}</button>
    <span title=${words.join("\n")}>${by.map((field, i) => cell(row.values[i], field) || "–").join(" · ")}</span>
    <small class="count">${row.runs.toLocaleString("en-US")}</small>
  </span>`;
}
