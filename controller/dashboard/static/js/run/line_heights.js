/**
 * Where each line of a very long text stands, when most are one row high and some, being wrapped, are
 * higher. All in O(log n). Pure. Neighbour: console.js.
 */
export class LineHeights {
  /** @param {number} row the height of a line of one row, in pixels */
  constructor(row) {
    this.row = row;
    this.count = 0;
    /** A Fenwick tree over what lines have beyond one row. */
    this.tree = new Float64Array(1025);
    /** @type {Map<number, number>} */
    this.extra = new Map();
  }

  /** There are so many lines now. @param {number} count */
  resize(count) {
    if (count < this.count)
      for (const line of [...this.extra.keys()]) if (line >= count) this.set(line, this.row);
    this.count = count;
    if (count < this.tree.length) return;
    let size = this.tree.length - 1;
    while (size <= count) size *= 2;
    this.tree = new Float64Array(size + 1);
    for (const [line, extra] of this.extra) this.#add(line, extra);
  }

  /** A line was measured; by how much that changes its height. @param {number} line @param {number} height */
  set(line, height) {
    const extra = Math.abs(height - this.row) < 0.5 ? 0 : height - this.row;
    const change = extra - (this.extra.get(line) ?? 0);
    if (change === 0) return 0;
    if (extra) this.extra.set(line, extra);
    else this.extra.delete(line);
    this.#add(line, change);
    return change;
  }

  /** Forgets what was measured: another width, another font. @param {number} row */
  clear(row) {
    this.row = row;
    this.extra.clear();
    this.tree.fill(0);
  }

  get height() {
    return this.top(this.count);
  }

  /** The upper edge of a line. @param {number} line */
  top(line) {
    let sum = line * this.row;
    for (let i = Math.min(line, this.tree.length - 1); i > 0; i -= i & -i) sum += this.tree[i];
    return sum;
  }

  /** The line at a height. @param {number} y */
  at(y) {
    let line = 0;
    let left = y;
    for (let step = this.tree.length - 1; step > 0; step >>= 1) {
      const next = line + step;
      if (next >= this.tree.length) continue;
      const height = step * this.row + this.tree[next];
      if (height <= left) {
        line = next;
        left -= height;
      }
    }
    return Math.max(Math.min(line, this.count - 1), 0);
  }

  /** @param {number} line @param {number} change */
  #add(line, change) {
    for (let i = line + 1; i < this.tree.length; i += i & -i) this.tree[i] += change;
  }
}
