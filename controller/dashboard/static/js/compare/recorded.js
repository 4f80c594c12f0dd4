/** What runs recorded of their surroundings in files: environment variables and packages. */
import { useFetch } from "../hooks.js";
import { textOf } from "./data.js";
import { differences, packages } from "./differences.js";

/** @typedef {import("./data.js").RunFiles} RunFiles */

const SAID = ["opensweep-metadata.json", "wandb-metadata.json"];

/**
 * Rows of packages and environment variables; undefined until they are there.
 * @param {RunFiles[] | undefined} all
 */
export function useRecorded(all) {
  const { data, error } = useFetch(
    async (signal) => {
      if (!all) return undefined;
      const [installed, said] = await Promise.all([
        Promise.all(all.map((each) => textOf(each, "requirements.txt", signal).then(packages))),
        Promise.all(all.map((each) => environment(each, signal))),
      ]);
      return { packages: differences(installed), environment: differences(said) };
    },
    [all],
  );
  return { data, error };
}

/** @param {RunFiles} of @param {AbortSignal} signal @returns {Promise<Record<string, unknown>>} */
async function environment(of, signal) {
  const name = SAID.find((each) => of.files.has(each));
  if (!name) return {};
  try {
    const said = JSON.parse(await textOf(of, name, signal));
    return said.environment && typeof said.environment === "object" ? said.environment : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
