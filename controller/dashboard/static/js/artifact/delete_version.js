/** Asks before a version of an artifact goes. */
import { remove } from "../api.js";
import { Confirm, notify } from "../components/dialog.js";
import { html } from "../html.js";
import { navigate, path, projectPath } from "../router.js";

/** @param {{artifact: Record<string, any>, project: string, onClose: () => void}} props */
export function DeleteVersion({ artifact, project, onClose }) {
  const name = `${artifact.name}:v${artifact.version}`;
  const aliases = artifact.aliases.filter((/** @type {string} */ each) => each !== "latest");
  const act = async () => {
    await remove(`/api${path("artifacts", artifact.id)}?aliases=1`);
    notify(`${name} is deleted.`);
    navigate(projectPath(project, "artifacts"));
  };
  return html`<${Confirm} title=${`Delete ${name}?`} action="Delete" danger act=${act} onClose=${onClose}>
    <p>Its files go, as far as no other version has them. This cannot be undone.</p>
    ${aliases.length > 0 && html`<p>It is called ${aliases.join(", ")}: scripts that ask for that find nothing any more.</p>`}
  <//>`;
}
