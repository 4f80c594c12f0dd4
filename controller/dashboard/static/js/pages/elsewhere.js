import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function ElsewherePage({ match }) {
  return html`<h1>Elsewhere</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
