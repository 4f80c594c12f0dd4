/**
 * What a run printed: a hundred thousand lines of it as quickly as ten. Only what can be seen is drawn
 * and fetched. It follows the end until somebody scrolls up; searches on the server; keeps the search,
 * the lane and a line (#L123) in the address. Neighbours: console_pages.js, line_heights.js.
 */
import { address, get } from "../api.js";
import { drawSpans } from "../components/ansi.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { useChanges } from "../hooks.js";
import {
  html,
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "../html.js";
import { navigate, path, useLocation, useQuery } from "../router.js";
import { ConsolePages } from "./console_pages.js";
import { useConsoleSearch } from "./console_search.js";
import { LineHeights } from "./line_heights.js";

const ROW = 19;
const AROUND = 30; // lines drawn above and below what can be seen
const TALLEST = 12e6; // pixels that every browser scrolls through; a longer text is scrolled faster
const WRAP = "opensweep:console-wrap";

/** @param {{run: {id: string}}} props */
export function Console({ run }) {
  const [lane, setLane] = useQuery("lane");
  const api = `/api${path("runs", run.id, "console")}`;
  const [, changed] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const pages = useMemo(
    () =>
      new ConsolePages(
        (first, limit) => get(`${api}/lines`, { lane, first, limit }),
        () => changed(0),
      ),
    [run.id, lane],
  );
  useEffect(() => {
    pages.refresh();
  }, [pages]);
  useChanges([`run/${run.id}`], () => pages.refresh(), 400);
  const [wrap, setWrap] = useState(() => localStorage.getItem(WRAP) === "1");
  const search = useConsoleSearch(api, lane);

  if (!pages.known)
    return pages.error
      ? html`<${Failure} error=${pages.error} retry=${() => pages.refresh()} />`
      : html`<${Loading} />`;
  if (pages.total === 0 && pages.lanes.length < 2)
    return html`<${Empty} title="Nothing was printed">
      <p>${pages.over ? "The script wrote nothing to its console, or capturing was off." : "Lines show here as soon as the script prints them."}</p>
    <//>`;
  const toggle = () => {
    localStorage.setItem(WRAP, wrap ? "0" : "1");
    setWrap(!wrap);
  };
  return html`<section class="console" aria-label="Console">
    <div class="console-bar">
      ${
        pages.lanes.length > 1 &&
        html`<label>Process
          <select value=${lane} onChange=${(/** @type {any} */ event) => setLane(event.target.value)}>
            ${pages.lanes.map((each) => html`<option key=${each} value=${each}>${each || "main"}</option>`)}
          </select>
        </label>`
      }
      ${search.box}
      <label class="console-wrap"><input type="checkbox" checked=${wrap} onChange=${toggle} /> Wrap lines</label>
      <span class="quiet console-count">${pages.total.toLocaleString("en-US")} lines</span>
      <a class="button" href=${address(`${api}/text`, { lane })} download>Download</a>
    </div>
    ${pages.error && html`<${Failure} error=${pages.error} retry=${() => pages.refresh()} />`}
    <${Lines} key=${`${lane}${wrap}`} pages=${pages} total=${pages.total} wrap=${wrap} search=${search} />
  </section>`;
}

/**
 * @param {{pages: ConsolePages, total: number, wrap: boolean,
 *   search: import("./console_search.js").Search}} props
 */
function Lines({ pages, total, wrap, search }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  const heights = useMemo(() => new LineHeights(ROW), []);
  const linked = Number(/^#L(\d+)$/.exec(useLocation().hash)?.[1] ?? 0) - 1;
  const [view, setView] = useState({ top: 0, height: 600 });
  const [, again] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const follow = useRef(linked < 0);
  const goal = useRef(linked);
  const lastTop = useRef(0);
  heights.resize(total);

  const scale = Math.max(heights.height / TALLEST, 1);
  const low = view.top * scale;
  const first = Math.max(heights.at(low) - AROUND, 0);
  const last = Math.min(heights.at(low + view.height) + 1 + AROUND, total);
  const top = view.top - (low - heights.top(first));

  const look = () => {
    const element = /** @type {HTMLElement} */ (box.current);
    const { scrollTop, clientHeight, scrollHeight } = element;
    if (scrollTop + clientHeight >= scrollHeight - 4) follow.current = true;
    else if (scrollTop < lastTop.current - 1) follow.current = false;
    lastTop.current = scrollTop;
    setView((now) =>
      now.top === scrollTop && now.height === clientHeight
        ? now
        : { top: scrollTop, height: clientHeight },
    );
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => {
      if (wrap) heights.clear(ROW);
      look();
      again(0);
    });
    observer.observe(/** @type {HTMLElement} */ (box.current));
    return () => observer.disconnect();
  }, []);

  useEffect(() => pages.need(first, last), [pages, first, last, total]);

  /** @param {number} line */
  const goTo = (line) => {
    follow.current = false;
    goal.current = line;
    again(0);
  };
  useEffect(() => {
    // A line that the address names goes before the first match.
    if (search.line !== null && (search.turn > 0 || linked < 0)) goTo(search.line);
  }, [search.line, search.turn]);

  useLayoutEffect(() => {
    const element = /** @type {HTMLElement} */ (box.current);
    // Lines above what is seen that turn out higher must not push it away.
    let moved = 0;
    if (wrap)
      for (const each of /** @type {HTMLCollectionOf<HTMLElement>} */ (
        body.current?.children ?? []
      )) {
        const line = Number(each.dataset.line);
        const change = pages.line(line) ? heights.set(line, each.offsetHeight) : 0;
        if (change && heights.top(line) < low) moved += change;
      }
    if (goal.current >= 0 && total > 0) {
      const line = Math.min(goal.current, total - 1);
      element.scrollTop = Math.max((heights.top(line) - view.height / 3) / scale, 0);
      if (pages.line(line)) goal.current = -1;
      look();
    } else if (follow.current) {
      element.scrollTop = element.scrollHeight;
      look();
    } else if (moved) {
      element.scrollTop += moved / scale;
      look();
    }
  });

  const lines = [];
  for (let i = first; i < last; i++) lines.push(i);
  const select = (/** @type {MouseEvent} */ event, /** @type {number} */ line) => {
    event.preventDefault();
    navigate(`${location.pathname}${location.search}#L${line + 1}`, { replace: true });
  };
  return html`<div class="console-frame">
    <div
      class=${`console-lines ${wrap ? "wrapped" : ""}`}
      role="log"
      aria-live="off"
      aria-label="Lines of the console"
      tabindex="0"
      ref=${box}
      onScroll=${look}
    >
      <div class="console-space" style=${{ height: `${Math.min(heights.height, TALLEST)}px` }}>
        <div class="console-body" ref=${body} style=${{ transform: `translateY(${top}px)`, "--digits": String(total).length }}>
          ${lines.map((line) => {
            const spans = pages.line(line);
            const names = [
              "console-line",
              line === linked && "linked",
              line === search.line && "found",
              pages.starts.has(line) && "starts",
            ];
            return html`<div key=${line} class=${names.filter(Boolean).join(" ")} data-line=${line} data-attempt=${pages.starts.get(line)}>
              <a href=${`#L${line + 1}`} data-number=${line + 1} aria-label=${`Line ${line + 1}`} onClick=${(/** @type {MouseEvent} */ event) => select(event, line)}></a
              ><span>${spans ? drawSpans(spans, search.find) : "…"}</span>
            </div>`;
          })}
        </div>
      </div>
    </div>
    ${
      !follow.current &&
      low + view.height < heights.height - ROW &&
      html`<button
        type="button"
        class="console-end"
        onClick=${() => {
          follow.current = true;
          again(0);
        }}
      >
        Jump to the end ↓
      </button>`
    }
  </div>`;
}
