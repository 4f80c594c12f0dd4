/**
 * What a person may do to a sweep and its trials, as buttons. Each asks first, and is only shown to
 * whoever may write. Neighbours: enqueue_dialog.js, configuration.js (the file's editor), and
 * controller/server/{sweep_api,orders_api}.py, who refuse what cannot be.
 */
import { post, put } from "../api.js";
import { Confirm, notify } from "../components/dialog.js";
import { number } from "../format.js";
import { html, useState } from "../html.js";
import { useSession } from "../session.js";
import { EnqueueDialog } from "./enqueue_dialog.js";
import { atCap, capSays, plural } from "./standing.js";

export { plural } from "./standing.js";

const OVER = ["finished", "canceled", "failed"];

/** @param {any} sweep */
export function isOver(sweep) {
  return OVER.includes(sweep.state);
}

/** Whether trials can be added to it, or tried again. @param {any} sweep */
export function takesTrials(sweep) {
  return sweep.state !== "canceled" && sweep.state !== "stopping";
}

/** Why no configuration can be tried now; "" when one can. @param {any} sweep */
function noRoom(sweep) {
  return atCap(sweep)
    ? `run_cap ${number(sweep.run_cap)} leaves no room: raise it first (Change run_cap)`
    : "";
}

/** @param {any} sweep */
const url = (sweep) => `/api/sweeps/${encodeURIComponent(sweep.id)}`;

/**
 * @param {{sweep: any, onDone: () => void}} props
 */
export function SweepOrders({ sweep, onDone }) {
  const { may } = useSession();
  const [asked, ask] = useState("");
  if (!may("write")) return null;
  const close = () => ask("");
  const { running = 0, queued = 0, failed = 0 } = sweep.counts;
  /** @param {string} action @param {string} done */
  const change = async (action, done) => {
    await post(`${url(sweep)}/${action}`);
    notify(done);
    onDone();
  };
  const retry = async () => {
    const { trials } = await post(`${url(sweep)}/retry`);
    notify(`${plural(trials.length, "trial")} queued again.`);
    onDone();
  };
  const open = ["pending", "running"].includes(sweep.state);
  return html`<div class="sweep-orders" role="group" aria-label="Orders">
    ${
      takesTrials(sweep) &&
      html`<button type="button" disabled=${atCap(sweep)} title=${noRoom(sweep)}
        onClick=${() => ask("enqueue")}>Try a configuration</button>`
    }
    ${
      takesTrials(sweep) &&
      failed > 0 &&
      html`<button type="button" onClick=${() => ask("retry")}>Retry ${number(failed)} failed</button>`
    }
    ${open && html`<button type="button" onClick=${() => ask("pause")}>Pause</button>`}
    ${
      sweep.state === "paused" &&
      html`<button type="button" class="primary" onClick=${() => ask("resume")}>Resume</button>`
    }
    ${
      (open || sweep.state === "paused") &&
      html`<button type="button" onClick=${() => ask("stop")}>Stop</button>`
    }
    ${!isOver(sweep) && html`<button type="button" class="danger" onClick=${() => ask("cancel")}>Cancel</button>`}
    ${
      asked === "pause" &&
      html`<${Confirm} title="Pause the sweep?" action="Pause" onClose=${close}
        act=${() => change("pause", "The sweep is paused.")}>
        <p>No new trial starts. ${goOn(running)} Agents wait until you resume it.</p>
      <//>`
    }
    ${
      asked === "resume" &&
      html`<${Confirm} title="Resume the sweep?" action="Resume" onClose=${close}
        act=${() => change("resume", "The sweep goes on.")}>
        <p>Agents get trials again.</p>
      <//>`
    }
    ${
      asked === "stop" &&
      html`<${Confirm} title="Stop the sweep?" action="Stop" onClose=${close}
        act=${() => change("stop", "The sweep ends when its running trials do.")}>
        <p>No new trial starts${queued ? `, and ${plural(queued, "trial")} that wait${queued === 1 ? "s" : ""} will not run` : ""}.
          ${goOn(running)} Then the sweep is finished.</p>
      <//>`
    }
    ${
      asked === "cancel" &&
      html`<${Confirm} title="Cancel the sweep?" action="Cancel the sweep" danger onClose=${close}
        act=${() => change("cancel", "The sweep is canceled.")}>
        <p>${running ? `${plural(running, "running trial")} will be killed` : "Nothing is running"}; what trials logged is kept.
          A canceled sweep cannot go on.</p>
      <//>`
    }
    ${
      asked === "retry" &&
      html`<${Confirm} title=${`Try ${plural(failed, "failed trial")} again?`} action="Retry" onClose=${close} act=${retry}>
        <p>${failed === 1 ? "It is" : "They are"} queued again with the same configuration${failed === 1 ? "" : "s"}.
          ${isOver(sweep) ? "The sweep goes on with them." : ""}</p>
      <//>`
    }
    ${asked === "enqueue" && html`<${EnqueueDialog} sweep=${sweep} onClose=${close} onDone=${onDone} />`}
  </div>`;
}

/**
 * The orders about one trial.
 * @param {{sweep: any, trial: any, onDone: () => void}} props
 */
export function TrialOrders({ sweep, trial, onDone }) {
  const { may } = useSession();
  const [asked, ask] = useState("");
  if (!may("write")) return null;
  const close = () => ask("");
  const newest = trial.attempts_list?.at(-1);
  const stopping = trial.state === "running" && newest?.ordered;
  /** @param {string} action @param {string} done */
  const order = async (action, done) => {
    await post(`/api/trials/${encodeURIComponent(trial.id)}/${action}`);
    notify(done);
    onDone();
  };
  return html`<div class="sweep-orders" role="group" aria-label="Orders about this trial">
    ${
      ["running", "queued"].includes(trial.state) &&
      html`<button type="button" class="danger" disabled=${Boolean(stopping)} onClick=${() => ask("stop")}>
        ${stopping ? "Being stopped" : "Stop this trial"}
      </button>`
    }
    ${
      trial.state === "failed" &&
      takesTrials(sweep) &&
      html`<button type="button" onClick=${() => ask("retry")}>Retry</button>`
    }
    ${
      takesTrials(sweep) &&
      html`<button type="button" disabled=${atCap(sweep)} title=${noRoom(sweep)}
        onClick=${() => ask("enqueue")}>Try a variation</button>`
    }
    ${
      asked === "stop" &&
      html`<${Confirm} title=${`Stop trial ${trial.number}?`} action="Stop this trial" danger onClose=${close}
        act=${() => order("stop", `Trial ${trial.number} is being stopped.`)}>
        <p>${
          trial.state === "running"
            ? "Its script is told to end, and killed if it does not. The values that it logged are kept and count."
            : "It waits for a slot, and will not run."
        } The sweep goes on.</p>
      <//>`
    }
    ${
      asked === "retry" &&
      html`<${Confirm} title=${`Try trial ${trial.number} again?`} action="Retry" onClose=${close}
        act=${() => order("retry", `Trial ${trial.number} is queued again.`)}>
        <p>It is queued again with the same configuration. ${isOver(sweep) ? "The sweep goes on with it." : ""}</p>
      <//>`
    }
    ${
      asked === "enqueue" &&
      html`<${EnqueueDialog} sweep=${sweep} config=${trial.config} onClose=${close} onDone=${onDone} />`
    }
  </div>`;
}

/**
 * How many trials there will be: the quick way to another run_cap.
 * @param {{sweep: any, onDone: () => void}} props
 */
export function RunCap({ sweep, onDone }) {
  const { may } = useSession();
  const [asked, ask] = useState(false);
  const [cap, setCap] = useState("");
  if (!may("write") || !takesTrials(sweep)) return null;
  const begin = () => {
    setCap(sweep.run_cap === null ? "" : String(sweep.run_cap));
    ask(true);
  };
  const run_cap = cap.trim() === "" ? null : Number(cap);
  const says = capSays(sweep, run_cap);
  const change = async () => {
    await put(`${url(sweep)}/run_cap`, { run_cap });
    notify(
      run_cap === null ? "The sweep has no run_cap now." : `run_cap is ${number(run_cap)} now.`,
    );
    onDone();
  };
  return html`<button type="button" class="quiet-button" onClick=${begin}>Change run_cap</button>
    ${
      asked &&
      html`<${Confirm} title="How many trials?" action="Change" onClose=${() => ask(false)} act=${change}>
        <label class="sweep-field">run_cap
          <input type="number" min="1" step="1" value=${cap} autofocus
            onInput=${(/** @type {any} */ event) => setCap(event.target.value)} />
        </label>
        <p class="quiet">All trials count, whatever became of them. Empty: no cap.
          ${isOver(sweep) ? " A finished sweep goes on if it leaves anything to do." : ""}</p>
        ${says && html`<p role="status">${says}</p>`}
      <//>`
    }`;
}

/** @param {number} running */
function goOn(running) {
  return running ? `${plural(running, "running trial")} may end.` : "Nothing is running.";
}
