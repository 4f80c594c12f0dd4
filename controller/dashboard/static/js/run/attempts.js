/** The attempts at a trial: where each ran, and how it ended. */
import { StateBadge } from "../components/states.js";
import { duration, time } from "../format.js";
import { html } from "../html.js";

/** @param {{trial: Record<string, any>}} props */
export function Attempts({ trial }) {
  const listed = /** @type {Record<string, any>[]} */ (trial.attempts_list ?? []);
  if (!listed.length) return null;
  return html`<section class="card" aria-label="Attempts">
    <h2>Attempts</h2>
    <div class="scroll-sideways">
      <table class="attempts">
        <thead>
          <tr><th>#</th><th>State</th><th>Why</th><th>Started</th><th>Took</th><th>Where</th><th>Exit</th></tr>
        </thead>
        <tbody>
          ${listed.map(
            (each) => html`<tr key=${each.token}>
              <td>${each.token}</td>
              <td><${StateBadge} state=${each.state} /></td>
              <td>${each.reason?.replaceAll("_", " ") ?? ""}${each.detail && html`<div class="quiet">${each.detail}</div>`}</td>
              <td>${time(each.started)}</td>
              <td>${each.started && each.ended ? duration(each.ended - each.started) : "–"}</td>
              <td>${[each.host, each.device].filter(Boolean).join(", ")}</td>
              <td>${each.signal ? `signal ${each.signal}` : (each.exit_code ?? "")}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
