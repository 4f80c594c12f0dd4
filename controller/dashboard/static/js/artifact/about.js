/** What a version is: description, aliases, tags, metadata, and where it comes from. */
import { get } from "../api.js";
import { Copy } from "../components/code.js";
import { EditableText, EditableWords } from "../components/editable.js";
import { Facts } from "../components/facts.js";
import { JsonTree } from "../components/json_tree.js";
import { ago, bytes, duration, number, time } from "../format.js";
import { useFetch } from "../hooks.js";
import { html } from "../html.js";
import { Link, path } from "../router.js";

const LATEST = "latest"; // it goes with the newest version, and is not taken away by hand

/**
 * @param {{artifact: Record<string, any>, may: boolean,
 *   change: (changes: Record<string, any>) => Promise<void>}} props
 */
export function About({ artifact, may, change }) {
  const { project, name } = artifact;
  const { data } = useFetch(
    (signal) => get(`/api${path("artifacts", artifact.id, "users")}`, {}, { signal }),
    [artifact.id],
  );
  const users = /** @type {string[]} */ (data?.runs ?? []);
  const keep = (/** @type {string[]} */ aliases) => change({ aliases, project, name });
  return html`<div class="overview">
    <div class="overview-facts">
      <section class="card" aria-label="Version">
        <h2>Version</h2>
        <${Facts} facts=${[
          [
            "Name",
            html`${name}:v${artifact.version} <${Copy} text=${`${name}:v${artifact.version}`} label="Copy name" />`,
          ],
          ["Type", artifact.type],
          [
            "Aliases",
            html`<${EditableWords} label="Aliases" word="alias" words=${artifact.aliases} fixed=${[LATEST]} may=${may} save=${keep} />`,
          ],
          [
            "Tags",
            html`<${EditableWords} label="Tags" word="tag" words=${artifact.tags} may=${may} save=${(/** @type {string[]} */ tags) => change({ tags })} />`,
          ],
          [
            "Made by",
            artifact.run && html`<${Link} href=${path("runs", artifact.run)}>${artifact.run}<//>`,
          ],
          [
            "Used by",
            users.length > 0 &&
              html`${users.slice(0, 20).map((run) => html`<${Link} key=${run} href=${path("runs", run)}>${run}<//> `)}${users.length > 20 && html`<span class="quiet">and ${number(users.length - 20)} more</span>`}`,
          ],
          [
            "Created",
            html`${time(artifact.created)} <span class="quiet">${ago(artifact.created)}</span>`,
          ],
          artifact.updated > artifact.created + 1 && ["Changed", time(artifact.updated)],
          ["Kept for", artifact.ttl_s && duration(artifact.ttl_s)],
          [
            "Size",
            `${bytes(artifact.size)} in ${number(artifact.files)} ${artifact.files === 1 ? "file" : "files"}`,
          ],
          [
            "Digest",
            html`<code>${artifact.digest.slice(0, 16)}…</code> <${Copy} text=${artifact.digest} label="Copy digest" />`,
          ],
          artifact.source.name !== name && [
            "Linked from",
            `${artifact.source.project}/${artifact.source.name}:v${artifact.source.version}`,
          ],
        ]} />
      </section>
    </div>
    <div class="overview-values">
      <section class="card" aria-label="Description">
        <h2>Description</h2>
        <${EditableText} label="Description" markdown value=${artifact.description} may=${may}
          empty=${may ? "None yet. Markdown is understood." : "None."}
          save=${(/** @type {string} */ description) => change({ description })} />
      </section>
      <section class="card" aria-label="Metadata">
        <h2>Metadata</h2>
        <${JsonTree} label="Metadata" value=${artifact.metadata} open=${2} />
      </section>
    </div>
  </div>`;
}
