/** The last warnings of the server's log. */
import { Empty } from "../components/states.js";
import { time } from "../format.js";
import { html } from "../html.js";

/** @param {{listed: {time: number, level: string, name: string, message: string}[]}} props */
export function Warnings({ listed }) {
  if (!listed.length)
    return html`<${Empty} title="No warnings"><p>The server has had nothing to warn of since it started.</p><//>`;
  return html`<div class="server-table"><table class="server-log">
    <thead><tr><th scope="col">Time</th><th scope="col">Level</th><th scope="col">Said</th></tr></thead>
    <tbody>${listed.map(
      (each, i) => html`<tr key=${`${each.time} ${i}`}>
        <td class="server-time">${time(each.time)}</td>
        <td><span class=${each.level === "WARNING" ? "state-stopped" : "state-failed"}>${each.level.toLowerCase()}</span></td>
        <td><span class="quiet">${each.name}</span><pre>${each.message}</pre></td>
      </tr>`,
    )}</tbody>
  </table></div>`;
}
