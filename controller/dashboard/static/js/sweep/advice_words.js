/**
 * What the server advises, in words. Pure. Neighbours: charts/advice.js (shows it);
 * opensweep/commands/advise.py says the same on a terminal.
 */
import { duration, number, value } from "../format.js";

/**
 * @typedef {{numbers: number[], number: number, config: Record<string, any>, state: string,
 *   seen: number, value: number, low: number, high: number, inner_low: number, inner_high: number,
 *   chance: number}} Believed
 * @typedef {{name: string, narrowed: boolean, low: number | null, high: number | null,
 *   values: {value: any, share: number}[], there: number, at: "min" | "max" | null}} Part
 * @typedef {{trials: number, expected: number, inner_low: number, inner_high: number, chance: number,
 *   share: number, left: number | null, verdict: "go_on" | "little" | "stop", lately: number | null,
 *   wall_s: number | null, accelerator_s: number | null}} Gain
 * @typedef {{trials: number, more: number, stale: boolean, needs: number, problem: string | null,
 *   best: Believed[], noise: number | null, noisy: "yes" | "no" | "unknown" | null,
 *   luckiest: {number: number, seen: number, is_best: boolean, rank: number} | null,
 *   region: {yaml: string | null, parameters: Part[]} | null, gain: Gain | null}} Advice
 */

/** @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(0)} %`;

/** Four digits: a belief has no more. @param {number} each */
export const rough = (each) => number(Number(each.toPrecision(4)));

/** Whether what was seen to be the best was luck; "": no. @param {Advice} advice */
export function luckOf({ luckiest, noisy }) {
  if (!luckiest || luckiest.is_best) return "";
  return `Trial ${luckiest.number} has the best value, ${rough(luckiest.seen)}, but that ${noisy === "unknown" ? "may be" : "was probably"} luck: it is number ${luckiest.rank} by its probable true value.`;
}

/** @param {Advice} advice */
export function noiseOf({ noise, noisy }) {
  if (noisy === "unknown") {
    return "These trials do not tell whether runs of one configuration differ; further runs of the best one would.";
  }
  return noise === null
    ? "There is hardly any noise: values can be taken as they are."
    : `Runs of one configuration differ by about ${rough(noise)}.`;
}

/** @param {Gain} gain */
export function verdictOf({ verdict, left }) {
  if (left === 0) return "Stop: every configuration was tried";
  return { go_on: "Go on", little: "Hardly worth it", stop: "Stop now" }[verdict];
}

/** What more trials bring, what the last ones did, and what they take. @param {Gain} gain @param {string} metric */
export function gainOf(gain, metric) {
  if (gain.left === 0) return [];
  const said = [
    `${gain.trials} more trials are expected to better ${metric} by ${rough(gain.expected)} (68 %: ${rough(gain.inner_low)} to ${rough(gain.inner_high)}).`,
  ];
  if (gain.lately !== null) said.push(`The last ${gain.trials} brought ${rough(gain.lately)}.`);
  if (gain.wall_s !== null && gain.wall_s >= 1) {
    const hours = (gain.accelerator_s ?? 0) / 3600;
    const held = hours >= 0.01 ? `, ${Number(hours.toPrecision(2))} accelerator-hours` : "";
    said.push(`They would take about ${duration(gain.wall_s)}${held}.`);
  }
  return said;
}

/** Where one parameter is best; null: that is not known. @param {Part} part */
export function placeOf({ narrowed, low, high, values, there }) {
  if (there < 0.05) return "left out";
  if (!narrowed) return null;
  if (values.length)
    return values.map((each) => `${value(each.value)} (${percent(each.share)})`).join(", ");
  return low === high ? rough(Number(low)) : `${rough(Number(low))} to ${rough(Number(high))}`;
}

/** Parameters that are best at an end of their range. @param {Part[]} parts */
export function endsOf(parts) {
  return parts
    .filter((part) => part.at !== null)
    .map((part) => {
      const end = Number(part.at === "min" ? part.low : part.high);
      const hedge = part.at === "min" && end === 0 ? ", if it may be less" : "";
      return `${part.name} is best at its ${part.at} of ${rough(end)}: widen that bound${hedge}.`;
    });
}
