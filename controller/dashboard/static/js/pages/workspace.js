import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function ChartsPage({ match }) {
  return html`<h1>Charts</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
