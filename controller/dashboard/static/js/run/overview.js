/** What is known of a run besides what it logged: who, where, how, of what code; config and summary. */
import { get, post } from "../api.js";

import { EditableText, EditableWords } from "../components/editable.js";
import { Facts, useNow } from "../components/facts.js";
import { JsonTree } from "../components/json_tree.js";
import { StateBadge } from "../components/states.js";
import { ago, duration, number, time } from "../format.js";
import { useFetch } from "../hooks.js";
import { html } from "../html.js";
import { Link, path, projectPath } from "../router.js";
import { Attempts } from "./attempts.js";
import { bestValues, ownConfig, ownSummary } from "./logged_values.js";
import { Origin } from "./origin.js";

/**
 * @typedef {Record<string, any>} Run as GET /api/runs/{id} tells it
 * @param {{run: Run, trial: Record<string, any> | null, may: boolean, reload: () => void}} props
 */
export function Overview({ run, trial, may, reload }) {
  const said = run.metadata;
  const { data: root } = useFetch(
    (signal) => get(`/api${path("runs", run.id, "folder")}`, {}, { signal }),
    [run.id, run.state],
  );
  const files = /** @type {string[]} */ (
    (root?.files ?? []).map((/** @type {any} */ one) => one.path)
  );
  const saved = root?.folders.some((/** @type {any} */ each) => each.name === "code") ?? false;
  /** @param {Record<string, any>} metadata */
  const edit = async (metadata) => {
    await post(`/api${path("runs", run.id, "edit")}`, { metadata });
    reload();
  };
  const best = bestValues(run.summary);
  return html`<div class="overview">
    <div class="overview-facts">
      <section class="card" aria-label="Run">
        <h2>Run</h2>
        <${RunFacts} run=${run} trial=${trial} />
        <div class="overview-tags">
          <${EditableWords} label="Tags" word="tag" words=${said.tags ?? []} may=${may}
            save=${(/** @type {string[]} */ tags) => edit({ tags })} />
        </div>
      </section>
      ${trial && html`<${Attempts} trial=${trial} />`}
      <${Origin} run=${run} files=${files} saved=${saved} />
    </div>
    <div class="overview-values">
      <section class="card" aria-label="Notes">
        <h2>Notes</h2>
        <${EditableText} label="Notes" markdown value=${said.notes ?? ""} may=${may}
          empty=${may ? "None yet. Markdown is understood." : "None."}
          save=${(/** @type {string} */ notes) => edit({ notes })} />
      </section>
      ${
        best.length > 0 &&
        html`<section class="card" aria-label="Best values">
          <h2>Best values</h2>
          <table class="overview-best">
            <thead><tr><th>Metric</th><th>What</th><th>Value</th><th>Last</th></tr></thead>
            <tbody>${best.map(
              (each) => html`<tr key=${`${each.name} ${each.kind}`}>
                <td>${each.name}</td><td>${each.kind}</td><td>${number(each.value)}</td><td>${number(each.last)}</td>
              </tr>`,
            )}</tbody>
          </table>
        </section>`
      }
      <section class="card" aria-label="Config">
        <h2>Config</h2>
        <${JsonTree} label="Config" value=${ownConfig(run.config)} open=${2} />
      </section>
      <section class="card" aria-label="Summary">
        <h2>Summary</h2>
        <${JsonTree} label="Summary" value=${ownSummary(run.summary)} open=${1} />
      </section>
    </div>
  </div>`;
}

/** @param {{run: Run, trial: Record<string, any> | null}} props */
function RunFacts({ run, trial }) {
  const said = run.metadata;
  const running = run.state === "running";
  const now = useNow(running);
  const end = run.ended ?? (running ? now : run.heard);
  const why = trial ? reasonOf(trial) : exitOf(run);
  return html`<${Facts} facts=${[
    ["State", html`<${StateBadge} state=${run.state} />${why && html` <span>${why}</span>`}`],
    [
      "Id",
      html`<code>${run.local_id || run.id}</code>${run.local_id !== run.id && html` <span class="quiet">(here ${run.id})</span>`}`,
    ],
    ["Project", html`<${Link} href=${projectPath(run.project)}>${run.project || "none"}<//>`],
    run.sweep_id && [
      "Sweep",
      html`<${Link} href=${path("sweeps", run.sweep_id)}>${run.sweep_id}<//>${trial && html`, trial ${trial.number}`}`,
    ],
    trial && ["Objective", number(trial.objective)],
    run.parent_id && [
      "Forked from",
      html`<${Link} href=${path("runs", run.parent_id)}>${run.parent_id}<//>, step ${run.fork_step}`,
    ],
    !trial &&
      run.writer > 1 && ["Resumed", `${run.writer - 1} ${run.writer === 2 ? "time" : "times"}`],
    ["Group", said.group],
    ["Job type", said.job_type],
    ["User", said.username],
    [
      "Started",
      run.started && html`${time(run.started)} <span class="quiet">${ago(run.started, now)}</span>`,
    ],
    ["Ended", run.ended && time(run.ended)],
    ["Runtime", run.started && duration(end - run.started)],
    running && ["Last heard", run.heard && ago(run.heard, now)],
    ["Steps", number(run.steps)],
  ]} />`;
}

/** @param {Record<string, any>} trial */
function reasonOf(trial) {
  const reason = trial.reason === "ok" ? "" : trial.reason?.replaceAll("_", " ");
  return [reason, trial.detail].filter(Boolean).join(": ");
}

/** @param {Run} run */
function exitOf(run) {
  if (run.state === "crashed") return "nothing was heard of it for five minutes, or it was killed";
  return run.exit_code ? `exit code ${run.exit_code}` : "";
}
