/** The search in a console: a box, how many lines hold the text, and the way from one to the next. */
import { get } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { useQuery } from "../router.js";

/**
 * @typedef {{find: string, line: number | null, turn: number, box: any}} Search
 * `find`: what to mark, in lower case; `line`: where to go; `turn` changes when it is to be gone to
 *   once more
 */

/** @param {string} api of the console @param {string} lane @returns {Search} */
export function useConsoleSearch(api, lane) {
  const [find, setFind] = useQuery("find");
  const [typed, setTyped] = useState(find);
  const [found, setFound] = useState(
    /** @type {{count: number, lines: number[], at: number, turn: number} | null} */ (null),
  );
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));

  useEffect(() => {
    const control = new AbortController();
    setFound(null);
    if (find)
      get(`${api}/search`, { lane, text: find }, { signal: control.signal }).then(
        ({ count, lines }) => setFound({ count, lines, at: 0, turn: 0 }),
        () => {},
      );
    return () => control.abort();
  }, [api, lane, find]);

  useEffect(() => {
    const timer = setTimeout(() => setFind(typed), 250);
    return () => clearTimeout(timer);
  }, [typed]);

  /** @param {number} way 1: the next one, -1: the one before */
  const step = (way) => {
    if (!found?.lines.length) return;
    const count = found.lines.length;
    setFound({ ...found, at: (found.at + way + count) % count, turn: found.turn + 1 });
  };
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      if (typed !== find) setFind(typed);
      else step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") setTyped("");
  };
  const none = found?.count === 0;
  const box = html`<div class="console-search" role="search">
    <input
      type="search"
      ref=${input}
      data-search
      placeholder="Search the console"
      aria-label="Search the console"
      aria-invalid=${none}
      value=${typed}
      onInput=${(/** @type {any} */ event) => setTyped(event.target.value)}
      onKeyDown=${press}
    />
    <button type="button" aria-label="Previous match" title="Previous match (Shift Enter)" disabled=${!found?.count} onClick=${() => step(-1)}>↑</button>
    <button type="button" aria-label="Next match" title="Next match (Enter)" disabled=${!found?.count} onClick=${() => step(1)}>↓</button>
    <span class="quiet" role="status">${told(found, find)}</span>
  </div>`;
  const line = found?.lines[found.at] ?? null;
  return { find: find.toLowerCase(), line, turn: found?.turn ?? 0, box };
}

/** @param {{count: number, lines: number[], at: number} | null} found @param {string} find */
function told(found, find) {
  if (!find) return "";
  if (!found) return "…";
  if (found.count === 0) return "No line has it";
  return `${(found.at + 1).toLocaleString("en-US")} of ${found.count.toLocaleString("en-US")}`;
}
