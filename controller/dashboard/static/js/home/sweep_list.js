/** Sweeps as they stand, a row each. */
import { StateBadge } from "../components/states.js";
import { countsLine, progress, TrialBar } from "../components/trial_bar.js";
import { ago, duration, flat, number, time, value } from "../format.js";
import { useNow } from "../hooks.js";
import { html } from "../html.js";
import { Link, path, projectPath } from "../router.js";
import { busySlots } from "../sweep/standing.js";

const OVER = ["finished", "failed", "canceled"];
const PARAMETERS = 12;

/** @param {{sweeps: any[]}} props */
export function SweepList({ sweeps }) {
  const now = useNow(5000);
  return html`<div class="sweep-list-frame"><table class="sweep-list">
    <thead>
      <tr>
        <th scope="col">Sweep</th>
        <th scope="col">State</th>
        <th scope="col">Trials</th>
        <th scope="col">Best</th>
        <th scope="col">Agents</th>
        <th scope="col" class="figure">Trials/h</th>
        <th scope="col" class="figure">Time left</th>
        <th scope="col" class="figure">Active</th>
      </tr>
    </thead>
    <tbody>${sweeps.map((sweep) => html`<${Row} key=${sweep.id} sweep=${sweep} now=${now} />`)}</tbody>
  </table></div>`;
}

/** @param {{sweep: any, now: number}} props */
function Row({ sweep, now }) {
  const named = sweep.name && sweep.name !== sweep.id;
  return html`<tr>
    <th scope="row" class="sweep-name">
      <${Link} href=${path("sweeps", sweep.id)}><bdi>${named ? sweep.name : sweep.id}</bdi><//>
      <span class="sweep-where">
        ${named && html`<code>${sweep.id}</code>`}
        <${Link} href=${projectPath(sweep.project)}><bdi>${sweep.project || "no project"}</bdi><//>
      </span>
    </th>
    <td><span title=${sweep.reason || undefined}><${StateBadge} state=${sweep.state} /></span></td>
    <td class="sweep-trials">
      <span title=${countsLine(sweep.counts) || "no trials yet"}>${progress(sweep)}</span>
      <${Notes} sweep=${sweep} />
      <${TrialBar} sweep=${sweep} />
    </td>
    <td class="sweep-best-cell"><${Best} sweep=${sweep} /></td>
    <td data-label="Agents"><${Agents} sweep=${sweep} /></td>
    <td class="figure" data-label="Trials/h">${sweep.throughput === null ? "–" : number(Number(sweep.throughput.toPrecision(3)))}</td>
    <td class="figure" data-label="Time left">${sweep.eta_s === null ? "–" : duration(sweep.eta_s)}</td>
    <td class="figure" data-label="Active" title=${time(sweep.active)}>${brief(now - sweep.active)}</td>
  </tr>`;
}

/** What one wants to see at once: what runs, what failed, what is stuck. @param {{sweep: any}} props */
function Notes({ sweep: { counts, trouble } }) {
  return html`<span class="sweep-notes">
    ${trouble && html`<span class="sweep-failed" title=${trouble}>stuck</span>`}
    ${counts.running > 0 && html`<span>${number(counts.running)} running</span>`}
    ${counts.failed > 0 && html`<span class="sweep-failed">${number(counts.failed)} failed</span>`}
  </span>`;
}

/** @param {{sweep: any}} props */
function Best({ sweep }) {
  const { best, metric } = sweep;
  if (!metric) return html`<span class="quiet">no metric</span>`;
  const arrow = metric.goal === "maximize" ? "↑" : "↓";
  const config = Object.entries(flat(best?.config ?? {}))
    .slice(0, PARAMETERS)
    .map(([name, each]) => `${name} ${value(each)}`);
  return html`<span title=${config.join("\n") || undefined}>
    <strong>${best ? number(best.objective) : "–"}</strong>
    <span class="sweep-metric" title=${`${metric.goal} ${metric.name}`}><bdi>${metric.name}</bdi> ${arrow}</span>
  </span>`;
}

/** @param {{sweep: any}} props */
function Agents({ sweep }) {
  const { agents } = sweep;
  if (!agents.length)
    return OVER.includes(sweep.state)
      ? html`<span class="quiet">–</span>`
      : html`<span class="sweep-failed" title=${`sweep agent ${sweep.id} starts one`}>none</span>`;
  const total = (/** @type {string} */ name) =>
    agents.reduce(
      (/** @type {number} */ sum, /** @type {any} */ each) => sum + (each[name] ?? 0),
      0,
    );
  const hosts = [...new Set(agents.map((/** @type {any} */ each) => each.host ?? each.id))];
  const works = agents.reduce(
    (/** @type {number} */ sum, /** @type {any} */ each) => sum + busySlots(each),
    0,
  );
  const resting = agents.some((/** @type {any} */ each) => each.quarantined.length > 0);
  const busy = `${works} of ${total("slots")} busy${resting ? ", in quarantine" : ""}`;
  return html`<span title=${hosts.join("\n")}>${busy}
    <span class="sweep-metric">${agents.length === 1 ? hosts[0] : `${agents.length} agents`}</span></span>`;
}

/** "3m", without the seconds: it is a column. @param {number} seconds */
function brief(seconds) {
  return seconds < 60 ? "now" : ago(0, seconds).replace(/ \S+ ago$| ago$/, "");
}
