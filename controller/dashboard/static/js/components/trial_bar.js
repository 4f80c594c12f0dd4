/** How far a sweep has come, in one bar: trials that are over, by how they ended, and that run. */
import { number } from "../format.js";
import { html } from "../html.js";

const ENDED = ["finished", "stopped", "failed", "canceled"];
const SHOWN = [...ENDED, "running"];

/** How many trials are over. @param {Record<string, number>} counts */
export function done(counts) {
  return ENDED.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
}

/** "12 finished, 1 failed, 2 running". @param {Record<string, number>} counts */
export function countsLine(counts) {
  return [...SHOWN, "queued", "preempted"]
    .filter((state) => counts[state])
    .map((state) => `${number(counts[state])} ${state}`)
    .join(", ");
}

/** "17 of 25". @param {{counts: Record<string, number>, total: number | null}} sweep */
export function progress({ counts, total }) {
  return total === null ? number(done(counts)) : `${number(done(counts))} of ${number(total)}`;
}

/** @param {{sweep: {counts: Record<string, number>, total: number | null}}} props */
export function TrialBar({ sweep }) {
  const { counts, total } = sweep;
  const known = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const all = Math.max(total ?? known, known, 1);
  return html`<div class="sweep-bar" role="progressbar" aria-label="Trials that are over"
    aria-valuemin="0" aria-valuemax=${total ?? undefined}
    aria-valuenow=${total === null ? undefined : Math.min(done(counts), all)}
    aria-valuetext=${`${progress(sweep)} trials are over`}>
    ${SHOWN.filter((state) => counts[state]).map(
      (state) => html`<span key=${state} class=${`bar-${state}`}
        style=${{ width: `${(100 * counts[state]) / all}%` }} title=${`${counts[state]} ${state}`}></span>`,
    )}
  </div>`;
}
