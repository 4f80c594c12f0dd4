import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function RunsPage({ match }) {
  return html`<h1>Runs</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
