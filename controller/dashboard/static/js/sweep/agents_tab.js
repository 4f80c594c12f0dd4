/**
 * Who works on a sweep: each agent, its slots and devices, what runs on them and since when; and who
 * worked on it before. Neighbours: head.js (how to start one), trials_data.js.
 */
import { Empty } from "../components/states.js";
import { duration, number } from "../format.js";
import { useNow } from "../hooks.js";
import { html } from "../html.js";
import { AgentCommand } from "./head.js";
import { isOver, plural } from "./orders.js";
import { busySlots } from "./standing.js";

/** @typedef {import("./trial_columns.js").Trials} Trials */

/**
 * @param {{sweep: any, trials: Trials | undefined, onPick: (trial: number) => void}} props
 */
export function AgentsTab({ sweep, trials, onPick }) {
  const now = useNow(1000);
  const live = new Set(sweep.agents.map((/** @type {any} */ agent) => agent.id));
  const earlier = trials ? earlierAgents(trials, live) : [];
  return html`<div class="sweep-agents">
    ${
      sweep.agents.length === 0 &&
      html`<${Empty} title=${isOver(sweep) ? "No agent works on it any more" : "No agent works on it"}>
        ${!isOver(sweep) && html`<p>The command above starts one on a machine.</p>`}
      <//>`
    }
    ${sweep.agents.map(
      (/** @type {any} */ agent) => html`<${Agent} key=${agent.id} agent=${agent} trials=${trials}
        now=${now} onPick=${onPick} />`,
    )}
    ${
      earlier.length > 0 &&
      html`<section aria-label="Earlier agents">
        <h2>Earlier agents</h2>
        <table><thead><tr><th>Agent</th><th>Host</th><th>Newest attempt of</th></tr></thead>
          <tbody>${earlier.map(
            (each) => html`<tr key=${each.id}><td><code>${each.id}</code></td><td>${each.host}</td>
              <td>${plural(each.count, "trial")}</td></tr>`,
          )}</tbody></table>
      </section>`
    }
    ${
      sweep.agents.length > 0 &&
      !isOver(sweep) &&
      html`<section aria-label="Another agent"><h2>Another agent</h2><${AgentCommand} sweep=${sweep} /></section>`
    }
  </div>`;
}

/** @param {{agent: any, trials: Trials | undefined, now: number, onPick: (trial: number) => void}} props */
function Agent({ agent, trials, now, onPick }) {
  const wandb = agent.id.startsWith("wandb-");
  const rests = agent.quarantined.length > 0;
  const busy = busySlots(agent);
  return html`<section class="card sweep-agent" aria-label=${`Agent ${agent.id}`}>
    <h2>${agent.host ?? agent.id} ${wandb && html`<span class="badge">wandb agent</span>`}</h2>
    <p class="quiet"><code>${agent.id}</code></p>
    <p>${rests && "In quarantine, "}${busy} of ${plural(agent.slots ?? 0, "slot")} busy${agent.devices.length > 0 && html` on ${[...new Set(agent.devices)].join(", ")}`}</p>
    ${agent.quarantined.map(
      (/** @type {any} */ why) =>
        html`<p key=${String(why)} class="failure" role="alert">${inWords(String(why))}</p>`,
    )}
    ${
      agent.running.length
        ? html`<ul class="sweep-running">${agent.running.map((/** @type {string} */ id) => {
            const number_ = Number(id.slice(id.lastIndexOf("-") + 1));
            const at = trials ? trials.numbers.indexOf(number_) : -1;
            return html`<li key=${id}>
              <button type="button" class="quiet-button" onClick=${() => onPick(number_)}>trial ${number_}</button>
              ${at >= 0 && trials && html` <span class="quiet">${ofTrial(trials, at, now)}</span>`}
            </li>`;
          })}</ul>`
        : html`<p class="quiet">Nothing runs on it.</p>`
    }
  </section>`;
}

/** A sentence of its own. @param {string} why */
function inWords(why) {
  return why.charAt(0).toUpperCase() + why.slice(1);
}

/** @param {Trials} trials @param {number} at @param {number} now */
function ofTrial(trials, at, now) {
  const since = Number.isNaN(trials.started[at])
    ? ""
    : `for ${duration(Math.max(now - trials.started[at], 0))}`;
  const value = Number.isNaN(trials.values[at]) ? "" : `now ${number(trials.values[at])}`;
  return [trials.devices[at], since, value].filter(Boolean).join(" · ");
}

/** @param {Trials} trials @param {Set<string>} live @returns {{id: string, host: string, count: number}[]} */
function earlierAgents(trials, live) {
  /** @type {Map<string, {id: string, host: string, count: number}>} */
  const found = new Map();
  for (let i = 0; i < trials.count; i++) {
    const id = trials.agents[i];
    if (!id || live.has(id)) continue;
    const known = found.get(id) ?? { id, host: trials.hosts[i] ?? "", count: 0 };
    known.count++;
    found.set(id, known);
  }
  return [...found.values()];
}
