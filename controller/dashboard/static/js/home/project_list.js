/** Projects with their runs, the latest active first. */
import { ago, number, time } from "../format.js";
import { useNow } from "../hooks.js";
import { html, useState } from "../html.js";
import { Link, projectPath } from "../router.js";

const SHOWN = 12;

/** @typedef {{name: string, runs: number, updated: number, description: string}} Project */

/** @param {{projects: Project[], search: string}} props */
export function ProjectList({ projects, search }) {
  const now = useNow(5000);
  const [all, setAll] = useState(false);
  const words = search.toLowerCase().split(/\s+/);
  const fit = projects
    .filter(({ name, description }) =>
      words.every((word) => `${name} ${description}`.toLowerCase().includes(word)),
    )
    .sort((a, b) => b.updated - a.updated);
  const shown = all ? fit : fit.slice(0, SHOWN);
  return html`<section class="home-projects" aria-labelledby="home-projects">
    <div class="home-head"><h2 id="home-projects">Projects</h2><span class="quiet">${number(projects.length)}</span></div>
    ${fit.length === 0 && html`<p class="quiet">${projects.length ? "No project fits." : "None yet: a run or a sweep makes its project."}</p>`}
    <ul>
      ${shown.map(
        (each) => html`<li key=${each.name}>
          <${Link} href=${projectPath(each.name)} class="project-name"><bdi>${each.name}</bdi><//>
          <span class="project-runs">${number(each.runs)} ${each.runs === 1 ? "run" : "runs"}</span>
          <span class="project-active" title=${time(each.updated)}>${ago(each.updated, now)}</span>
          ${each.description && html`<p class="project-about">${each.description}</p>`}
        </li>`,
      )}
    </ul>
    ${
      shown.length < fit.length &&
      html`<p><button type="button" onClick=${() => setAll(true)}>Show all ${number(fit.length)}</button></p>`
    }
  </section>`;
}
