/** From one project to another, from any page: a button that names it, a list that can be searched. */
import { get } from "../api.js";
import { useLive } from "../hooks.js";
import { html, useState } from "../html.js";
import { Link, projectPath } from "../router.js";
import { Popup } from "./menu.js";

const SHOWN = 100;
const NONE = "No project";

/** @typedef {{name: string, runs: number, updated: number}} Project */

/** @param {{project: string | null}} props `project`: "" is none, null: the page is of no project */
export function ProjectSwitcher({ project }) {
  const shown = project === null ? "Projects" : project || NONE;
  const button = html`<span class="switcher-name"><bdi>${shown}</bdi></span><span aria-hidden="true">▾</span>`;
  return html`<${Popup} class="switcher" label=${`Project: ${shown}`} button=${button}>
    ${(/** @type {() => void} */ close) => html`<${Projects} current=${project} close=${close} />`}
  <//>`;
}

/** @param {{current: string | null, close: () => void}} props */
function Projects({ current, close }) {
  const [wanted, setWanted] = useState("");
  const { data, error } = useLive(
    ["projects"],
    async () => /** @type {Project[]} */ ((await get("/api/projects")).projects),
    [],
  );
  const words = wanted.toLowerCase();
  const fit = (data ?? [])
    .filter((each) => each.name.toLowerCase().includes(words))
    .sort((a, b) => b.updated - a.updated);
  /** A search field would be emptied by Escape first. @param {KeyboardEvent} event */
  const press = (event) => {
    if (event.key === "Escape") close();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const list = /** @type {HTMLElement} */ (event.currentTarget);
    const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("input, a")]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    all[(at + step + all.length) % all.length].focus();
  };
  return html`<div class="switcher-list" onKeyDown=${press}>
    <input type="search" aria-label="Find a project" placeholder="Find a project" autofocus
      value=${wanted} onInput=${(/** @type {any} */ event) => setWanted(event.target.value)} />
    <ul>
      ${fit.slice(0, SHOWN).map(
        (each) => html`<li key=${each.name}>
          <${Link} href=${projectPath(each.name)} title=${each.name} onFollow=${close}
            aria-current=${each.name === current ? "true" : undefined}>
            <bdi>${each.name || NONE}</bdi><span class="quiet">${each.runs}</span>
          <//>
        </li>`,
      )}
    </ul>
    ${error && html`<p class="failure" role="alert">${error.message}</p>`}
    ${data && !fit.length && html`<p class="quiet">${wanted ? "None fits." : "There is no project yet."}</p>`}
    ${fit.length > SHOWN && html`<p class="quiet">${fit.length - SHOWN} more: type a part of the name.</p>`}
  </div>`;
}
