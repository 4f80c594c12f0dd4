/**
 * A table of any length: draws only what can be seen, and asks for rows as they come near.
 *
 * It is a grid to keyboards and screen readers: one cell has the focus (the arrow keys, page keys,
 * Home and End move it), Enter opens the row, Space selects it, Control and A selects all; on a head
 * Enter sorts, Alt with the arrow keys resizes. It holds no rows: `getRow` says what is known,
 * `onNeed` is told what is wanted. Neighbours: table_window.js (the arithmetic), table_state.js (what
 * it remembers), css/table.css.
 */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../html.js";
import { useAnchor, useDrawn, useWidths } from "./table_state.js";
import { moved, place, visibleColumns, visibleRows } from "./table_window.js";

/**
 * @template T
 * @typedef {object} TableColumn
 * @property {string} key
 * @property {any} label
 * @property {string} [title] what a pointer that rests on the head is told
 * @property {number} [width]
 * @property {"left" | "right"} [align]
 * @property {(row: T, index: number) => any} [render] without it: the row's value under `key`
 * @property {boolean} [sortable]
 * @property {boolean} [pinned] stays in sight when the others scroll sideways
 * @property {any} [menu] stands in the head, behind the label
 */

/** @typedef {{key: string, descending: boolean}} Sort */

/**
 * @template T
 * @typedef {object} TableProps
 * @property {string} label what the table is, for those who do not see it
 * @property {TableColumn<T>[]} columns
 * @property {number} rowCount
 * @property {(index: number) => T | undefined} getRow undefined: not known yet
 * @property {(from: number, to: number) => void} [onNeed] rows that are, or will soon be, in sight
 * @property {(row: T, index: number) => string} rowKey
 * @property {Sort[]} [sort] the weightiest first
 * @property {(key: string, more: boolean) => void} [onSort] `more`: besides the sorts there are
 * @property {Set<string>} [selected] with it, rows have checkboxes
 * @property {(keys: Set<string>) => void} [onSelect]
 * @property {(all: boolean) => void} [onSelectAll] with it, the head has a checkbox, too
 * @property {(row: T) => boolean} [selectable]
 * @property {(row: T, index: number) => void} [onOpen]
 * @property {(row: T) => string} [rowClass]
 * @property {(row: T) => string} [rowLabel] names a row to those who do not see it
 * @property {string} [widths] under which name this browser keeps the widths of columns
 * @property {number} [rowHeight]
 * @property {string} [resetKey] another one is another list: it is shown from its beginning
 * @property {boolean} [busy] the rows are those of a list that was left; others come
 * @property {string} [height] of CSS; without it: as high as its rows, at most most of the window
 */

const SELECT = 36;

/** @template T @param {TableProps<T>} props */
export function VirtualTable(props) {
  const { columns, rowCount, getRow, onNeed, rowKey, rowHeight = 30, selected } = props;
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [view, setView] = useState({ top: 0, left: 0, width: 1200, height: 600 });
  const [widths, resize] = useWidths(props.widths);
  const [at, setAt] = useState({ row: -1, column: 0 });
  const follow = useRef(false);
  const last = useRef(-1);

  useLayoutEffect(() => {
    const element = /** @type {HTMLElement} */ (box.current);
    const look = () => {
      const { scrollTop, scrollLeft, clientWidth: width, clientHeight: height } = element;
      // In steps: what is drawn changes with whole rows alone.
      const top = rowHeight * Math.floor(scrollTop / rowHeight);
      const next = { top, left: 50 * Math.floor(scrollLeft / 50), width, height };
      setView((now) => (same(now, next) ? now : next));
    };
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    look();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, []);

  const { placed, pinned, total } = place(columns, widths, view.width, selected ? SELECT : 0);
  const rows = visibleRows(view.top, view.height - rowHeight, rowHeight, rowCount);
  const drawn = visibleColumns(placed, view.left, view.width);
  const active = {
    row: Math.min(at.row, rowCount - 1),
    column: Math.min(at.column, placed.length - 1),
  };
  const focused = placed[active.column];
  if (focused && !drawn.includes(focused)) drawn.push(focused);
  const indexes = Array.from({ length: rows.to - rows.from }, (_, i) => rows.from + i);
  if (active.row >= 0 && (active.row < rows.from || active.row >= rows.to))
    indexes.push(active.row);

  useAnchor(box, props, rowHeight, (by) => {
    if (at.row < 0) return;
    follow.current = box.current?.contains(document.activeElement) ?? false;
    setAt({ ...at, row: at.row + by });
  });

  const page = Math.max(Math.floor(view.height / rowHeight) - 2, 1);
  useEffect(() => {
    onNeed?.(Math.max(rows.from - page, 0), Math.min(rows.to + page, rowCount));
  }, [rows.from, rows.to, rowCount, onNeed]);

  useLayoutEffect(() => {
    if (!follow.current) return;
    follow.current = false;
    const cell = box.current?.querySelector('[tabindex="0"][data-cell]');
    /** @type {HTMLElement | null} */ (cell)?.focus({ preventScroll: true });
  });

  /** @param {{row: number, column: number}} to */
  const go = (to) => {
    const element = /** @type {HTMLElement} */ (box.current);
    const cell = placed[to.column];
    if (to.row >= 0) {
      const top = to.row * rowHeight;
      if (top < element.scrollTop) element.scrollTop = top;
      const low = top + 2 * rowHeight - element.clientHeight;
      if (low > element.scrollTop) element.scrollTop = low;
    }
    if (cell && !cell.pinned) {
      if (cell.left - pinned < element.scrollLeft) element.scrollLeft = cell.left - pinned;
      const right = cell.left + cell.width - element.clientWidth;
      if (right > element.scrollLeft) element.scrollLeft = right;
    }
    follow.current = true;
    setAt(to);
  };

  /** @param {T} row @param {number} index @param {boolean} range */
  const toggle = (row, index, range) => {
    const next = new Set(selected);
    const to = !next.has(rowKey(row, index));
    const [a, b] = range && last.current >= 0 ? [last.current, index] : [index, index];
    for (let i = Math.min(a, b); i <= Math.max(a, b); i++) {
      const each = getRow(i);
      if (each === undefined || props.selectable?.(each) === false) continue;
      if (to) next.add(rowKey(each, i));
      else next.delete(rowKey(each, i));
    }
    last.current = index;
    props.onSelect?.(next);
  };

  /** @param {KeyboardEvent} event */
  const press = (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("input:not([type=checkbox]), select, textarea, [popover]")) return;
    const column = placed[active.column];
    if (event.altKey) {
      const by = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
      if (!by || active.row >= 0 || !column) return;
      event.preventDefault();
      resize(column.key, column.width + by, true);
      return;
    }
    if (event.key === "a" && (event.ctrlKey || event.metaKey) && props.onSelectAll) {
      event.preventDefault();
      props.onSelectAll(!selected?.size);
      return;
    }
    const size = { rows: rowCount, columns: placed.length, page };
    const to = moved(event.key, event.ctrlKey || event.metaKey, active, size);
    if (to) {
      event.preventDefault();
      go(to);
      return;
    }
    if (!target.hasAttribute("data-cell")) return;
    const row = active.row >= 0 ? getRow(active.row) : undefined;
    if (active.row < 0 && (event.key === "Enter" || event.key === " ")) {
      if (column?.column.sortable) props.onSort?.(column.key, event.shiftKey);
    } else if (event.key === " " && row !== undefined && selected) {
      if (props.selectable?.(row) !== false) toggle(row, active.row, event.shiftKey);
    } else if (event.key === "Enter" && row !== undefined && props.onOpen) {
      props.onOpen(row, active.row);
    } else if (event.key === "F2") {
      const inner = target.querySelector("a, button, input");
      /** @type {HTMLElement | null} */ (inner)?.focus();
    } else return;
    event.preventDefault();
  };

  const firstColumn = selected ? 2 : 1; // its number, behind that of the checkboxes
  const shape = { drawn, pinned, rowHeight };
  const head = html`<div class="vtable-row vtable-head" role="row" aria-rowindex="1" style=${{ width: `${total}px`, height: `${rowHeight}px` }}>
    <${Cells}
      ...${shape}
      check=${
        selected &&
        html`<span class="vtable-check" role="columnheader" aria-colindex="1" aria-label="Selected">
          ${
            props.onSelectAll &&
            html`<input type="checkbox" tabindex="-1" aria-label="Select all" checked=${selected.size > 0}
              indeterminate=${selected.size > 0 && selected.size < rowCount}
              onClick=${() => props.onSelectAll?.(!selected.size)} />`
          }
        </span>`
      }
      cell=${(/** @type {any} */ each) => {
        const index = placed.indexOf(each);
        const here = active.row < 0 && active.column === index;
        return html`<${Head} key=${each.key} place=${each} index=${index} firstColumn=${firstColumn} tab=${here ? 0 : -1}
          sort=${props.sort} onSort=${props.onSort} onResize=${resize}
          onFocus=${() => setAt({ row: -1, column: index })} />`;
      }} />
  </div>`;

  /** @param {number} index @param {T | undefined} row @param {number} focus the column that has it */
  const drawRow = (index, row, focus) => {
    const key = row === undefined ? `?${index}` : rowKey(row, index);
    const chosen = row !== undefined && selected?.has(key);
    const can = row !== undefined && props.selectable?.(row) !== false;
    const check =
      selected &&
      html`<span class="vtable-check" role="gridcell" aria-colindex="1">
        ${
          can &&
          html`<input type="checkbox" tabindex="-1" checked=${chosen}
            aria-label=${`Select ${(row !== undefined && props.rowLabel?.(row)) || key}`}
            onClick=${(/** @type {MouseEvent} */ event) => toggle(row, index, event.shiftKey)} />`
        }
      </span>`;
    const name = `vtable-row ${index % 2 ? "odd" : "even"} ${chosen ? "chosen" : ""} ${row === undefined ? "waiting" : (props.rowClass?.(row) ?? "")}`;
    // By its place: a row that gets its data, or another run, keeps the focus that it has.
    return html`<div key=${index} class=${name} role="row" aria-rowindex=${index + 2}
      aria-selected=${selected ? Boolean(chosen) : undefined}
      style=${{ top: `${index * rowHeight}px`, width: `${total}px`, height: `${rowHeight}px` }}>
      <${Cells} ...${shape} check=${check} cell=${(/** @type {any} */ each) => {
        const column = placed.indexOf(each);
        const here = focus === column;
        return html`<div key=${each.key} data-cell role="gridcell" aria-colindex=${column + firstColumn}
          class=${`vtable-cell ${each.column.align ?? "left"}`} tabindex=${here ? 0 : -1}
          style=${{ width: `${each.width}px`, ...(each.pinned ? {} : { position: "absolute", top: "0", left: `${each.left}px` }) }}
          onFocus=${() => setAt({ row: index, column })}>${
            row === undefined
              ? html`<span class="vtable-wait" aria-label="Loading"></span>`
              : each.column.render
                ? each.column.render(row, index)
                : /** @type {any} */ (row)[each.key]
          }</div>`;
      }} />
    </div>`;
  };
  const shown = drawn.map((each) => `${each.key} ${each.left} ${each.width}`).join();
  const again = useDrawn([columns, getRow, selected, props.rowClass, shown, pinned, total]);
  const body = indexes.map((index) => {
    const row = getRow(index);
    const focus = active.row === index ? active.column : -1;
    return again(index, [row, focus], () => drawRow(index, row, focus));
  });

  return html`<div class="vtable" role="grid" ref=${box} aria-label=${props.label} aria-rowcount=${rowCount + 1}
    aria-colcount=${placed.length + firstColumn - 1} aria-busy=${props.busy ? "true" : undefined} aria-multiselectable=${selected ? "true" : undefined}
    style=${{ height: props.height }} onKeyDown=${press}>
    ${head}
    <div class="vtable-body" role="rowgroup" style=${{ height: `${rowCount * rowHeight}px`, width: `${total}px` }}>${body}</div>
  </div>`;
}

/** The cells of a row: those that stay in sight, then the others. @param {any} props */
function Cells({ drawn, pinned, rowHeight, check, cell }) {
  return html`${
    pinned > 0 &&
    html`<div class="vtable-pinned" role="presentation" style=${{ width: `${pinned}px`, height: `${rowHeight}px` }}>
      ${check}${drawn.filter((/** @type {any} */ each) => each.pinned).map(cell)}
    </div>`
  }${drawn.filter((/** @type {any} */ each) => !each.pinned).map(cell)}`;
}

/** @param {any} props */
function Head({ place: each, index, firstColumn, tab, sort, onSort, onResize, onFocus }) {
  const { column } = each;
  const rank = sort?.findIndex((/** @type {Sort} */ one) => one.key === each.key) ?? -1;
  const descending = rank >= 0 && sort[rank].descending;
  const order = rank < 0 ? undefined : descending ? "descending" : "ascending";
  /** @param {MouseEvent} event */
  const click = (event) => column.sortable && onSort?.(each.key, event.shiftKey);
  /** @param {PointerEvent} event */
  const drag = (event) => {
    event.preventDefault();
    event.stopPropagation();
    const handle = /** @type {HTMLElement} */ (event.currentTarget);
    const begin = event.clientX;
    handle.setPointerCapture(event.pointerId);
    /** @param {PointerEvent} now */
    const move = (now) => onResize(each.key, each.width + now.clientX - begin, false);
    /** @param {PointerEvent} now */
    const end = (now) => {
      handle.removeEventListener("pointermove", move);
      onResize(each.key, each.width + now.clientX - begin, true);
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", end, { once: true });
    handle.addEventListener("pointercancel", end, { once: true });
  };
  return html`<div data-cell role="columnheader" aria-colindex=${index + firstColumn} aria-sort=${order} tabindex=${tab} aria-label=${typeof column.label === "string" ? column.label : undefined}
    class=${`vtable-cell ${column.align ?? "left"} ${column.sortable ? "sortable" : ""}`} title=${column.title}
    style=${{ width: `${each.width}px`, ...(each.pinned ? {} : { position: "absolute", top: "0", left: `${each.left}px` }) }}
    onClick=${click} onFocus=${onFocus}>
    <span class="vtable-label">${column.label}</span>
    ${order && html`<span class="vtable-order" aria-hidden="true">${descending ? "↓" : "↑"}${sort.length > 1 ? rank + 1 : ""}</span>`}
    ${column.menu && html`<span class="vtable-menu" onClick=${stop}>${column.menu}</span>`}
    <span class="vtable-resize" aria-hidden="true" onPointerDown=${drag} onClick=${stop}></span>
  </div>`;
}

/** @param {Event} event */
function stop(event) {
  event.stopPropagation();
}

/** @param {Record<string, number>} a @param {Record<string, number>} b */
function same(a, b) {
  return Object.keys(a).every((key) => a[key] === b[key]);
}
