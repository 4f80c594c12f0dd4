/** Values of the shown runs by name (config.lr, summary.loss, duration), kept up to date. */
import { get } from "../api.js";
import { useLive } from "../hooks.js";
import { useRef } from "../html.js";

const PAUSE_MS = 2000;

/**
 * @param {import("./curves_of.js").Run[]} runs @param {string[]} names
 * @returns {{data: Record<string, Map<string, any>> | undefined, error: Error | undefined,
 *   reload: () => void}} by name, the value of each run that has one
 */
export function useRunValues(runs, names) {
  const ids = runs.map(({ id }) => id);
  const { data, error, reload } = useLive(
    runs.filter((run) => run.live).map(({ id }) => `run/${id}`),
    async (signal) => {
      if (!ids.length || !names.length) return {};
      const query = {
        filters: JSON.stringify({ id: { $in: ids } }),
        columns: JSON.stringify(names),
        limit: ids.length,
      };
      const found = await get("/api/runs", query, { signal });
      return Object.fromEntries(
        names.map((name) => [
          name,
          new Map(
            found.ids
              .map((/** @type {string} */ id, /** @type {number} */ i) => [
                id,
                found.columns[name][i],
              ])
              .filter((/** @type {any[]} */ [, value]) => value !== null && value !== undefined),
          ),
        ]),
      );
    },
    [ids.join("\n"), names.join("\n")],
    PAUSE_MS,
  );
  const last = useRef(/** @type {Record<string, Map<string, any>> | undefined} */ (undefined));
  if (data) last.current = data;
  const usable = last.current && names.every((name) => last.current?.[name]);
  return { data: usable ? last.current : undefined, error, reload };
}
