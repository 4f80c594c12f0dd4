/**
 * Series for charts, as they are drawn: `useSeries({runs, keys, x, range, points, kind, live})`.
 *
 * A range asks for detail; until it comes the coarse series is shown, and beside it always. What
 * runs log later is fetched from the cursor on. Neighbours: series_cache.js (asks, keeps),
 * live.js (says what has changed), sweeps/protocol/series.py (the bytes).
 */
import { series as fetchSeries } from "../api.js";
import { useCallback, useEffect, useMemo, useRef, useState } from "../html.js";
import { subscribe } from "../live.js";
import { isRising, lowerBound } from "./curves.js";
import { nameOf, SeriesCache } from "./series_cache.js";

/**
 * @typedef {import("./series_cache.js").Kept} Kept
 * @typedef {import("./series_cache.js").Look} Look
 * @typedef {object} Wanted
 * @property {string[]} runs
 * @property {string[]} keys
 * @property {string} [x] "_step", "_timestamp", "_runtime", "_process" or a metric
 * @property {[number, number] | null} [range] of x
 * @property {number} [points] of a series, at most about so many
 * @property {"history" | "system"} [kind]
 * @property {boolean | string[]} [live] follows all runs, or these
 * @typedef {{series: Kept[], loading: boolean, error: Error | undefined,
 *   reload: () => void}} Found
 *   run by run, and of each key by key; what is not there yet is not in it
 */

const PAUSE_MS = 400; // between two looks at runs that go on
const AGAIN_MS = 5000; // after a failure
const ROOM = 0.05; // of a range, to be fetched at each side of it

export const cache = new SeriesCache(fetchSeries);

/** @type {WeakMap<Kept, {fine: Kept, range: [number, number], spliced: Kept}>} */
const splices = new WeakMap();

/** @param {Wanted} wanted @returns {Found} */
export function useSeries(wanted) {
  const { runs, keys, x = "_step", range = null, kind = "history", live = false } = wanted;
  const points = rounded(wanted.points ?? 1000);
  const [turn, setTurn] = useState(0);
  const [tries, setTries] = useState(0);
  const [last, setLast] = useState(
    /** @type {{of?: object, error?: Error}} */ ({}), // it stays until an answer comes
  );
  const who = runs.join("\n");
  const what = keys.join("\n");
  const coarse = useLook(kind, x, null, null, points);
  const [low, high] = range ?? [null, null];
  const room = range ? ROOM * (range[1] - range[0]) : 0;
  const fine = useLook(kind, x, low && low - room, high && high + room, points);
  const looks = range ? [coarse, fine] : [coarse];

  const question = useMemo(() => ({}), [who, what, coarse, range && fine]);
  const failed = last.of === question ? last.error : undefined;

  useEffect(() => {
    let timer = 0;
    const told = (/** @type {Error | undefined} */ error) => {
      setLast({ of: question, error });
      if (!error) setTurn((before) => before + 1);
      else timer ||= setTimeout(() => setTries((before) => before + 1), AGAIN_MS);
    };
    const wishes = looks.map((look) => cache.want({ look, runs, keys, told, again: false }));
    return () => {
      for (const drop of wishes) drop();
      clearTimeout(timer);
    };
  }, [question, tries]);

  const followed =
    live === true ? who : live ? live.filter((id) => runs.includes(id)).join("\n") : "";
  const newest = useRef(looks);
  newest.current = looks;
  useEffect(() => {
    if (!followed) return;
    /** @type {Set<string>} */
    const changed = new Set();
    /** @type {(() => void)[]} */
    let wishes = [];
    let timer = 0;
    const told = () => setTurn((before) => before + 1);
    const look = () => {
      timer = 0;
      const those = [...changed];
      changed.clear();
      for (const drop of wishes) drop();
      wishes = newest.current.map((each) =>
        cache.want({ look: each, runs: those, keys, told, again: true }),
      );
    };
    const ends = followed.split("\n").map((id) =>
      subscribe([`run/${id}`], () => {
        changed.add(id);
        timer ||= setTimeout(look, PAUSE_MS);
      }),
    );
    return () => {
      for (const end of [...ends, ...wishes]) end();
      clearTimeout(timer);
    };
  }, [followed, what]);

  const reload = useCallback(() => setTries((before) => before + 1), []);
  return useMemo(() => {
    /** @type {Kept[]} */
    const series = [];
    let loading = false;
    const [coarseName, fineName] = [nameOf(coarse), nameOf(fine)];
    for (const run of runs) {
      for (const key of keys) {
        const whole = cache.get(coarseName, run, key);
        const detail = range && cache.get(fineName, run, key);
        if (whole && detail) series.push(spliced(whole, detail, range));
        else if (whole) series.push(whole);
        if (!whole || (range && !detail)) loading = true;
      }
    }
    return { series, loading: loading && !failed, error: failed, reload };
  }, [question, turn, failed]);
}

/** The same object for the same look. @param {Look["kind"]} kind @param {string} x
 * @param {number | null} from @param {number | null} to @param {number} points @returns {Look} */
function useLook(kind, x, from, to, points) {
  return useMemo(() => ({ kind, x, from, to, points }), [kind, x, from, to, points]);
}

/** A few sizes only, so that a chart that grows a little need not ask again. @param {number} points */
function rounded(points) {
  return Math.min(Math.max(2 ** Math.ceil(Math.log2(points)), 256), 8192);
}

/** The detail within the range, the coarse series beside it. @param {Kept} whole @param {Kept} fine
 * @param {[number, number]} range @returns {Kept} */
function spliced(whole, fine, range) {
  const known = splices.get(whole);
  if (known?.fine === fine && known.range[0] === range[0] && known.range[1] === range[1])
    return known.spliced;
  let found = fine;
  if (fine.x.length && isRising(whole.x) && isRising(fine.x)) {
    const before = lowerBound(whole.x, fine.x[0]);
    let after = lowerBound(whole.x, fine.x[fine.x.length - 1]);
    while (after < whole.x.length && whole.x[after] <= fine.x[fine.x.length - 1]) after++;
    /** @param {"x" | "y"} name */
    const put = (name) => {
      const joined = new Float64Array(before + fine.x.length + whole.x.length - after);
      joined.set(whole[name].subarray(0, before));
      joined.set(fine[name], before);
      joined.set(whole[name].subarray(after), before + fine.x.length);
      return joined;
    };
    found = { ...fine, x: put("x"), y: put("y") };
  } else if (!fine.x.length) found = whole;
  splices.set(whole, { fine, range, spliced: found });
  return found;
}
