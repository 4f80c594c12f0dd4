/** The runs that are compared, their files, and the goals of their metrics. Neighbour: facts.js. */
import { get } from "../api.js";
import { useChanges, useFetch } from "../hooks.js";
import { path } from "../router.js";

/**
 * @typedef {Record<string, any> & {id: string, name: string}} Run as GET /api/runs/{id} gives it
 * @typedef {{path: string, digest: string, size: number}} File
 * @typedef {{run: Run, files: Map<string, File>}} RunFiles
 */

const LIVE_MS = 2000;
const LARGEST = 4 << 20;

/** @param {string[]} ids */
export function useRuns(ids) {
  const { data, error, loading, reload } = useFetch(
    async (signal) => {
      const asked = await Promise.allSettled(
        ids.map((id) => get(`/api/runs/${encodeURIComponent(id)}`, {}, { signal })),
      );
      if (signal.aborted) throw new DOMException("given up", "AbortError");
      const failed = /** @type {Map<string, Error>} */ (new Map());
      asked.forEach((each, i) => {
        if (each.status === "rejected") failed.set(ids[i], each.reason);
      });
      /** @type {Run[]} */
      const runs = asked.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
      const sweeps = [...new Set(runs.map((run) => run.sweep_id).filter(Boolean))];
      const told = await Promise.allSettled(
        sweeps.map((id) => get(path("api", "sweeps", id), {}, { signal })),
      );
      const metrics = told.flatMap((each) =>
        each.status === "fulfilled" && each.value.metric ? [each.value.metric] : [],
      );
      return { runs, failed, metrics };
    },
    [ids.join("\n")],
  );
  const going = (data?.runs ?? [])
    .filter((run) => run.state === "running")
    .map((run) => `run/${run.id}`);
  useChanges(going, reload, LIVE_MS);
  return { data, error, loading };
}

/** What files the runs have, by path. @param {Run[]} runs */
export function useFiles(runs) {
  return useFetch(
    async (signal) => {
      const listed = await Promise.all(
        runs.map((run) =>
          get(`/api/runs/${encodeURIComponent(run.id)}/files`, { limit: 10_000 }, { signal }),
        ),
      );
      return listed.map(({ files }, i) => ({
        run: runs[i],
        files: new Map(files.map((/** @type {File} */ file) => [file.path, file])),
      }));
    },
    [runs.map((run) => run.id).join("\n")],
  );
}

/**
 * The text of a file; "" where the run has none. Throws where it is too large to be compared.
 * @param {RunFiles} of @param {string} name @param {AbortSignal} signal
 */
export async function textOf({ run, files }, name, signal) {
  const file = files.get(name);
  if (!file) return "";
  if (file.size > LARGEST) throw new Error(`${name} of ${run.name} is too large to be compared`);
  const parts = name.split("/").map(encodeURIComponent).join("/");
  const answer = await fetch(`/api/runs/${encodeURIComponent(run.id)}/files/${parts}`, { signal });
  if (!answer.ok) throw new Error(`${name} of ${run.name}: the server answered ${answer.status}`);
  return answer.text();
}
