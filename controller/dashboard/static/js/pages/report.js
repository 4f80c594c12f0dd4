import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function ReportPage({ match }) {
  return html`<h1>Report</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
