/**
 * The head of a sweep's page: what it is, where it stands, the best so far, and what to do next in
 * each of its states. Neighbours: orders.js (its buttons), pages/sweep.js.
 */
import { Copy } from "../components/code.js";
import { StateBadge } from "../components/states.js";
import { countsLine, done, progress, TrialBar } from "../components/trial_bar.js";
import { ago, duration, flat, number, value } from "../format.js";
import { useNow } from "../hooks.js";
import { html } from "../html.js";
import { newReportAddress } from "../report/block_text.js";
import { Link, projectPath } from "../router.js";
import { useSession } from "../session.js";
import { BEST_OF_TRIAL } from "./objective.js";
import { isOver, plural, RunCap, SweepOrders } from "./orders.js";
import { busySlots, limitsInTheWay, mostTrials, waysOn } from "./standing.js";

/** @param {{sweep: any, onDone: () => void, onPick: (trial: number) => void}} props */
export function SweepHead({ sweep, onDone, onPick }) {
  const { may } = useSession();
  return html`<header class="sweep-head">
    <div class="sweep-title">
      <h1>${sweep.name}</h1>
      <${StateBadge} state=${sweep.state} />
      <code class="quiet">${sweep.id}</code>
      <span class="quiet">in <${Link} href=${projectPath(sweep.project)}>${sweep.project || "no project"}<//></span>
      ${may("write") && html`<${Link} href=${newReportAddress({ sweep: sweep.id })}>Report<//>`}
      <${SweepOrders} sweep=${sweep} onDone=${onDone} />
    </div>
    <${Progress} sweep=${sweep} />
    <div class="sweep-facts">
      <${Best} sweep=${sweep} onPick=${onPick} />
      <${Facts} sweep=${sweep} onDone=${onDone} />
    </div>
    <${Stuck} sweep=${sweep} />
    <${Missing} sweep=${sweep} />
    <${Next} sweep=${sweep} onPick=${onPick} />
  </header>`;
}

/** @param {{sweep: any}} props */
function Progress({ sweep }) {
  const said = countsLine(sweep.counts);
  return html`<div class="sweep-progress">
    <${TrialBar} sweep=${sweep} />
    <p><strong>${progress(sweep)}</strong> trials are over${said && html`: <span class="sweep-counts">${said}</span>`}</p>
  </div>`;
}

/** @param {{sweep: any, onPick: (trial: number) => void}} props */
function Best({ sweep, onPick }) {
  const { best, metric } = sweep;
  const config = Object.entries(flat(best?.config ?? {}));
  return html`<section class="sweep-best" aria-label="Best so far">
    <p class="quiet">${metric ? `Best ${metric.name} (${metric.goal})` : "No metric: trials are not compared"}</p>
    ${
      best
        ? html`<p class="sweep-best-value" title=${BEST_OF_TRIAL}>${number(best.objective)}
            <button type="button" class="quiet-button" onClick=${() => onPick(best.number)}>trial ${best.number}</button>${unfinished(best)}</p>
          ${sweep.keeps_limits === false && html`<p class="state-stopped">No trial keeps the limits: it is the best of all. ${limitsInTheWay(sweep)}</p>`}
          <p class="sweep-config">${config.map(
            ([name, each]) =>
              html`<span key=${name}><span class="quiet">${name}</span> ${value(each)}</span>`,
          )}</p>`
        : html`<p class="sweep-best-value quiet">–</p>`
    }
  </section>`;
}

/** @param {{sweep: any, onDone: () => void}} props */
function Facts({ sweep, onDone }) {
  const now = useNow(1000);
  const over = isOver(sweep);
  const elapsed = sweep.started ? (over ? sweep.ended : now) - sweep.started : null;
  const busy = sweep.agents.reduce(
    (/** @type {number} */ sum, /** @type {any} */ each) => sum + busySlots(each),
    0,
  );
  const resting = sweep.agents.filter(
    (/** @type {any} */ each) => each.quarantined.length > 0,
  ).length;
  const slots = sweep.agents.reduce(
    (/** @type {number} */ sum, /** @type {any} */ each) => sum + (each.slots ?? 0),
    0,
  );
  const facts = [
    ["Method", sweep.method],
    ["Trials", mostTrials(sweep)],
    [over ? "Took" : "Elapsed", elapsed === null ? "not started" : duration(Math.max(elapsed, 0))],
    over
      ? ["Ended", ago(sweep.ended, now)]
      : ["Time left", sweep.eta_s === null ? "–" : `about ${duration(sweep.eta_s)}`],
    [
      "Throughput",
      sweep.throughput === null
        ? "–"
        : `${number(Number(sweep.throughput.toPrecision(3)))} trials/h`,
    ],
    [
      "Agents",
      sweep.agents.length
        ? `${sweep.agents.length}, ${busy} of ${slots} slots busy${resting ? `, ${resting} in quarantine` : ""}`
        : "none",
    ],
  ];
  return html`<dl class="sweep-numbers">
    ${facts.map(
      ([name, text]) => html`<div key=${name}><dt>${name}</dt><dd>${text}
        ${name === "Trials" && html`<${RunCap} sweep=${sweep} onDone=${onDone} />`}</dd></div>`,
    )}
  </dl>`;
}

/** Why it gets no new trials though it should, and what to do. @param {{sweep: any}} props */
function Stuck({ sweep }) {
  if (!sweep.trouble) return null;
  return html`<div class="sweep-next sweep-stuck" role="alert">
    <p><strong>Stuck: ${sweep.trouble}.</strong>${" "}
      It gets no new trials until that works, which is tried again by itself, at least every 30 s; what runs goes on.
      Give it other settings (Configuration), or stop it. The server's log has the traceback.</p></div>`;
}

/** Which of its metrics trials lack. @param {{sweep: any}} props */
function Missing({ sweep }) {
  const lacking = (sweep.metrics ?? []).filter((/** @type {any} */ each) => each.missing > 0);
  if (!lacking.length) return null;
  return html`<div class="sweep-next sweep-missing" role="status">${lacking.map(
    (
      /** @type {any} */ each,
    ) => html`<p key=${each.name}><strong>${each.name} is missing:</strong>${" "}
      ${plural(each.missing, "finished trial")} ended without it, and cannot be judged by it. Each says what it logged (Trials).</p>`,
  )}</div>`;
}

/** What the state means, and what comes next. @param {{sweep: any, onPick: (trial: number) => void}} props */
function Next({ sweep, onPick }) {
  const { state, best, counts } = sweep;
  const [is, running] = [inWords(sweep), counts.running ?? 0];
  const failed = !best && counts.failed > 0;
  if (isOver(sweep))
    return html`<div class="sweep-next" role="status"><p><strong>${is}.</strong>
      ${
        best &&
        html` The best of ${plural(done(counts), "trial")} is
        ${" "}<button type="button" class="quiet-button" onClick=${() => onPick(best.number)}>trial ${best.number}</button>${unfinished(best)}
        ${" "}with ${number(best.objective)}. <code>sweep best ${sweep.id}</code> prints its configuration.`
      }
      ${
        state === "canceled"
          ? html` It cannot go on; what trials logged is kept.`
          : failed
            ? html` All of its trials failed: the table says why. Mend what is wrong, then retry them.`
            : ` ${waysOn(sweep)}`
      }</p></div>`;
  if (state === "paused")
    return html`<div class="sweep-next" role="status"><p><strong>${is}.</strong>${" "}
      No new trial starts until it is resumed. ${running ? `${plural(running, "trial")} still ${running === 1 ? "runs" : "run"}.` : "Nothing runs."}</p></div>`;
  if (state === "stopping")
    return html`<div class="sweep-next" role="status"><p><strong>${is}.</strong>${" "}
      It is finished when ${plural(running, "running trial")} ${running === 1 ? "has" : "have"} ended.</p></div>`;
  if (sweep.agents.length) return null;
  if (sweep.imported_from && !done(counts))
    return html`<div class="sweep-next" role="status"><p><strong>Imported from <code>${sweep.imported_from}</code>.</strong>${" "}
      What it had there are runs of before (Configuration lists them); its search begins with their results.
      Give it a program (Configuration), and an agent goes on with it: <code>sweep agent ${sweep.id}</code></p></div>`;
  return html`<div class="sweep-next" role="status">
    <p><strong>${state === "pending" ? "No trial has started: no agent works on it yet." : "No agent works on it now."}</strong>${" "}
      Run this on each machine:</p>
    <${AgentCommand} sweep=${sweep} />
  </div>`;
}

/** " (stopped)" of a trial that has a result and did not finish. @param {any} trial */
function unfinished(trial) {
  return trial.state === "finished" ? "" : ` (${trial.state})`;
}

/** "Finished: run_cap 9 is reached"; "Paused by a user". @param {any} sweep */
function inWords({ state, reason }) {
  const said = reason && !reason.startsWith(state) ? `${state}: ${reason}` : reason || state;
  return said[0].toUpperCase() + said.slice(1);
}

/** How a machine is made to work for the sweep. @param {{sweep: any}} props */
export function AgentCommand({ sweep }) {
  const command = `sweep agent ${sweep.id}`;
  const far = `OPENSWEEP_URL=${location.origin} OPENSWEEP_API_KEY=YOUR_KEY ${command}`;
  return html`<div class="sweep-command">
    <p><code>${command}</code> <${Copy} text=${command} label="Copy the command" /></p>
    <details><summary>On another machine</summary>
      <p><code>${far}</code> <${Copy} text=${far} label="Copy the command for another machine" /></p>
      <p class="quiet">with a key of role write: <code>sweep server key create NAME</code>. W&B's own agent works, too:
        <code>wandb agent ${sweep.project ? `${sweep.project}/` : ""}${sweep.id}</code> with <code>WANDB_BASE_URL=${location.origin}</code>.</p>
    </details>
  </div>`;
}
