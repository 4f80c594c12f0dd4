import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function SweepPage({ match }) {
  return html`<h1>Sweep</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
