/** What pages do again and again: fetch, keep what was there while fetching anew, follow changes. */
import { ApiError } from "./api.js";
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { subscribe } from "./live.js";

const AGAIN_MS = 2000;

/**
 * @template T
 * @typedef {{data: T | undefined, error: Error | undefined, loading: boolean, reload: () => void}} Fetched
 * `data` stays that of the last good answer for the same `deps`
 */

/**
 * Fetches, and again while the server cannot be reached.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {readonly unknown[]} deps what the answer depends on, compared one by one
 * @returns {Fetched<T>}
 */
export function useFetch(load, deps) {
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState(
    /** @type {{key: readonly unknown[], data?: T, error?: Error, loading: boolean}} */ ({
      key: deps,
      loading: true,
    }),
  );
  useEffect(() => {
    const control = new AbortController();
    setState((before) => ({
      ...(same(before.key, deps) ? before : { data: undefined, error: undefined }),
      key: deps,
      loading: true,
    }));
    load(control.signal).then(
      (data) => {
        if (!control.signal.aborted) setState({ key: deps, data, loading: false });
      },
      (error) => {
        if (control.signal.aborted) return;
        setState((before) => ({ ...before, key: deps, error, loading: false }));
      },
    );
    return () => control.abort();
  }, [...deps, turn]);
  useEffect(() => {
    if (state.loading || !(state.error instanceof ApiError) || state.error.status !== 0) return;
    const timer = setTimeout(() => setTurn((before) => before + 1), AGAIN_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const current = same(state.key, deps);
  return {
    data: current ? state.data : undefined,
    error: current ? state.error : undefined,
    loading: state.loading || !current,
    reload: useCallback(() => setTurn((before) => before + 1), []),
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
    let last = Number.NEGATIVE_INFINITY;
    let timer = 0;
    const look = () => {
      if (timer) return;
      const wait = Math.max(last + pauseMs - performance.now(), 0);
      timer = setTimeout(() => {
        timer = 0;
        last = performance.now();
        wanted.current();
      }, wait);
    };
    const end = subscribe(topics, look);
    return () => {
      end();
      clearTimeout(timer);
    };
  }, [topics.join("\n"), pauseMs]);
}

/** @param {readonly unknown[]} a @param {readonly unknown[]} b */
function same(a, b) {
  return a.length === b.length && a.every((each, i) => Object.is(each, b[i]));
}
