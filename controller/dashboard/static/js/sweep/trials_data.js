/**
 * The trials of a sweep for its page, kept up to date: all of them once, then what has changed.
 * Neighbours: trial_columns.js (what they are), live.js (who says that something changed).
 */
import { get } from "../api.js";
import { useChanges } from "../hooks.js";
import { useCallback, useEffect, useRef, useState } from "../html.js";
import { steadied, trialsOf, withNews } from "./trial_columns.js";

/** @typedef {import("./trial_columns.js").Trials} Trials */

const PAUSE_MS = 700;

/**
 * @param {string} sweep its id
 * @param {string[]} [metrics] names of the summary that are wanted, too
 * @returns {{trials: Trials | undefined, error: Error | undefined, reload: () => void}}
 */
export function useTrials(sweep, metrics = []) {
  const [state, setState] = useState(
    /** @type {{trials?: Trials, error?: Error}} */ ({ trials: undefined }),
  );
  const look = useRef(() => {});
  const last = useRef(/** @type {Trials | undefined} */ (undefined));
  const wanted = JSON.stringify(metrics);
  useEffect(() => {
    const control = new AbortController();
    let busy = false;
    let again = false;
    /** @type {{trials: Trials, cursor: number} | null} */
    let held = null;
    const fetchOnce = async () => {
      const query = { since: held?.cursor, metrics: wanted };
      const answer = await get(address(sweep), query, { signal: control.signal });
      const told = trialsOf(sweep, answer);
      if (held && told.count === 0 && answer.total === held.trials.count) {
        held.cursor = answer.cursor;
        return;
      }
      const found = answer.whole || !held ? told : withNews(held.trials, told, answer.total);
      const trials = found && steadied(last.current, found);
      held = trials && { trials, cursor: answer.cursor };
      last.current = trials ?? undefined;
      if (trials) setState({ trials });
      else again = true;
    };
    look.current = async () => {
      if (busy) {
        again = true;
        return;
      }
      busy = true;
      try {
        do {
          again = false;
          await fetchOnce();
        } while (again && !control.signal.aborted);
      } catch (error) {
        if (!control.signal.aborted)
          setState((before) => ({ ...before, error: /** @type {Error} */ (error) }));
      }
      busy = false;
    };
    look.current();
    return () => control.abort();
  }, [sweep, wanted]);
  useChanges([`sweep/${sweep}`], () => look.current(), PAUSE_MS);
  const reload = useCallback(() => look.current(), []);
  return { trials: state.trials, error: state.error, reload };
}

/** @param {string} sweep */
function address(sweep) {
  return `/api/sweeps/${encodeURIComponent(sweep)}/columns`;
}
