/**
 * A surface through scattered points, and its contour lines. Pure.
 *
 * Each cell is the mean of the points around it, by a bell whose width follows from how many there
 * are; a cell with no point near is left open, for nothing is known there. Neighbour: heat_map.js.
 */

/** @typedef {import("./heat_map.js").Grid} Grid */

export const LEAST_POINTS = 8;
/** Beyond so many widths of the bell nothing is known. */
const REACH = 2.6;
const MOST_POINTS = 1500;

/**
 * @param {ArrayLike<number>} x places, 0..1; NaN: nowhere @param {ArrayLike<number>} y likewise
 * @param {ArrayLike<number>} z @param {number} columns @param {number} rows
 * @param {{columns?: boolean, rows?: boolean}} [apart] nothing is carried over from one to the next:
 *   they are categories
 * @returns {Grid | null} null: too few points have all three
 */
export function surface(x, y, z, columns, rows, apart = {}) {
  let known = [];
  for (let i = 0; i < x.length; i++)
    if (Number.isFinite(x[i]) && Number.isFinite(y[i]) && Number.isFinite(z[i])) known.push(i);
  if (known.length < LEAST_POINTS) return null;
  const every = Math.max(known.length / MOST_POINTS, 1);
  if (every > 1)
    known = known.filter((_, at) => Math.floor(at / every) !== Math.floor((at - 1) / every));
  const width = Math.min(Math.max(0.55 / Math.sqrt(known.length), 0.035), 0.16);
  const bell = -1 / (2 * width * width);
  const reach = (REACH * width) ** 2;
  // Row by row, with only the points that can be felt there: most are too far from most cells.
  const [px, py, pz] = [x, y, z].map((column) => Float64Array.from(known, (i) => column[i]));
  const values = new Float64Array(columns * rows).fill(Number.NaN);
  for (let row = 0; row < rows; row++) {
    const cy = (row + 0.5) / rows;
    const near = [];
    for (let i = 0; i < py.length; i++) {
      const felt = apart.rows ? Math.floor(py[i] * rows) === row : (py[i] - cy) ** 2 < reach;
      if (felt) near.push(i);
    }
    for (let column = 0; column < columns; column++) {
      const cx = (column + 0.5) / columns;
      let [sum, weights] = [0, 0];
      for (const i of near) {
        if (apart.columns && Math.floor(px[i] * columns) !== column) continue;
        const far = (px[i] - cx) ** 2 + (py[i] - cy) ** 2;
        if (far > reach) continue;
        const weight = Math.exp(far * bell);
        sum += weight * pz[i];
        weights += weight;
      }
      if (weights) values[row * columns + column] = sum / weights;
    }
  }
  return { columns, rows, values };
}

/**
 * Where the surface crosses a level: short lines, as places of both ends (x0, y0, x1, y1).
 * @param {Grid} grid @param {number} level @returns {number[][]}
 */
export function isolines(grid, level) {
  const { columns, rows, values } = grid;
  const found = [];
  for (let row = 0; row + 1 < rows; row++)
    for (let column = 0; column + 1 < columns; column++) {
      const at = row * columns + column;
      const corners = [values[at], values[at + 1], values[at + columns + 1], values[at + columns]];
      if (corners.some(Number.isNaN)) continue;
      /** @type {number[][]} */
      const crossings = [];
      for (let side = 0; side < 4; side++) {
        const [a, b] = [corners[side], corners[(side + 1) % 4]];
        if (a < level === b < level) continue;
        const part = (level - a) / (b - a);
        const [[ax, ay], [bx, by]] = [CORNERS[side], CORNERS[(side + 1) % 4]];
        crossings.push([
          (column + 0.5 + ax + (bx - ax) * part) / columns,
          (row + 0.5 + ay + (by - ay) * part) / rows,
        ]);
      }
      for (let i = 0; i + 1 < crossings.length; i += 2)
        found.push([...crossings[i], ...crossings[i + 1]]);
    }
  return found;
}

const CORNERS = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
