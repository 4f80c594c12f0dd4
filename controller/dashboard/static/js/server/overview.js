/** What the server holds and does now: cards of figures, agents, queues. */
import { Empty } from "../components/states.js";
import { ago, bytes, duration, number, time } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { Link, path } from "../router.js";
import { busySlots } from "../sweep/standing.js";
import { Spark } from "./spark.js";

const KEPT = 60;
const LATE_S = 10;

/** @param {{server: any, session: any}} props */
export function Overview({ server, session }) {
  return html`
    <div class="server-cards">
      <${ComingIn} server=${server} />
      <${Work} server=${server} />
      <${Card} title="Kept" facts=${[
        [
          "Database",
          html`${bytes(server.database.bytes)} <span class="quiet">${server.database.kind}</span>`,
        ],
        [
          "",
          html`<span class="quiet">${server.database.name.replace(/^the (database )?/, "")}</span>`,
        ],
        ["Files", `${bytes(server.files.bytes)} in ${number(server.files.count)}`],
        ["Rows", number(server.rows)],
      ]} />
      <${Broker} broker=${server.broker} />
      <${Card} title="Process" facts=${[
        [
          "Up for",
          html`<span title=${time(server.started)}>${duration(server.now - server.started)}</span>`,
        ],
        ["Memory", bytes(server.process.memory)],
        ["Processor", `${share(server)} of a core, since the start`],
        [
          "Open files",
          `${number(server.process.files)}, ${number(server.process.threads)} threads`,
        ],
        ["Pages", `${number(server.pages)} open`],
      ]} />
      <${Card} title="About" facts=${[
        ["opensweep", server.version],
        ["Runs on", server.python],
        ["Server", html`<code>${server.server_id}</code>`],
        ["Entity", server.entity],
        ["You are", session ? `${session.user}, ${session.role}` : "–"],
        [
          "It ends",
          server.idle_s === null
            ? "when it is told to"
            : `after ${duration(server.idle_s)} without use`,
        ],
      ]} />
    </div>
    <${Agents} agents=${server.agents} reachable=${server.broker.reachable} />
    <${Queues} queues=${server.queues} />
  `;
}

/** @param {any} server */
function share({ process, now, started }) {
  return `${((100 * process.cpu_s) / Math.max(now - started, 1)).toFixed(1)} %`;
}

/** @param {{title: string, facts: [string, any][], children?: any}} props */
function Card({ title, facts, children }) {
  return html`<section class="card server-card" aria-label=${title}>
    <h2>${title}</h2>
    ${children}
    <dl>${facts.map(([name, value], i) => html`<div key=${i}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}

/** @param {{server: any}} props */
function ComingIn({ server }) {
  const { rates, totals, now } = server;
  const [seen, setSeen] = useState(/** @type {number[]} */ ([]));
  useEffect(() => setSeen((before) => [...before, rates.rows].slice(-KEPT)), [now]);
  return html`<${Card} title="Coming in" facts=${[
    [
      "Rows",
      html`${number(round(rates.rows))}/s <span class="quiet">${number(totals.rows)} since the start</span>`,
    ],
    [
      "Chunks",
      html`${number(round(rates.chunks))}/s <span class="quiet">${bytes(rates.bytes)}/s</span>`,
    ],
    [
      "Requests",
      html`${number(round(rates.requests))}/s <span class="quiet">${number(totals.requests)} since the start</span>`,
    ],
  ]}>
    <${Spark} label="Rows a second, while this page is open" values=${seen} />
  <//>`;
}

/** @param {number} rate */
function round(rate) {
  return rate >= 100 ? Math.round(rate) : Number(rate.toFixed(1));
}

/** @param {{server: any}} props */
function Work({ server }) {
  return html`<${Card} title="Work" facts=${[
    ["Sweeps", states(server.sweeps)],
    ["Trials", states(server.trials)],
    ["Runs", number(server.runs)],
  ]} />`;
}

/** @param {Record<string, number>} counts */
function states(counts) {
  const there = Object.entries(counts).filter(([, count]) => count > 0);
  if (!there.length) return html`<span class="quiet">none</span>`;
  return there.map(
    ([state, count], i) =>
      html`${i > 0 && ", "}<span key=${state} class=${`state-${state}`}>${number(count)} ${state}</span>`,
  );
}

/** @param {{broker: any}} props */
function Broker({ broker }) {
  const state = broker.reachable
    ? html`<span class="state-finished">answers</span>`
    : html`<span class="state-failed">is out of reach: training goes on, no new trials start</span>`;
  return html`<${Card} title="Broker" facts=${[
    ["State", state],
    ["Product", broker.product || "–"],
    ["Whose", broker.own ? "the server's own" : "another's (OPENSWEEP_REDIS_URL)"],
    ["Memory", bytes(broker.memory)],
    ["Connections", number(broker.clients)],
  ]} />`;
}

/** @param {{agents: any[], reachable: boolean}} props */
function Agents({ agents, reachable }) {
  const silent = reachable
    ? html`<p><code>sweep agent ID</code> on a machine makes it work for a sweep.</p>`
    : html`<p>Nobody can tell while the broker is out of reach.</p>`;
  return html`<section aria-labelledby="server-agents" class="server-section">
    <h2 id="server-agents">Agents <span class="quiet">${number(agents.length)}</span></h2>
    ${
      agents.length === 0
        ? html`<${Empty} title=${reachable ? "No agent works" : "Which agents work is not known"}>${silent}<//>`
        : html`<div class="server-table"><table>
            <thead><tr>
              <th scope="col">Host</th><th scope="col">Sweep</th><th scope="col" class="figure">Slots</th>
              <th scope="col">Devices</th><th scope="col">Runs</th><th scope="col">State</th>
              <th scope="col" class="figure">Heard</th>
            </tr></thead>
            <tbody>${agents.map((agent) => html`<${Agent} key=${agent.id} agent=${agent} />`)}</tbody>
          </table></div>`
    }
  </section>`;
}

/** @param {{agent: any}} props */
function Agent({ agent }) {
  const slots = agent.slots ?? 0;
  const late = agent.silent_s !== null && agent.silent_s > LATE_S;
  return html`<tr>
    <th scope="row" title=${agent.id}><bdi>${agent.host ?? agent.id}</bdi>
      ${agent.wandb && html` <span class="badge">wandb agent</span>`}</th>
    <td><${Link} href=${path("sweeps", agent.sweep)}>${agent.sweep}<//></td>
    <td class="figure">${number(busySlots(agent))} of ${number(slots)}</td>
    <td class="server-devices">${devices(agent.devices)}</td>
    <td class="server-runs">${agent.running.map(
      (/** @type {any} */ run) =>
        html`<${Link} key=${run} href=${path("runs", String(run))}>${String(run)}<//> `,
    )}${agent.running.length === 0 && html`<span class="quiet">nothing</span>`}</td>
    <td>${
      agent.quarantined.length
        ? html`<span class="state-failed">rests: ${agent.quarantined.map(String).join(" ")}</span>`
        : html`<span class="state-finished">works</span>`
    }</td>
    <td class=${`figure ${late ? "state-failed" : ""}`}>${agent.silent_s === null ? "–" : ago(0, agent.silent_s)}</td>
  </tr>`;
}

/** "GPU 0, GPU 1"; of many the same, how often. @param {unknown[]} names */
function devices(names) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const name of names.map(String)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count > 1 ? `${name} × ${count}` : name)).join(", ");
}

/** @param {{queues: any[]}} props */
function Queues({ queues }) {
  if (!queues.length) return null;
  return html`<section aria-labelledby="server-queues" class="server-section">
    <h2 id="server-queues">Queues <span class="quiet">${number(queues.length)}</span></h2>
    <div class="server-table"><table>
      <thead><tr>
        <th scope="col">Sweep</th><th scope="col" class="figure">Queued</th><th scope="col" class="figure">Handed to Redis</th>
        <th scope="col" class="figure">Running</th><th scope="col" class="figure">Leases</th>
      </tr></thead>
      <tbody>${queues.map(
        (each) => html`<tr key=${each.sweep}>
          <th scope="row"><${Link} href=${path("sweeps", each.sweep)}>${each.sweep}<//></th>
          <td class="figure">${number(each.queued)}</td><td class="figure">${number(each.waiting)}</td>
          <td class="figure">${number(each.running)}</td><td class="figure">${number(each.leases)}</td>
        </tr>`,
      )}</tbody>
    </table></div>
  </section>`;
}
