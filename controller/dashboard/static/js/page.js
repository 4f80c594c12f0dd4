/** What the shown page tells the frame of itself: its title, and the project that it belongs to. */
import { useEffect, useState } from "./html.js";

/** @typedef {{title: string, project: string | null}} Place `project`: "" is none, null: not said */

/** @type {Place} */
let place = { title: "", project: null };
/** @type {Set<(place: Place) => void>} */
const listeners = new Set();

/**
 * Names the window, and says whose project's pages the frame leads to.
 * @param {string} title
 * @param {string | null} [project] where the address does not say it; its whole name
 */
export function usePage(title, project = null) {
  useEffect(() => {
    tell({ title, project });
    return () => tell({ title: "", project: null });
  }, [title, project]);
}

/** @returns {Place} */
export function usePlace() {
  const [now, setNow] = useState(place);
  useEffect(() => {
    setNow(place);
    listeners.add(setNow);
    return () => {
      listeners.delete(setNow);
    };
  }, []);
  return now;
}

/** @param {Place} now */
function tell(now) {
  place = now;
  document.title = now.title ? `${now.title} · opensweep` : "opensweep";
  for (const listener of listeners) listener(now);
}
