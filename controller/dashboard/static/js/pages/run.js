import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function RunPage({ match }) {
  return html`<h1>Run</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
