/**
 * A nested value as a tree: opened and closed, searched by name and value, copied. Large lists and
 * objects show a first part, and more on demand, so that no config can hold up a page.
 */
import { value as spelled } from "../format.js";
import { html, useMemo, useState } from "../html.js";
import { Copy } from "./code.js";

const FIRST = 100;
const LONG_TEXT = 300;

/**
 * @param {{value: any, label: string, open?: number, search?: boolean, copy?: boolean}} props
 * `open`: so many levels are open at first
 */
export function JsonTree({ value, label, open = 1, search = true, copy = true }) {
  const [query, setQuery] = useState("");
  const wanted = query.trim().toLowerCase();
  const shown = useMemo(() => (wanted ? fitting(value, wanted) : value), [value, wanted]);
  const empty = shown === undefined || isEmpty(shown);
  return html`<div class="json-tree">
    <div class="json-tree-bar">
      ${
        search &&
        html`<input
          type="search"
          placeholder=${`Search ${label.toLowerCase()}`}
          aria-label=${`Search ${label.toLowerCase()}`}
          value=${query}
          onInput=${(/** @type {any} */ event) => setQuery(event.target.value)}
        />`
      }
      ${copy && html`<${Copy} text=${() => JSON.stringify(value, null, 2)} label=${`Copy ${label.toLowerCase()} as JSON`} />`}
    </div>
    ${
      empty
        ? html`<p class="quiet">${wanted ? "Nothing fits." : "Nothing here."}</p>`
        : html`<ul class="json-tree-list" role="tree" aria-label=${label}>
            <${Members} value=${shown} open=${wanted ? 20 : open} at="" key=${wanted} />
          </ul>`
    }
  </div>`;
}

/** @param {{value: any, open: number, at: string}} props */
function Members({ value, open, at }) {
  const [most, setMost] = useState(FIRST);
  const all = entries(value);
  return html`${all
    .slice(0, most)
    .map(
      ([name, each]) =>
        html`<${Node} key=${name} name=${name} value=${each} open=${open} at=${at ? `${at}.${name}` : name} />`,
    )}
  ${
    all.length > most &&
    html`<li class="json-tree-more" role="none">
      <button type="button" onClick=${() => setMost(most * 10)}>
        ${(all.length - most).toLocaleString("en-US")} more
      </button>
    </li>`
  }`;
}

/** @param {{name: string, value: any, open: number, at: string}} props */
function Node({ name, value, open, at }) {
  const [isOpen, setOpen] = useState(open > 0);
  if (!isBranch(value) || isEmpty(value) || isShort(value))
    return html`<li role="treeitem" class="json-tree-leaf">
      <span class="json-tree-name" title=${at}>${name}</span><${Leaf} value=${value} />
    </li>`;
  const size = entries(value).length;
  return html`<li role="treeitem" aria-expanded=${isOpen}>
    <button type="button" class="json-tree-fold" title=${at} onClick=${() => setOpen(!isOpen)}>
      <span class="json-tree-arrow" aria-hidden="true">${isOpen ? "▾" : "▸"}</span>
      <span class="json-tree-name">${name}</span>
      <span class="quiet">${Array.isArray(value) ? `[${size}]` : `{${size}}`}</span>
    </button>
    ${isOpen && html`<ul role="group"><${Members} value=${value} open=${open - 1} at=${at} /></ul>`}
  </li>`;
}

/** @param {{value: any}} props */
function Leaf({ value }) {
  const [all, setAll] = useState(false);
  const text = typeof value === "string" ? value : value === null ? "null" : spelled(value);
  const kind = value === null ? "null" : typeof value;
  if (text.length <= LONG_TEXT || all)
    return html`<span class=${`json-tree-value json-${kind}`}>${text === "" ? '""' : text}</span>`;
  return html`<span class=${`json-tree-value json-${kind}`}>
    ${text.slice(0, LONG_TEXT)}… <button type="button" onClick=${() => setAll(true)}>
      all ${text.length.toLocaleString("en-US")} characters
    </button>
  </span>`;
}

/** @param {any} value @returns {boolean} */
function isBranch(value) {
  return value !== null && typeof value === "object";
}

/** A few numbers or words in a list, which are read in one line. @param {any} value @returns {boolean} */
function isShort(value) {
  return (
    Array.isArray(value) &&
    value.length <= 12 &&
    value.every((each) => !isBranch(each)) &&
    JSON.stringify(value).length <= 80
  );
}

/** @param {any} value @returns {boolean} */
function isEmpty(value) {
  return isBranch(value) && Object.keys(value).length === 0;
}

/** @param {any} value @returns {[string, any][]} */
function entries(value) {
  return isBranch(value) ? Object.entries(value) : [["value", value]];
}

/** The part of a value whose names or leaves hold a text; undefined: none.
 * @param {any} value @param {string} wanted @returns {any} */
export function fitting(value, wanted) {
  if (!isBranch(value))
    return String(value === null ? "null" : value)
      .toLowerCase()
      .includes(wanted)
      ? value
      : undefined;
  const found = Object.entries(value).flatMap(([name, each]) => {
    const inner = name.toLowerCase().includes(wanted) ? each : fitting(each, wanted);
    return inner === undefined ? [] : [[name, inner]];
  });
  return found.length ? Object.fromEntries(found) : undefined;
}
