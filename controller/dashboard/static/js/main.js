/** The start: lets in whoever comes by a login link, finds the page of the address, draws it. */
import { get, onLoggedOut } from "./api.js";
import { Boundary } from "./components/boundary.js";
import { Frame } from "./components/frame.js";
import { Empty, Failure, Loading } from "./components/states.js";
import { html, render, useEffect, useRef, useState } from "./html.js";
import { usePage } from "./page.js";
import { find, Link, navigate, useLocation } from "./router.js";
import { afterLogin, redeem } from "./session.js";

const FRESH = "opensweep:loaded-anew";

function App() {
  const { pathname } = useLocation();
  const found = find(pathname);
  const [page, setPage] = useState(/** @type {any} */ (null));
  const load = found?.route.load;
  useEffect(() => {
    if (!load) return;
    let current = true;
    load().then(
      (module) => current && setPage({ load, view: module.default }),
      async (error) => {
        if (!(await loadAnew()) && current) setPage({ load, error });
      },
    );
    return () => {
      current = false;
    };
  }, [load]);
  useFocusOnArrival(pathname);
  let view;
  if (!found) view = html`<${Nowhere} />`;
  else if (page?.load !== load) view = html`<${Loading} />`;
  else if (page.error)
    view = html`<${Failure} error=${page.error} retry=${() => location.reload()} />`;
  else view = html`<${page.view} key=${pathname} match=${found.match} />`;
  return html`<${Frame} match=${found?.match ?? {}} pathname=${pathname}>
    <${Boundary} key=${pathname}>${view}<//>
  <//>`;
}

function Nowhere() {
  usePage("There is no such page");
  return html`<h1>There is no such page</h1>
    <${Empty} title="Nothing is kept at this address">
      <p>Begin at <${Link} href="/">the home page<//>.</p>
    <//>`;
}

/**
 * A module that does not load may be one of a version that the server has no more: the document is
 * loaded again, once for each version. @returns {Promise<boolean>} whether it is
 */
async function loadAnew() {
  const version = /** @type {HTMLScriptElement} */ (document.querySelector("script[type=module]"))
    .src;
  if (sessionStorage.getItem(FRESH) === version) return false;
  try {
    await get("/api/session");
  } catch {
    return false;
  }
  sessionStorage.setItem(FRESH, version);
  location.reload();
  return true;
}

/** Who moves to another page by a link hears and tabs on from its beginning.
 * @param {string} pathname */
function useFocusOnArrival(pathname) {
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [pathname]);
}

onLoggedOut(() => {
  if (location.pathname === "/login") return;
  const back = location.pathname + location.search + location.hash;
  navigate(`/login?next=${encodeURIComponent(back)}`, { replace: true });
});
// In a tab that is open at the page of a link, following it changes the fragment alone.
addEventListener("hashchange", async () => {
  if (!(await redeem())) return;
  if (location.pathname === "/login") location.replace(afterLogin());
  else location.reload();
});
redeem().then(() => {
  render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
});
