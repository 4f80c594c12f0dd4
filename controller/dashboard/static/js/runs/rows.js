/**
 * The rows of the runs table: runs, or groups that open into their runs; those pinned on top.
 * Neighbours: source.js (fetches), query.js (what is asked), pages/runs.js.
 */
import { get } from "../api.js";
import { useEffect, useMemo, useRef, useState } from "../html.js";
import { apiParams, groupFilter } from "./query.js";
import { Source } from "./source.js";

/**
 * @typedef {{kind: "run", id: string, values: Record<string, unknown>, pinned: boolean, depth: number}} RunRow
 * @typedef {Record<"mean" | "min" | "max" | "std" | "count" | "kinds" | "value", unknown>} Figures
 * @typedef {{kind: "group", id: string, values: unknown[], runs: number, open: boolean,
 *   figures: Record<string, Figures>}} GroupRow
 * @typedef {RunRow | GroupRow} Row
 * @typedef {import("./query.js").RunsQuery} RunsQuery
 */

/** What a row needs beyond the columns that are shown. */
const ALWAYS = ["display_name", "state", "sweep", "tags"];

/**
 * @param {string} project its whole name
 * @param {RunsQuery} query
 * @param {string[]} columns
 * @param {string} figure by which groups are sorted: mean, min, max or std
 */
export function useRows(project, query, columns, figure) {
  const [, draw] = useState(0);
  const [open, setOpen] = useState(/** @type {Set<string>} */ (new Set()));
  const names = useRef(columns);
  names.current = [...new Set([...ALWAYS, ...columns])];
  const { pinned, group } = query;
  const asked = JSON.stringify([project, apiParams(query, project), group, pinned, figure]);
  const held = useRef(/** @type {Held | null} */ (null));
  const next = useMemo(
    () => hold(project, query, names, figure, () => draw((n) => n + 1)),
    [asked],
  );
  // The rows of before are shown until those of a new question are there.
  const before = held.current;
  if (before !== next && (next.main.loaded || next.main.error || !before)) {
    before?.end();
    held.current = next;
  }
  const shown = /** @type {Held} */ (held.current);
  useEffect(() => {
    next.main.need(0, 50);
    next.top?.need(0, pinned.length);
    return () => {
      if (held.current !== next) next.end();
    };
  }, [next]);
  useEffect(() => () => held.current?.end(), []);
  const wanted = JSON.stringify(names.current);
  const first = useRef(wanted);
  useEffect(() => {
    if (first.current === wanted) return;
    first.current = wanted;
    for (const source of next.all()) source.stale();
  }, [wanted, next]);

  const list = lay(shown, group.length ? open : null);
  return {
    ...list,
    key: asked,
    total: shown.main.total,
    runs: shown.main.runs + (shown.top?.total ?? 0),
    loaded: shown.main.loaded,
    busy: shown !== next,
    error: next.main.error,
    stale: () => {
      for (const source of next.all()) source.stale();
    },
    /** @param {string} id of a group */
    toggle: (id) => {
      const now = new Set(open);
      if (now.delete(id)) {
        shown.within.get(id)?.end();
        shown.within.delete(id);
      } else now.add(id);
      setOpen(now);
    },
  };
}

/**
 * @typedef {object} Held the sources of one question
 * @property {Source<any>} main runs or groups
 * @property {Source<RunRow> | null} top those pinned
 * @property {Map<string, Source<RunRow>>} within the runs of groups that were opened
 * @property {(group: GroupRow) => Source<RunRow>} inside
 * @property {() => Source<any>[]} all
 * @property {() => void} end
 */

/**
 * @param {string} project @param {RunsQuery} query @param {{current: string[]}} names
 * @param {string} figure @param {() => void} changed
 * @returns {Held}
 */
function hold(project, query, names, figure, changed) {
  const { pinned, group } = query;
  /** @param {object[]} more @param {boolean} onTop @param {number} depth */
  const runs = (more, onTop, depth) => {
    const params = onTop
      ? { ...apiParams({ q: "", regex: false, filters: "", order: query.order }, project, more) }
      : apiParams(query, project, more);
    return new Source(async (from, limit, signal) => {
      const columns = JSON.stringify(names.current);
      const page = await get("/api/runs", { ...params, columns, after: from, limit }, { signal });
      return { total: page.total, rows: runRows(page, onTop, depth) };
    }, changed);
  };
  const rest = pinned.length ? [{ id: { $nin: pinned } }] : [];
  const top = pinned.length ? runs([{ id: { $in: pinned } }], true, 0) : null;
  /** @type {Map<string, Source<RunRow>>} */
  const within = new Map();
  const main = group.length
    ? groups(project, query, rest, names, figure, changed)
    : runs(rest, false, 0);
  const all = () => [...(top ? [top] : []), main, ...within.values()];
  return {
    main,
    top,
    within,
    all,
    inside: (each) => {
      let found = within.get(each.id);
      if (!found) {
        found = runs([...rest, groupFilter(group, each.values)], false, 1);
        within.set(each.id, found);
        found.need(0, 50);
      }
      return found;
    },
    end: () => {
      for (const source of all()) source.end();
    },
  };
}

/** @param {any} page @param {boolean} pinned @param {number} depth @returns {RunRow[]} */
function runRows(page, pinned, depth) {
  const columns = Object.entries(page.columns);
  return page.ids.map((/** @type {string} */ id, /** @type {number} */ i) => ({
    kind: "run",
    id,
    pinned,
    depth,
    values: { id, ...Object.fromEntries(columns.map(([name, each]) => [name, each[i]])) },
  }));
}

/**
 * @param {string} project @param {RunsQuery} query @param {object[]} rest
 * @param {{current: string[]}} names @param {string} figure @param {() => void} changed
 * @returns {Source<GroupRow>}
 */
function groups(project, query, rest, names, figure, changed) {
  const by = JSON.stringify(query.group);
  return new Source(async (after, limit, signal) => {
    const params = { ...apiParams(query, project, rest), by, figure, after, limit };
    if (!query.order) params.order = "-runs";
    const columns = JSON.stringify(names.current.filter((name) => !query.group.includes(name)));
    const page = await get("/api/run-table/groups", { ...params, columns }, { signal });
    const figures = Object.entries(page.columns);
    return {
      total: page.total,
      runs: page.runs,
      rows: page.groups.map((/** @type {any} */ each, /** @type {number} */ i) => ({
        kind: "group",
        id: `group:${JSON.stringify(each.values)}`,
        values: each.values,
        runs: each.runs,
        open: false,
        figures: Object.fromEntries(figures.map(([name, of]) => [name, at(of, i)])),
      })),
    };
  }, changed);
}

/** @param {any} figures lists, one entry a group @param {number} i */
function at(figures, i) {
  return Object.fromEntries(Object.entries(figures).map(([name, list]) => [name, list[i]]));
}

/**
 * All rows one below the other: those pinned, then runs, or groups with the runs of the open ones.
 * @param {Held} held @param {Set<string> | null} open null: there are no groups
 * @returns {{count: number, getRow: (index: number) => Row | undefined,
 *   onNeed: (from: number, to: number) => void}}
 */
function lay(held, open) {
  /** @type {{source: Source<any>, start: number, from: number, to: number}[]} */
  const parts = [];
  let count = 0;
  /** @param {Source<any>} source @param {number} from @param {number} to */
  const add = (source, from, to) => {
    if (to <= from) return;
    parts.push({ source, start: count, from, to });
    count += to - from;
  };
  if (held.top) add(held.top, 0, held.top.total);
  const { main } = held;
  let done = 0;
  if (open?.size)
    for (const [index, { row }] of [...main.rows].sort((a, b) => a[0] - b[0])) {
      if (!open.has(row.id)) continue;
      add(main, done, index + 1);
      done = index + 1;
      const inside = held.inside(row);
      add(inside, 0, inside.loaded ? inside.total : row.runs);
    }
  add(main, done, main.total);
  return {
    count,
    getRow: (index) => {
      const part = parts.find((each) => index < each.start + each.to - each.from);
      const row = part?.source.get(index - part.start + part.from);
      return row?.kind === "group" && open?.has(row.id) ? { ...row, open: true } : row;
    },
    onNeed: (from, to) => {
      for (const { source, start, from: first, to: last } of parts) {
        const low = Math.max(from - start, 0) + first;
        const high = Math.min(to - start + first, last);
        if (low < high) source.need(low, high);
      }
    },
  };
}
