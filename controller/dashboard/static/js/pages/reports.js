import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function ReportsPage({ match }) {
  return html`<h1>Reports</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
