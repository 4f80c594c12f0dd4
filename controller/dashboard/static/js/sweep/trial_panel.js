/**
 * One trial beside whatever the sweep's page shows: its configuration, what it came to, each attempt
 * and why it ended, and what may be done to it. Neighbours: orders.js, the run's own page.
 */
import { get } from "../api.js";
import { Copy } from "../components/code.js";
import { Failure, Loading, StateBadge } from "../components/states.js";
import { ago, duration, flat, number, value } from "../format.js";
import { useLive, useNow } from "../hooks.js";
import { html } from "../html.js";
import { Link, path } from "../router.js";
import { plural, TrialOrders } from "./orders.js";
import { reasonText } from "./trial_order.js";

/**
 * @param {{sweep: any, number: number, onClose: () => void, onDone: () => void}} props
 */
export function TrialPanel({ sweep, number: trialNumber, onClose, onDone }) {
  const id = `${sweep.id}-${trialNumber}`;
  const {
    data: trial,
    error,
    reload,
  } = useLive(
    [`run/${id}`],
    (signal) => get(`/api/trials/${encodeURIComponent(id)}`, {}, { signal }),
    [id],
    1000,
  );
  const changed = () => {
    reload();
    onDone();
  };
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    if (event.key !== "Escape" || /** @type {HTMLElement} */ (event.target).closest("dialog"))
      return;
    onClose();
  };
  return html`<aside class="trial-panel" aria-label=${`Trial ${trialNumber}`} onKeyDown=${press}>
    <div class="trial-panel-head">
      <h2>Trial ${trialNumber}</h2>
      ${trial && html`<${StateBadge} state=${trial.state} />`}
      <button type="button" class="trial-panel-close" aria-label="Close" onClick=${onClose}>✕</button>
    </div>
    ${
      trial
        ? html`<${Shown} sweep=${sweep} trial=${trial} onDone=${changed} />`
        : error
          ? html`<${Failure} error=${error} retry=${reload} />`
          : html`<${Loading} />`
    }
  </aside>`;
}

/** @param {{sweep: any, trial: any, onDone: () => void}} props */
function Shown({ sweep, trial, onDone }) {
  const now = useNow(trial.state === "running" ? 1000 : 60_000);
  const open = trial.ended === null;
  const why = trial.detail || reasonText(trial.reason, trial.state);
  const newest = sweep.metric && flat(trial.summary)[sweep.metric.name];
  const ordered = trial.state === "running" && trial.attempts_list.at(-1)?.ordered;
  return html`
    <p><${Link} href=${path("runs", trial.id)}>Open its run<//>${" "}
      <span class="quiet">${trial.steps ? plural(trial.steps, "step") : "no steps yet"}</span></p>
    ${
      sweep.metric &&
      html`<p>${sweep.metric.name} <strong>${number(trial.objective ?? newest)}</strong>
      ${trial.objective === null && newest !== undefined && html`<span class="quiet"> the newest value</span>`}</p>`
    }
    ${why && html`<p class=${trial.state === "failed" ? "failure" : ""}>${open && "The attempt before: "}${why}</p>`}
    ${ordered && html`<p role="status">Being ${ordered}.</p>`}
    ${
      trial.parent &&
      html`<p class="quiet">Goes on from the checkpoint of
      <${Link} href=${path("runs", trial.parent)}>trial ${trial.parent.split("-").at(-1)}<//>.</p>`
    }
    ${trial.enqueued && html`<p class="quiet">Asked for by ${trial.enqueued}.</p>`}
    <${TrialOrders} sweep=${sweep} trial=${trial} onDone=${onDone} />
    <h3>Configuration <${Copy} text=${() => JSON.stringify(trial.config, null, 2)} label="Copy the configuration" /></h3>
    <${Values} values=${trial.config} />
    <h3>Attempts</h3>
    <ol class="trial-attempts">
      ${trial.attempts_list
        .filter((/** @type {any} */ each) => each.state !== "superseded")
        .map(
          (/** @type {any} */ each) =>
            html`<${Attempt} key=${each.token} attempt=${each} now=${now} />`,
        )}
    </ol>
    <h3>Summary</h3>
    <${Values} values=${trial.summary} empty="Nothing yet." />
  `;
}

/** @param {{values: Record<string, any>, empty?: string}} props */
function Values({ values, empty = "Nothing." }) {
  const rows = Object.entries(flat(values));
  if (!rows.length) return html`<p class="quiet">${empty}</p>`;
  return html`<dl class="trial-values">
    ${rows.map(([name, each]) => html`<div key=${name}><dt>${name}</dt><dd>${value(each)}</dd></div>`)}
  </dl>`;
}

/** @param {{attempt: any, now: number}} props */
function Attempt({ attempt, now }) {
  const { state, started, ended, host, device, exit_code, signal } = attempt;
  const why = attempt.detail || reasonText(attempt.reason, state);
  const took = started === null ? null : (ended ?? now) - started;
  const facts = [
    [host, device].filter(Boolean).join(" "),
    took === null ? "" : `${duration(took)}${ended === null ? " so far" : ""}`,
    started === null ? "" : `started ${ago(started, now)}`,
    exit_code ? `exit code ${exit_code}` : "",
    signal ? `signal ${signal}` : "",
  ].filter(Boolean);
  return html`<li>
    <p><${StateBadge} state=${state} /> ${why}</p>
    <p class="quiet">${facts.join(" · ")}</p>
  </li>`;
}
