import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function ArtifactsPage({ match }) {
  return html`<h1>Artifacts</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
