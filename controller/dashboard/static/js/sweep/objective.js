/** What a trial is judged by, in words: elsewhere the same metric is the last value. Pure. */

export const BEST_OF_TRIAL =
  "A trial's best value over its whole history. Runs, Compare and summary columns show the last value logged instead.";

/** The head of a column of objectives. @param {{name: string} | null | undefined} metric */
export function objectiveHead(metric) {
  return metric ? `${metric.name} (best)` : "Objective";
}
