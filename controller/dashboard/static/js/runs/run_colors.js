/**
 * The colours of runs: what somebody chose in this browser, else that of the run's id, the same on
 * every page. Neighbours: colors.js (the palette); the runs table, where colours are chosen.
 */
import { colorOf } from "../colors.js";
import { useEffect, useState } from "../html.js";

const PLACE = "opensweep:run-colors";
const CHANGED = "opensweep:run-colors-changed";
const MOST = 2000;

/** @returns {Record<string, string>} */
function chosen() {
  try {
    const value = JSON.parse(localStorage.getItem(PLACE) ?? "{}");
    return value && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}

/** @param {string} run its id @param {string | null} color null: that of its id again */
export function setRunColor(run, color) {
  const { [run]: _, ...rest } = chosen();
  const entries = Object.entries(color ? { ...rest, [run]: color } : rest);
  localStorage.setItem(PLACE, JSON.stringify(Object.fromEntries(entries.slice(-MOST))));
  dispatchEvent(new Event(CHANGED));
}

/** Draws again when a colour changes, in another tab, too. @returns {(run: string) => string} */
export function useRunColors() {
  const [colors, setColors] = useState(chosen);
  useEffect(() => {
    const look = () => setColors(chosen());
    addEventListener(CHANGED, look);
    addEventListener("storage", look);
    return () => {
      removeEventListener(CHANGED, look);
      removeEventListener("storage", look);
    };
  }, []);
  return (run) => colors[run] ?? colorOf(run);
}
