/** The frame of every page: where one is, where one can go. */
import { html } from "../html.js";
import { Link, path } from "../router.js";

/** @param {{match: Record<string, string>, children?: any}} props */
export function Frame({ match, children }) {
  const { project } = match;
  return html`
    <a class="skip" href="#main">Skip to the content</a>
    <header class="frame">
      <${Link} href="/" class="brand">opensweep<//>
      <nav aria-label="Pages">
        ${
          project &&
          html`
            <${Link} href=${path("projects", project)}>${project}<//>
            <${Link} href=${path("projects", project, "charts")}>Charts<//>
            <${Link} href=${path("projects", project, "artifacts")}>Artifacts<//>
            <${Link} href=${path("projects", project, "reports")}>Reports<//>
          `
        }
        <${Link} href="/server">Server<//>
      </nav>
    </header>
    <main id="main" tabindex="-1">${children}</main>
  `;
}
