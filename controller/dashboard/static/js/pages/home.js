import { html } from "../html.js";

/** @param {{match: Record<string, string>}} props */
export default function HomePage({ match }) {
  return html`<h1>Home</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
