/** The artifacts that a run used and logged, and their lineage. Neighbour: artifact/lineage.js. */
import { get } from "../api.js";
import { Lineage } from "../artifact/lineage.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { bytes, number, time } from "../format.js";
import { useLive } from "../hooks.js";
import { html } from "../html.js";
import { Link, path } from "../router.js";

/** @param {{run: Record<string, any>}} props */
export function ArtifactsTab({ run }) {
  const api = `/api${path("runs", run.id)}`;
  const { data, error, reload } = useLive(
    [`run/${run.id}`],
    async (signal) => {
      const [used, made] = await Promise.all([
        get(`${api}/artifacts`, { used: 1 }, { signal }),
        get(`${api}/artifacts`, {}, { signal }),
      ]);
      return { used: used.artifacts, made: made.artifacts };
    },
    [run.id],
    2000,
  );
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  if (!data.used.length && !data.made.length)
    return html`<${Empty} title="No artifacts">
      <p>Versioned files, for other runs to use:</p>
      <pre>artifact = opensweep.Artifact("weights", type="model")
artifact.add_file("model.bin")
run.log_artifact(artifact)</pre>
    <//>`;
  return html`<div class="artifacts-tab">
    <${Listed} title="Used" artifacts=${data.used} empty="It used none." />
    <${Listed} title="Logged" artifacts=${data.made} run=${run.id} empty="It logged none." />
    <section aria-label="Lineage"><h2>Lineage</h2><${Lineage} of=${`${api}/lineage`} /></section>
  </div>`;
}

/** @param {{title: string, artifacts: any[], empty: string, run?: string}} props `run`: who logged them */
function Listed({ title, artifacts, empty, run }) {
  return html`<section aria-label=${title}>
    <h2>${title}</h2>
    ${
      artifacts.length === 0
        ? html`<p class="quiet">${empty}</p>`
        : html`<div class="scroll-sideways"><table class="artifact-list" aria-label=${`${title} artifacts`}>
            <thead><tr><th>Name</th><th>Type</th><th>Aliases</th><th>Files</th><th>Size</th><th>Created</th></tr></thead>
            <tbody>${artifacts.map(
              (each) => html`<tr key=${each.id}>
                <td><${Link} href=${path("artifacts", each.id)}>${each.name}:v${each.version}<//>
                  ${run && each.run !== run && html` <span class="quiet" title="Its content was this version already">the same content</span>`}</td>
                <td>${each.type}</td>
                <td>${each.aliases.map((/** @type {string} */ alias) => html`<span key=${alias} class="word">${alias}</span> `)}</td>
                <td class="data-value">${number(each.files)}</td>
                <td class="data-value">${bytes(each.size)}</td>
                <td>${time(each.created)}</td>
              </tr>`,
            )}</tbody>
          </table></div>`
    }
  </section>`;
}
