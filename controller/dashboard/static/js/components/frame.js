/**
 * The frame of every page: where one is, where one can go, who one is, and whether the server is
 * there. Neighbours: page.js (what the page says of itself), css/frame.css.
 */
import { Fragment, html, useEffect, useState } from "../html.js";
import { onConnection, subscribe } from "../live.js";
import { usePlace } from "../page.js";
import { Link, navigate, projectOf, projectPath } from "../router.js";
import { session } from "../session.js";
import { useShortcut } from "../shortcuts.js";
import { Account } from "./account.js";
import { ProjectSwitcher } from "./project_switcher.js";
import { ShortcutList } from "./shortcut_list.js";

const OF_PROJECT = [
  ["Runs", ""],
  ["Charts", "charts"],
  ["Artifacts", "artifacts"],
  ["Reports", "reports"],
];

/** @param {{match: Record<string, string>, pathname: string, children?: any}} props */
export function Frame({ match, pathname, children }) {
  const place = usePlace();
  const project = match.project === undefined ? place.project : projectOf(match);
  const [unfolded, setUnfolded] = useState(false);
  const [listed, setListed] = useState(false);
  useEffect(() => setUnfolded(false), [pathname]);
  useShortcut("?", "Show the keyboard shortcuts", () => setListed(true));
  useShortcut("g h", "Go to the home page", () => navigate("/"));
  useShortcut("g s", "Go to the server's page", () => navigate("/server"));
  useShortcut("/", "Search on this page", focusSearch);
  const inside = pathname !== "/login";
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class=${`frame ${unfolded ? "unfolded" : ""}`}>
      <${Link} href="/" class="brand" aria-label="opensweep, home"
        aria-current=${pathname === "/" ? "page" : undefined}>
        <${Mark} /><span>opensweep</span>
      <//>
      ${
        inside &&
        html`
        <${ProjectSwitcher} project=${project} />
        <button type="button" class="frame-fold" aria-expanded=${unfolded} aria-controls="frame-nav"
          onClick=${() => setUnfolded(!unfolded)}>Menu</button>
        <nav id="frame-nav" class="frame-nav" aria-label="Pages">
          ${project !== null && html`<${ProjectPages} project=${project} pathname=${pathname} />`}
          <${Place} href="/server" pathname=${pathname}>Server<//>
        </nav>
        <${Account} onShortcuts=${() => setListed(true)} />`
      }
    </header>
    ${inside && html`<${Unreachable} />`}
    <main id="main" tabindex="-1">${children}</main>
    ${listed && html`<${ShortcutList} onClose=${() => setListed(false)} />`}
  `;
}

/** @param {{project: string, pathname: string}} props */
function ProjectPages({ project, pathname }) {
  return html`<${Fragment}>
    ${OF_PROJECT.map(([label, rest]) => {
      const href = rest ? projectPath(project, rest) : projectPath(project);
      return html`<${Place} key=${label} href=${href} pathname=${pathname}>${label}<//>`;
    })}
  <//>`;
}

/** A link that knows whether one is there. @param {{href: string, pathname: string, children?: any}} props */
function Place({ href, pathname, children }) {
  return html`<${Link} href=${href} aria-current=${href === pathname ? "page" : undefined}>
    ${children}
  <//>`;
}

function Mark() {
  return html`<svg viewBox="0 0 32 32" width="20" height="20" aria-hidden="true">
    <rect width="32" height="32" rx="7" fill="var(--accent)" />
    <path d="M5 23 11 12l5 7 4-10 7 14" fill="none" stroke="var(--on-accent)" stroke-width="2.6"
      stroke-linejoin="round" stroke-linecap="round" />
  </svg>`;
}

/** Quiet, and gone by itself: live.js goes on trying. */
function Unreachable() {
  const [reachable, setReachable] = useState(true);
  useEffect(() => onConnection(setReachable), []);
  useEffect(followSomething, []);
  return html`<div class="unreachable" role="status">
    ${
      !reachable &&
      html`<p>The server does not answer. What is shown is what was last heard; trying again by itself.
        If it has ended, <code>sweep open</code> starts it.</p>`
    }
  </div>`;
}

/** So that it is known on pages that follow nothing. Not before one is logged in. */
function followSomething() {
  let over = false;
  let end = () => {};
  session().then(
    () => {
      if (!over) end = subscribe(["projects"], () => {});
    },
    () => {}, // nobody, or no server: others say so
  );
  return () => {
    over = true;
    end();
  };
}

/** The hash is no part of our addresses. @param {MouseEvent} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function focusSearch() {
  const found = document.querySelector("#main [data-search], #main input[type=search]");
  if (found instanceof HTMLElement) found.focus();
}
