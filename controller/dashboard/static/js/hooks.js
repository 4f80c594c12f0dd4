/** What pages do again and again: fetch, keep what was there while fetching anew, follow changes. */
import { Fetching, paced } from "./fetching.js";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { subscribe } from "./live.js";

/**
 * @template T
 * @typedef {{data: T | undefined, error: Error | undefined, loading: boolean, reload: () => void}} Fetched
 * `data` stays that of the last good answer for the same `deps`; `error` is that of the last try. A
 * server that is away is asked again without a word.
 */

/**
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {readonly unknown[]} deps what the answer depends on, compared one by one
 * @returns {Fetched<T>}
 */
export function useFetch(load, deps) {
  const [state, setState] = useState(
    /** @type {{key: readonly unknown[]} & import("./fetching.js").State<T>} */ ({
      key: deps,
      loading: true,
    }),
  );
  const newest = useRef(load);
  newest.current = load;
  const asking = useRef(/** @type {Fetching<T> | null} */ (null));
  useLayoutEffect(() => {
    const mine = new Fetching(
      (signal) => newest.current(signal),
      (now) => setState({ key: deps, ...now }),
    );
    asking.current = mine;
    mine.ask();
    return () => mine.end();
  }, [...deps]);
  const current = same(state.key, deps);
  return {
    data: current ? state.data : undefined,
    error: current ? state.error : undefined,
    loading: state.loading || !current,
    reload: useCallback(() => asking.current?.reload(), []),
  };
}

/**
 * As useFetch, and again when a topic changes: at most every `pauseMs`, and the newest in the end.
 * @template T
 * @param {string[]} topics see live.js
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {readonly unknown[]} deps
 * @param {number} [pauseMs]
 * @returns {Fetched<T>}
 */
export function useLive(topics, load, deps, pauseMs = 500) {
  const fetched = useFetch(load, deps);
  useChanges(topics, fetched.reload, pauseMs);
  return fetched;
}

/** @param {string[]} topics @param {() => void} onChange @param {number} [pauseMs] */
export function useChanges(topics, onChange, pauseMs = 500) {
  const wanted = useRef(onChange);
  wanted.current = onChange;
  useEffect(() => {
    const { call, end } = paced(() => wanted.current(), pauseMs);
    const leave = subscribe(topics, call);
    return () => {
      leave();
      end();
    };
  }, [topics.join("\n"), pauseMs]);
}

/** The time in seconds, drawn again every `everyMs`: for what is told as "3 s ago".
 * @param {number} [everyMs] @returns {number} */
export function useNow(everyMs = 1000) {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(Date.now() / 1000), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** @param {readonly unknown[]} a @param {readonly unknown[]} b */
function same(a, b) {
  return a.length === b.length && a.every((each, i) => Object.is(each, b[i]));
}
