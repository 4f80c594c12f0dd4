/**
 * Keys that do something on every page or on one: a key, or two after one another ("g h"). They
 * are not told while somebody types, nor with a modifier, and never while a dialog is open.
 */
import { useEffect, useRef } from "./html.js";

/** @typedef {{keys: string, what: string, act: () => void}} Shortcut */

/** @type {Set<Shortcut>} */
const known = new Set();
const PAUSE_MS = 1200;
let first = "";
let since = 0;

/** Those of the page and the frame, for people. @returns {Shortcut[]} */
export function shortcuts() {
  return [...known];
}

/**
 * @param {string} keys "?" or "g h"
 * @param {string} what it does, for the list of `?`
 * @param {() => void} act
 */
export function useShortcut(keys, what, act) {
  const wanted = useRef(act);
  wanted.current = act;
  useEffect(() => {
    const one = { keys, what, act: () => wanted.current() };
    known.add(one);
    return () => {
      known.delete(one);
    };
  }, [keys, what]);
}

/** @param {EventTarget | null} target */
function types(target) {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(?:INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (types(event.target) || document.querySelector("dialog[open], :popover-open")) return;
  const both = first && event.timeStamp - since < PAUSE_MS ? `${first} ${event.key}` : "";
  const found = [...known].find((each) => each.keys === (both || event.key));
  const begins = [...known].some((each) => each.keys.startsWith(`${event.key} `));
  first = !found && begins ? event.key : "";
  since = event.timeStamp;
  if (!found) return;
  event.preventDefault();
  found.act();
});
