/**
 * Places for the nodes of a lineage: in columns, so that data flows from left to right, and in each so
 * that few edges cross. Pure. Neighbour: lineage.js.
 */

export const COLUMN = 250;
export const ROW = 58;
export const WIDTH = 196;
export const HEIGHT = 42;
const ROUNDS = 6;

/**
 * @param {string[]} ids @param {[string, string][]} edges
 * @returns {{places: Map<string, {x: number, y: number}>, width: number, height: number}}
 */
export function layOut(ids, edges) {
  const known = new Set(ids);
  const forward = withoutCycles(
    ids,
    edges.filter(([a, b]) => known.has(a) && known.has(b) && a !== b),
  );
  const column = columnsOf(ids, forward);
  /** @type {string[][]} */
  const columns = [];
  for (const id of ids) {
    const at = column.get(id) ?? 0;
    while (columns.length <= at) columns.push([]);
    columns[at].push(id);
  }
  uncross(columns, forward);
  const tallest = Math.max(...columns.map((each) => each.length), 1);
  /** @type {Map<string, {x: number, y: number}>} */
  const places = new Map();
  columns.forEach((members, at) => {
    const top = ((tallest - members.length) * ROW) / 2;
    members.forEach((id, i) => {
      places.set(id, { x: at * COLUMN, y: top + i * ROW });
    });
  });
  return {
    places,
    width: (columns.length - 1) * COLUMN + WIDTH,
    height: (tallest - 1) * ROW + HEIGHT,
  };
}

/** A run may use what it made: edges that lead back are left out of the order, not of the picture.
 * @param {string[]} ids @param {[string, string][]} edges */
function withoutCycles(ids, edges) {
  /** @type {Map<string, string[]>} */
  const after = new Map(ids.map((id) => [id, []]));
  for (const [a, b] of edges) after.get(a)?.push(b);
  /** @type {Map<string, "open" | "done">} */
  const seen = new Map();
  /** @type {[string, string][]} */
  const kept = [];
  for (const root of ids) {
    if (seen.has(root)) continue;
    /** @type {{id: string, next: number}[]} */
    const way = [{ id: root, next: 0 }];
    seen.set(root, "open");
    while (way.length) {
      const here = way[way.length - 1];
      const to = after.get(here.id)?.[here.next++];
      if (to === undefined) {
        seen.set(here.id, "done");
        way.pop();
        continue;
      }
      if (seen.get(to) === "open") continue;
      kept.push([here.id, to]);
      if (!seen.has(to)) {
        seen.set(to, "open");
        way.push({ id: to, next: 0 });
      }
    }
  }
  return kept;
}

/** Each node right of all that lead to it; what nothing leads to, just left of what it leads to.
 * @param {string[]} ids @param {[string, string][]} edges */
function columnsOf(ids, edges) {
  const waiting = new Map(ids.map((id) => [id, 0]));
  /** @type {Map<string, string[]>} */
  const after = new Map(ids.map((id) => [id, []]));
  for (const [a, b] of edges) {
    waiting.set(b, (waiting.get(b) ?? 0) + 1);
    after.get(a)?.push(b);
  }
  const column = new Map(ids.map((id) => [id, 0]));
  const ready = ids.filter((id) => waiting.get(id) === 0);
  const sources = [...ready];
  for (let id = ready.shift(); id !== undefined; id = ready.shift())
    for (const to of after.get(id) ?? []) {
      column.set(to, Math.max(column.get(to) ?? 0, (column.get(id) ?? 0) + 1));
      waiting.set(to, (waiting.get(to) ?? 0) - 1);
      if (waiting.get(to) === 0) ready.push(to);
    }
  for (const id of sources) {
    const nearest = Math.min(...(after.get(id) ?? []).map((to) => column.get(to) ?? 0));
    if (Number.isFinite(nearest)) column.set(id, Math.max(nearest - 1, 0));
  }
  return column;
}

/** Orders each column by the middle of its neighbours, forth and back. @param {string[][]} columns @param {[string, string][]} edges */
function uncross(columns, edges) {
  /** @type {Map<string, string[]>} */
  const before = new Map();
  /** @type {Map<string, string[]>} */
  const after = new Map();
  for (const [a, b] of edges) {
    after.set(a, [...(after.get(a) ?? []), b]);
    before.set(b, [...(before.get(b) ?? []), a]);
  }
  const place = new Map(columns.flatMap((members) => members.map((id, i) => [id, i])));
  for (let round = 0; round < ROUNDS; round++) {
    const beside = round % 2 ? after : before;
    const order = round % 2 ? [...columns].reverse() : columns;
    for (const members of order) {
      const middle = new Map(
        members.map((id) => {
          const near = beside.get(id) ?? [];
          const sum = near.reduce((total, each) => total + (place.get(each) ?? 0), 0);
          return [id, near.length ? sum / near.length : (place.get(id) ?? 0)];
        }),
      );
      members.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0));
      members.forEach((id, i) => {
        place.set(id, i);
      });
    }
  }
}
