/** Whether a project's metrics are to be small or large. Neighbour: compare/differences.js. */
import { get } from "../api.js";
import { goals } from "../compare/differences.js";
import { useFetch } from "../hooks.js";
import { useMemo } from "../html.js";
import { path } from "../router.js";
import { NEWEST } from "./query.js";

/**
 * Which goals metrics have, as the newest run and its sweep say.
 * @param {string} project @param {boolean} wanted
 */
export function useGoals(project, wanted) {
  const { data } = useFetch(
    async (signal) => {
      if (!wanted) return { runs: [], sweeps: [] };
      const params = { project: project || "uncategorized", order: NEWEST, limit: 1 };
      const { runs } = await get("/api/runs", params, { signal });
      const sweep = runs[0]?.sweep_id;
      const told = sweep ? await get(path("api", "sweeps", sweep), {}, { signal }) : null;
      return { runs, sweeps: told?.metric ? [told.metric] : [] };
    },
    [project, wanted],
  );
  return useMemo(() => goals(data?.runs ?? [], data?.sweeps ?? []), [data]);
}
