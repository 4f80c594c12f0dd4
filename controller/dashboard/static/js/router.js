/**
 * Which page an address means, and moving between them without loading the document again.
 *
 * All that a page shows beyond its path is in the query (`useQuery`), so that every state has an
 * address that can be sent to somebody.
 */
import { html, useEffect, useState } from "./html.js";
import { frozen, home } from "./source.js";

/**
 * @typedef {Record<string, string>} Match the named parts of a path, decoded
 * @typedef {{default: (props: {match: Match}) => any}} PageModule
 * @typedef {{pattern: RegExp, load: () => Promise<PageModule>}} Route
 */

/** @type {Route[]} the first that fits wins; ours before those that W&B's client prints */
export const ROUTES = [
  { pattern: /^\/$/, load: () => import("./pages/home.js") },
  { pattern: /^\/sweeps\/(?<sweep>[^/]+)$/, load: () => import("./pages/sweep.js") },
  { pattern: /^\/runs\/(?<run>[^/]+)$/, load: () => import("./pages/run.js") },
  { pattern: /^\/artifacts\/(?<artifact>[^/]+)$/, load: () => import("./pages/artifact.js") },
  { pattern: /^\/projects\/(?<project>[^/]+)$/, load: () => import("./pages/runs.js") },
  {
    pattern: /^\/projects\/(?<project>[^/]+)\/charts$/,
    load: () => import("./pages/workspace.js"),
  },
  { pattern: /^\/projects\/(?<project>[^/]+)\/compare$/, load: () => import("./pages/compare.js") },
  { pattern: /^\/projects\/(?<project>[^/]+)\/reports$/, load: () => import("./pages/reports.js") },
  {
    pattern: /^\/projects\/(?<project>[^/]+)\/artifacts$/,
    load: () => import("./pages/artifacts.js"),
  },
  { pattern: /^\/reports\/(?<report>[^/]+)$/, load: () => import("./pages/report.js") },
  { pattern: /^\/server$/, load: () => import("./pages/server.js") },
  { pattern: /^\/login$/, load: () => import("./pages/login.js") },
  {
    pattern: /^\/(?<entity>[^/]+)\/(?<name>[^/]+)(\/(?<rest>.*))?$/,
    load: () => import("./pages/elsewhere.js"),
  },
];

/** @param {string} path as `location.pathname` has it @returns {{route: Route, match: Match} | null} */
export function find(path) {
  const bare = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  for (const route of ROUTES) {
    const found = route.pattern.exec(bare);
    if (!found) continue;
    const parts = Object.entries(found.groups ?? {});
    return { route, match: Object.fromEntries(parts.map(([k, v]) => [k, decode(v ?? "")])) };
  }
  return null;
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A path of parts, each escaped: `path("projects", "a/b", "charts")`. @param {...string} parts */
export function path(...parts) {
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

/** The address of a project's page; "" (no project) is written "-".
 * @param {string} project its whole name @param {...string} rest */
export function projectPath(project, ...rest) {
  return path("projects", project || "-", ...rest);
}

/** The whole name of the project that an address means. @param {Match} match */
export function projectOf(match) {
  return match.project === "-" ? "" : (match.project ?? "");
}

const MOVED = "opensweep:moved";

/** @param {string} url @param {{replace?: boolean}} [how] */
export function navigate(url, how = {}) {
  if (url === location.pathname + location.search + location.hash) return;
  if (frozen && url.split(/[?#]/)[0] !== location.pathname) {
    open(home(url), "_blank", "noopener,noreferrer");
    return;
  }
  if (how.replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  dispatchEvent(new Event(MOVED));
}

/** The address as it is now; draws again when it changes. @returns {URL} */
export function useLocation() {
  const [url, setUrl] = useState(() => location.href);
  useEffect(() => {
    const look = () => setUrl(location.href);
    addEventListener(MOVED, look);
    addEventListener("popstate", look);
    look();
    return () => {
      removeEventListener(MOVED, look);
      removeEventListener("popstate", look);
    };
  }, []);
  return new URL(url);
}

/**
 * A part of the page's state that lives in the query of its address.
 * @param {string} name
 * @param {string} [usual] what holds when the address does not say; it is not written there
 * @returns {[string, (value: string, how?: {replace?: boolean}) => void]}
 */
export function useQuery(name, usual = "") {
  const value = useLocation().searchParams.get(name) ?? usual;
  return [
    value,
    (next, how = { replace: true }) => {
      const url = new URL(location.href);
      if (next === usual) url.searchParams.delete(name);
      else url.searchParams.set(name, next);
      navigate(url.pathname + url.search + url.hash, how);
    },
  ];
}

/** The same for anything JSON can say. @template T @param {string} name @param {T} usual
 * @returns {[T, (value: T, how?: {replace?: boolean}) => void]} */
export function useJsonQuery(name, usual) {
  const [text, setText] = useQuery(name);
  let value = usual;
  try {
    if (text) value = JSON.parse(text);
  } catch {
    // An address that somebody cut off: the usual state is shown.
  }
  const plain = JSON.stringify(usual);
  return [
    value,
    (next, how) => {
      const said = JSON.stringify(next);
      setText(said === plain ? "" : said, how);
    },
  ];
}

/**
 * A link within the pages; with a modifier key it is the browser's own.
 * @param {{href: string, onFollow?: () => void, children?: any, [more: string]: any}} props
 */
export function Link({ href, onFollow, children, ...more }) {
  /** @param {MouseEvent} event */
  const follow = (event) => {
    if (frozen || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    onFollow?.();
    navigate(href);
    scrollTo(0, 0);
  };
  return html`<a href=${home(href)} onClick=${follow} ...${more}>${children}</a>`;
}
