/**
 * The lines in which two texts differ, by Myers' algorithm (1986): the fewest lines taken out and
 * put in. Texts that have next to nothing in common are told as such, and not searched to the end.
 * Pure. Neighbour: diff.js (draws it).
 */

/**
 * @typedef {{kind: "same" | "out" | "in", text: string, before: number, after: number}} Line
 *   `before`, `after`: its number in either text, from 1; 0: it is not there
 * @typedef {{lines: Line[], out: number, in: number, coarse: boolean}} LineDiff `coarse`: the texts
 *   differ too much, and one block replaces another
 */

/** Lines that may differ; the search takes time and memory with its square. */
const MOST_EDITS = 3000;

/** A text's lines; a newline at its end begins no line. @param {string} text @returns {string[]} */
export function linesOf(text) {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/**
 * @param {string} before @param {string} after @param {number} [mostEdits]
 * @returns {LineDiff}
 */
export function diffLines(before, after, mostEdits = MOST_EDITS) {
  const a = linesOf(before);
  const b = linesOf(after);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  )
    tail++;
  const middle = { a: a.slice(head, a.length - tail), b: b.slice(head, b.length - tail) };
  const steps = shortest(...numbered(middle.a, middle.b), mostEdits);
  const coarse = steps === null;
  const script = steps ?? [
    ...middle.a.map(() => /** @type {const} */ ("out")),
    ...middle.b.map(() => /** @type {const} */ ("in")),
  ];

  /** @type {Line[]} */
  const lines = [];
  let i = 0;
  let j = 0;
  /** @param {"same" | "out" | "in"} kind */
  const step = (kind) => {
    if (kind === "in") lines.push({ kind, text: b[j++], before: 0, after: j });
    else if (kind === "out") lines.push({ kind, text: a[i++], before: i, after: 0 });
    else {
      lines.push({ kind, text: a[i], before: i + 1, after: j + 1 });
      i++;
      j++;
    }
  };
  for (let k = 0; k < head; k++) step("same");
  for (const kind of script) step(kind);
  for (let k = 0; k < tail; k++) step("same");
  const count = (/** @type {string} */ kind) => lines.filter((line) => line.kind === kind).length;
  return { lines, out: count("out"), in: count("in"), coarse };
}

/** The same lines have the same number: numbers compare faster. @param {string[]} a
 * @param {string[]} b @returns {[Int32Array, Int32Array]} */
function numbered(a, b) {
  /** @type {Map<string, number>} */
  const known = new Map();
  const number = (/** @type {string} */ line) => {
    let found = known.get(line);
    if (found === undefined) {
      found = known.size;
      known.set(line, found);
    }
    return found;
  };
  return [Int32Array.from(a, number), Int32Array.from(b, number)];
}

/**
 * The shortest way from `a` to `b`; null: it has more than `most` steps out or in.
 *
 * On diagonal k (x - y), `reach[k]` is how far the ways with d edits have come in `a`. Each round
 * adds one edit; what was reached before each round leads back to the start.
 * @param {Int32Array} a @param {Int32Array} b @param {number} most
 * @returns {("same" | "out" | "in")[] | null}
 */
function shortest(a, b, most) {
  const longest = Math.min(a.length + b.length, most);
  const zero = longest + 1;
  const reach = new Int32Array(2 * longest + 3);
  /** @type {Int32Array[]} */
  const rounds = [];
  for (let d = 0; d <= longest; d++) {
    rounds.push(reach.slice(zero - d - 1, zero + d + 2));
    for (let k = -d; k <= d; k += 2) {
      let x = down(reach, zero, k, d) ? reach[zero + k + 1] : reach[zero + k - 1] + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach[zero + k] = x;
      if (x >= a.length && x - k >= b.length) return back(rounds, a.length, b.length);
    }
  }
  return null;
}

/** Whether the way to diagonal k comes from the one above it (a line put in). @param {Int32Array} reach
 * @param {number} zero where diagonal 0 is @param {number} k @param {number} d */
function down(reach, zero, k, d) {
  return k === -d || (k !== d && reach[zero + k - 1] < reach[zero + k + 1]);
}

/** @param {Int32Array[]} rounds @param {number} x @param {number} y
 * @returns {("same" | "out" | "in")[]} */
function back(rounds, x, y) {
  /** @type {("same" | "out" | "in")[]} */
  const steps = [];
  for (let d = rounds.length - 1; d >= 0; d--) {
    const reach = rounds[d];
    const zero = d + 1;
    const k = x - y;
    const put = down(reach, zero, k, d);
    const from = put ? k + 1 : k - 1;
    const start = d ? reach[zero + from] : 0;
    const edge = d ? (put ? start : start + 1) : 0;
    while (x > edge) {
      steps.push("same");
      x--;
      y--;
    }
    if (d) {
      steps.push(put ? "in" : "out");
      x = start;
      y = start - from;
    }
  }
  return steps.reverse();
}

/**
 * A diff in parts: what changed with a few lines around it, and the long same parts between.
 * @param {Line[]} lines @param {number} [around]
 * @returns {{kind: "changed" | "same", lines: Line[]}[]}
 */
export function parts(lines, around = 3) {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, i) => {
    if (line.kind !== "same") near.fill(1, Math.max(i - around, 0), i + around + 1);
  });
  /** @type {{kind: "changed" | "same", lines: Line[]}[]} */
  const found = [];
  lines.forEach((line, i) => {
    const kind = near[i] ? "changed" : "same";
    if (found.at(-1)?.kind !== kind) found.push({ kind, lines: [] });
    found.at(-1)?.lines.push(line);
  });
  return found;
}
