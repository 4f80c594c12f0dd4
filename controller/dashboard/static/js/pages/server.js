import { html } from "../html.js";
import { useSession } from "../session.js";

/** @param {{match: Record<string, string>}} props */
export default function ServerPage({ match }) {
  useSession();
  return html`<h1>Server</h1>
    <pre>${JSON.stringify(match)}</pre>`;
}
