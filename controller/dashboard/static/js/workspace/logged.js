/** What the shown runs have logged, kept up to date. Neighbours: sections.js; POST /api/logged. */
import { post } from "../api.js";
import { useChanges, useFetch } from "../hooks.js";
import { useRef } from "../html.js";

const PAUSE_MS = 2000; // new names are rare, and cost all panels a look
const MOST = 1000;
const NOTHING = { keys: [], total: 0, metrics: {}, charts: {} };

/**
 * @param {import("./curves_of.js").Run[]} runs @param {"history" | "system"} kind
 * @returns {{data: import("./layout.js").Logged | undefined, error: Error | undefined,
 *   reload: () => void}} the same `data` as long as it says the same
 */
export function useLogged(runs, kind) {
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
    if (text !== last.current.text) last.current = { text, data };
  }
  // While other runs are looked at, the panels of those before stay.
  return { data: last.current.data, error, reload };
}
