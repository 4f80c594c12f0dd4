/** What a script told people: the newest first, and what became of it. */
import { get } from "../api.js";
import { Markdown } from "../components/markdown.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { ago, time } from "../format.js";
import { useLive } from "../hooks.js";
import { html } from "../html.js";

const FATES = /** @type {Record<string, string>} */ ({
  due: "on its way",
  held: "held back: one with this title went out shortly before",
  kept: "told nobody: the server was started without OPENSWEEP_ALERTS",
  delivered: "delivered",
  failed: "could not be delivered everywhere",
});

/** @param {{run: Record<string, any>}} props */
export function AlertsTab({ run }) {
  const { data, error, reload } = useLive(
    [`run/${run.id}`],
    (signal) => get("/api/alerts", { run: run.id, limit: 1000 }, { signal }),
    [run.id],
    2000,
  );
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  if (!data.alerts.length)
    return html`<${Empty} title="No alerts">
      <p>A script tells people that something is odd:</p>
      <pre>run.alert("loss is odd", "it went up for ten steps", level="WARN")</pre>
    <//>`;
  const addresses = data.delivery.addresses;
  return html`<section class="alerts-tab" aria-label="Alerts">
    ${data.delivery.problem && html`<p class="failure" role="alert">${data.delivery.problem}</p>`}
    <ul>
      ${data.alerts.map(
        (
          /** @type {any} */ each,
        ) => html`<li key=${`${each.writer} ${each.lane} ${each.number}`} class="card">
          <header>
            <span class=${`badge alert-${each.level.toLowerCase()}`}>${each.level}</span>
            <h2>${each.title}</h2>
            <time title=${time(each.created)}>${ago(each.raised || each.created)}</time>
          </header>
          ${each.text && html`<${Markdown} text=${each.text} prefix=${`alert-${each.number}-`} />`}
          <p class="quiet">
            ${FATES[each.state] ?? each.state}${each.told > 0 && html`: ${each.told} of ${Math.max(addresses, each.told)} addresses`}
            ${each.delivered && html`, ${time(each.delivered)}`}${each.lane && html`; process ${each.lane}`}
          </p>
        </li>`,
      )}
    </ul>
  </section>`;
}
