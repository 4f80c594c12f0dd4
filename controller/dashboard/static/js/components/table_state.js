/**
 * What a table remembers between two drawings: rows that are as they were, the row on top, and the
 * widths that somebody gave to its columns. Neighbour: table.js.
 */
import { useLayoutEffect, useRef, useState } from "../html.js";

/**
 * @template T
 * @typedef {import("./table.js").TableProps<T>} TableProps
 */

/** A row that was on top is looked for so far from where it was. */
const SHIFT = 300;

/**
 * Rows that were drawn and need not be drawn again: while the table scrolls, most are the same.
 * @param {unknown[]} deps what all rows depend on
 * @returns {(index: number, deps: unknown[], draw: () => any) => any}
 */
export function useDrawn(deps) {
  const held = useRef({ deps, rows: new Map() });
  const before = held.current;
  const same = before.deps.every((each, i) => Object.is(each, deps[i]));
  /** @type {Map<number, {deps: unknown[], drawn: any}>} */
  const rows = new Map();
  held.current = { deps, rows };
  return (index, wanted, draw) => {
    const old = same ? before.rows.get(index) : undefined;
    const fits = old?.deps.every((/** @type {unknown} */ each, /** @type {number} */ i) =>
      Object.is(each, wanted[i]),
    );
    const entry = fits ? old : { deps: wanted, drawn: draw() };
    rows.set(index, entry);
    return entry.drawn;
  };
}

/**
 * The row on top stays there when rows come or go above it.
 * @template T @param {{current: HTMLElement | null}} box @param {TableProps<T>} props
 * @param {number} rowHeight @param {(by: number) => void} onShift all rows are so much further down
 */
export function useAnchor(box, { getRow, rowKey, resetKey }, rowHeight, onShift) {
  const held = useRef({ key: "", index: -1, list: resetKey });
  useLayoutEffect(() => {
    const element = /** @type {HTMLElement} */ (box.current);
    const key = (/** @type {number} */ index) => {
      const row = index < 0 ? undefined : getRow(index);
      return row === undefined ? "" : rowKey(row, index);
    };
    const before = held.current;
    if (before.list !== resetKey) element.scrollTop = 0;
    let index = Math.floor(element.scrollTop / rowHeight);
    if (before.list === resetKey && index > 0 && before.index === index && before.key) {
      for (let by = 0; by <= SHIFT; by++) {
        const found = [index + by, index - by].find((each) => key(each) === before.key);
        if (found === undefined) continue;
        if (found !== index) {
          element.scrollTop += (found - index) * rowHeight;
          onShift(found - index);
        }
        index = found;
        break;
      }
    }
    held.current = { key: key(index), index, list: resetKey };
  });
}

/**
 * Widths that this browser keeps.
 * @param {string} [name]
 * @returns {[Record<string, number>, (key: string, width: number, keep: boolean) => void]}
 */
export function useWidths(name) {
  const place = `opensweep:widths:${name}`;
  const [widths, setWidths] = useState(() => (name ? kept(place) : {}));
  const now = useRef(widths);
  return [
    widths,
    (key, width, keep) => {
      now.current = { ...now.current, [key]: Math.min(Math.max(Math.round(width), 40), 1200) };
      setWidths(now.current);
      if (keep && name) localStorage.setItem(place, JSON.stringify(now.current));
    },
  ];
}

/** @param {string} place @returns {Record<string, number>} */
function kept(place) {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "{}");
  } catch {
    return {};
  }
}
