/** The start: finds the page of the address, and draws the frame around it. */
import { onLoggedOut } from "./api.js";
import { Frame } from "./components/frame.js";
import { Empty, Failure, Loading } from "./components/states.js";
import { html, render, useEffect, useState } from "./html.js";
import { find, navigate, useLocation } from "./router.js";

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
      (error) => current && setPage({ load, error }),
    );
    return () => {
      current = false;
    };
  }, [load]);
  let view;
  if (!found)
    view = html`<${Empty} title="There is no such page"><p>Begin at <a href="/">the home page</a>.</p><//>`;
  else if (page?.load !== load) view = html`<${Loading} />`;
  else if (page.error) view = html`<${Failure} error=${page.error} />`;
  else view = html`<${page.view} key=${pathname} match=${found.match} />`;
  return html`<${Frame} match=${found?.match ?? {}}>${view}<//>`;
}

onLoggedOut(() => {
  if (location.pathname === "/login") return;
  const back = location.pathname + location.search;
  navigate(`/login?next=${encodeURIComponent(back)}`, { replace: true });
});
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
