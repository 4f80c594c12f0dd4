/** What W&B's clients asked for and this server does not have. */
import { Empty, Failure, Loading } from "../components/states.js";
import { number } from "../format.js";
import { html } from "../html.js";

/** @param {{listed: {operation: string, field: string, count: number}[] | undefined, error?: Error}} props */
export function Unknown({ listed, error }) {
  if (!listed) return error ? html`<${Failure} error=${error} />` : html`<${Loading} />`;
  if (!listed.length)
    return html`<${Empty} title="Nothing was missing">
      <p>Whatever clients of W&B have asked for since this server started, it had.</p>
    <//>`;
  return html`<p class="quiet">Asked for by clients of W&B since this server started, and not here. They go
      on without it. If you miss something, tell us its name.</p>
    <div class="server-table"><table>
      <thead><tr><th scope="col">Operation</th><th scope="col">Field</th><th scope="col" class="figure">Times</th></tr></thead>
      <tbody>${listed.map(
        ({ operation, field, count }) => html`<tr key=${`${operation} ${field}`}>
          <th scope="row"><code>${operation}</code></th><td><code>${field}</code></td><td class="figure">${number(count)}</td>
        </tr>`,
      )}</tbody>
    </table></div>`;
}
