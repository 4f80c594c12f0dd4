/** What the shown runs have logged, kept up to date. Neighbours: sections.js; POST /api/logged. */
import { post } from "../api.js";
import { useChanges, useFetch, useLive } from "../hooks.js";
import { useMemo, useRef } from "../html.js";

const PAUSE_MS = 2000; // new names are rare, and cost all panels a look
const MOST = 1000;
const NOTHING = { keys: [], total: 0, metrics: {}, charts: {} };

/**
 * @param {import("./curves_of.js").Run[]} runs @param {"history" | "system"} kind
 * @param {boolean} waiting which runs these are is not known yet: panels of none would come and go
 * @returns {{data: import("./layout.js").Logged | undefined, error: Error | undefined,
 *   reload: () => void}} the same `data` as long as it says the same
 */
export function useLogged(runs, kind, waiting) {
  const ids = runs.map(({ id }) => id).slice(0, MOST);
  const who = ids.join("\n");
  const { data, error, reload } = useFetch(
    async (signal) => (ids.length ? post("/api/logged", { runs: ids, kind }, { signal }) : NOTHING),
    [who, kind],
  );
  const live = runs.filter((run) => run.live).map(({ id }) => `run/${id}`);
  useChanges(live, reload, PAUSE_MS);
  const last = useRef(/** @type {{text: string, data: any}} */ ({ text: "", data: undefined }));
  if (data && (ids.length || !last.current.data) && data !== last.current.data) {
    const text = JSON.stringify(data);
    if (text !== last.current.text || last.current.data === NOTHING) last.current = { text, data };
  }
  // While other runs are looked at, the panels of those before stay; but that no run has nothing
  // says nothing of those that came since.
  const known = !waiting && (last.current.data !== NOTHING || !ids.length);
  return { data: known ? last.current.data : undefined, error, reload };
}

/**
 * Those of the runs that logged a key.
 * @param {import("./curves_of.js").Run[]} runs @param {string} key @param {"history" | "system"} kind
 * @returns {{runs: import("./curves_of.js").Run[], ready: boolean, error: Error | undefined,
 *   reload: () => void}} `ready`: whether that is known of just these
 */
export function useRunsWith(runs, key, kind) {
  const ids = runs.map(({ id }) => id).slice(0, MOST);
  const { data, error, reload } = useLive(
    runs.filter((run) => run.live).map(({ id }) => `run/${id}`),
    async (signal) => {
      if (!ids.length) return [];
      const found = await post("/api/logged", { runs: ids, kind, key }, { signal });
      return /** @type {string[]} */ (found.runs);
    },
    [ids.join("\n"), key, kind],
    PAUSE_MS,
  );
  const last = useRef(/** @type {string[]} */ ([]));
  if (data) last.current = data;
  const having = last.current.join("\n");
  const those = useMemo(() => {
    const known = new Set(having.split("\n"));
    return runs.filter(({ id }) => known.has(id));
  }, [runs, having]);
  return { runs: those, ready: data !== undefined, error, reload };
}
