import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function ArtifactPage({ match }) {
  return html`<h1>Artifact</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
