/**
 * A version of an artifact: what it is, its files, where it comes from, what became of it, and the
 * other versions. Each part has an address (`?tab=`). Neighbours: artifact/*.js.
 */
import { get, post } from "../api.js";
import { About } from "../artifact/about.js";
import { DeleteVersion } from "../artifact/delete_version.js";
import { Lineage } from "../artifact/lineage.js";
import { Usage } from "../artifact/usage.js";
import { Versions } from "../artifact/versions.js";
import { FileBrowser } from "../components/file_browser.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { TabPanel, Tabs } from "../components/tabs.js";
import { useFetch } from "../hooks.js";
import { html, useState } from "../html.js";
import { usePage } from "../page.js";
import { Link, navigate, path, projectPath, useQuery } from "../router.js";
import { useSession } from "../session.js";

const NONE = "uncategorized";

/** @param {{match: Record<string, string>}} props */
export default function ArtifactPage({ match }) {
  const api = `/api${path("artifacts", match.artifact)}`;
  const { data, error, reload } = useFetch((signal) => get(api, {}, { signal }), [api]);
  const [tab] = useQuery("tab", "overview");
  const [deleting, setDeleting] = useState(false);
  const may = useSession().may("write");
  const artifact = data?.artifact;
  const project = artifact && artifact.project !== NONE ? artifact.project : "";
  const name = artifact ? `${artifact.name}:v${artifact.version}` : match.artifact;
  usePage(name, artifact ? project : null);
  if (/** @type {any} */ (error)?.status === 404 && !artifact)
    return html`<${Empty} title="There is no such artifact"><p>${error?.message}</p><//>`;
  if (error && !artifact) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!artifact) return html`<${Loading} />`;
  const tabs = [
    { id: "overview", label: "Overview" },
    { id: "files", label: "Files", count: artifact.files },
    { id: "versions", label: "Versions" },
    { id: "lineage", label: "Lineage" },
    { id: "usage", label: "Usage" },
  ];
  const shown = tabs.some((each) => each.id === tab) ? tab : "overview";
  const open = (/** @type {string} */ id) =>
    navigate(path("artifacts", match.artifact) + (id === "overview" ? "" : `?tab=${id}`));
  /** @param {Record<string, any>} changes */
  const change = async (changes) => {
    await post(api, changes);
    reload();
  };
  return html`<article class="artifact-page">
    <header class="run-head">
      <nav aria-label="Where this artifact belongs" class="run-way">
        <${Link} href=${projectPath(project)}>${project || "no project"}<//>
        <span aria-hidden="true">/</span>
        <${Link} href=${`${projectPath(project, "artifacts")}?type=${encodeURIComponent(artifact.type)}`}>${artifact.type}<//>
      </nav>
      <div class="run-title">
        <h1>${name}</h1>
        ${artifact.aliases.map((/** @type {string} */ alias) => html`<span key=${alias} class="word">${alias}</span>`)}
        ${may && html`<div class="run-actions"><button type="button" class="danger" onClick=${() => setDeleting(true)}>Delete…</button></div>`}
      </div>
    </header>
    <${Tabs} label="Parts of this artifact" tabs=${tabs} value=${shown} onChange=${open} />
    <${TabPanel} id=${shown} key=${shown}>
      ${shown === "overview" && html`<${About} artifact=${artifact} may=${may} change=${change} />`}
      ${shown === "files" && html`<${FileBrowser} api=${api} empty=${html`<p>This version is empty.</p>`} />`}
      ${shown === "versions" && html`<${Versions} artifact=${artifact} />`}
      ${shown === "lineage" && html`<${Lineage} of=${`${api}/lineage`} />`}
      ${shown === "usage" && html`<${Usage} artifact=${artifact} />`}
    <//>
    ${deleting && html`<${DeleteVersion} artifact=${artifact} project=${project} onClose=${() => setDeleting(false)} />`}
  </article>`;
}
