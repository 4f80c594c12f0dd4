/** Where points lie, which one is meant, and how they look. Pure, but for the context drawn with. */

/**
 * @typedef {import("./axes.js").Box} Box
 * @typedef {{x: Float32Array, y: Float32Array}} Places in pixels; NaN: nowhere
 */

/**
 * @param {{ids: ArrayLike<any>, x: ArrayLike<any>, y: ArrayLike<any>}} points
 * @param {import("./scales.js").Scale} x @param {import("./scales.js").Scale} y @param {Box} box
 * @param {boolean} [rail] points without y lie at the bottom
 * @returns {Places}
 */
export function placed(points, x, y, box, rail = false) {
  const count = points.ids.length;
  const at = { x: new Float32Array(count), y: new Float32Array(count) };
  const [wide, tall] = [x, y].map((each) =>
    each.kind === "category" ? spreadOf(count) / (each.high + 1) : 0,
  );
  for (let i = 0; i < count; i++) {
    // Points of one category lie side by side, or nobody could see how many there are.
    const px = x.place(points.x[i]) + wide * (((i * 0.618034) % 1) - 0.5);
    const py = y.place(points.y[i]) + tall * (((i * 0.754878) % 1) - 0.5);
    const across = px >= -0.001 && px <= 1.001;
    const along = py >= -0.001 && py <= 1.001;
    const railed = rail && Number.isNaN(py);
    at.x[i] = across && (along || railed) ? box.left + px * box.width : Number.NaN;
    at.y[i] = railed ? box.top + box.height - 5 : box.top + (1 - py) * box.height;
  }
  return at;
}

/** The part of a category's band over which so many are spread: a few need no room.
 * @param {number} count */
export function spreadOf(count) {
  return Math.min(0.5, 0.06 + count / 300);
}

/** The index of the nearest point within `reach` pixels; -1: there is none.
 * @param {Places} at @param {number} x @param {number} y @param {number} reach */
export function nearest(at, x, y, reach) {
  let found = -1;
  let least = reach * reach;
  for (let i = 0; i < at.x.length; i++) {
    const distance = (at.x[i] - x) ** 2 + (at.y[i] - y) ** 2;
    if (distance <= least) [found, least] = [i, distance];
  }
  return found;
}

/**
 * One mark. Shapes tell states apart without colour: a filled dot, a hollow ring, a cross, a square
 * (hollow), a triangle.
 * @param {any} context @param {string} shape @param {number} x @param {number} y
 * @param {number} size its radius @param {string} color
 */
export function mark(context, shape, x, y, size, color) {
  context.fillStyle = color;
  context.strokeStyle = color;
  context.lineWidth = 1.6;
  context.beginPath();
  if (shape === "cross") {
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y + size);
    context.moveTo(x + size, y - size);
    context.lineTo(x - size, y + size);
    context.stroke();
  } else if (shape === "square") {
    context.rect(x - size * 0.85, y - size * 0.85, size * 1.7, size * 1.7);
    context.stroke();
  } else if (shape === "triangle") {
    context.moveTo(x, y - size * 1.2);
    context.lineTo(x + size * 1.1, y + size * 0.8);
    context.lineTo(x - size * 1.1, y + size * 0.8);
    context.closePath();
    context.fill();
  } else {
    context.arc(x, y, shape === "ring" ? size * 0.9 : size, 0, 2 * Math.PI);
    if (shape === "ring") context.stroke();
    else context.fill();
  }
}
