/**
 * Which rows and columns of a large table are worth drawing. Pure. Neighbour: table.js.
 */

/**
 * @typedef {{key: string, width: number, left: number, pinned: boolean}} Placed a column with its place
 * @typedef {{from: number, to: number}} Span from the first to before the last
 */

/**
 * Columns side by side; those that are pinned come first, as far as they leave room for others.
 * @template {{key: string, width?: number, pinned?: boolean}} C
 * @param {C[]} columns
 * @param {Record<string, number>} widths of columns that somebody resized
 * @param {number} room the width that can be seen
 * @param {number} [start] what is taken at the left already
 * @returns {{placed: (Placed & {column: C})[], pinned: number, total: number}} `pinned`: width of
 *   what stays in sight
 */
export function place(columns, widths, room, start = 0) {
  const sorted = [...columns.filter((c) => c.pinned), ...columns.filter((c) => !c.pinned)];
  let left = start;
  let pinned = start;
  let open = true;
  const placed = sorted.map((column) => {
    const width = Math.max(widths[column.key] ?? column.width ?? 120, 40);
    const stays = open && Boolean(column.pinned) && left + width <= 0.6 * room;
    if (stays) pinned = left + width;
    else open = false;
    left += width;
    return { column, key: column.key, width, left: left - width, pinned: stays };
  });
  return { placed, pinned, total: left };
}

/**
 * The rows in sight, and some beyond, so that a quick hand finds them drawn.
 * @param {number} top scrolled so far @param {number} height in sight @param {number} rowHeight
 * @param {number} count of all rows @param {number} [beyond] rows more at either end
 * @returns {Span}
 */
export function visibleRows(top, height, rowHeight, count, beyond = 8) {
  const from = Math.min(Math.max(Math.floor(top / rowHeight) - beyond, 0), count);
  const to = Math.min(Math.ceil((top + height) / rowHeight) + beyond, count);
  return { from, to: Math.max(from, to) };
}

/**
 * The columns in sight: those pinned, and those that the window between shows.
 * @template {Placed} P
 * @param {P[]} placed @param {number} left scrolled so far @param {number} width in sight
 * @param {number} [beyond] pixels more at either side
 * @returns {P[]}
 */
export function visibleColumns(placed, left, width, beyond = 200) {
  return placed.filter(
    (each) =>
      each.pinned ||
      (each.left + each.width >= left - beyond && each.left <= left + width + beyond),
  );
}

/**
 * Where a key leads from a cell; row -1 is the head. null: the key is not ours.
 * @param {string} key as KeyboardEvent.key has it
 * @param {boolean} far whether Control or Command is held
 * @param {{row: number, column: number}} at
 * @param {{rows: number, columns: number, page: number}} size
 * @returns {{row: number, column: number} | null}
 */
export function moved(key, far, at, { rows, columns, page }) {
  const row = (/** @type {number} */ to) => ({ ...at, row: Math.min(Math.max(to, -1), rows - 1) });
  const column = (/** @type {number} */ to) => ({
    ...at,
    column: Math.min(Math.max(to, 0), columns - 1),
  });
  switch (key) {
    case "ArrowDown":
      return row(far ? rows - 1 : at.row + 1);
    case "ArrowUp":
      return row(far ? 0 : at.row - 1);
    case "ArrowRight":
      return column(at.column + 1);
    case "ArrowLeft":
      return column(at.column - 1);
    case "PageDown":
      return row(at.row + page);
    case "PageUp":
      return row(Math.max(at.row - page, 0));
    case "Home":
      return far ? { row: 0, column: 0 } : column(0);
    case "End":
      return far ? { row: rows - 1, column: columns - 1 } : column(columns - 1);
    default:
      return null;
  }
}
