import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function ComparePage({ match }) {
  return html`<h1>Compare</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
