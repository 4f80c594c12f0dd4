/**
 * Light, dark, or as the system has it ("auto"). A matter of taste: kept in this browser, not in
 * the address. theme_first.js sets it before the first paint. Charts that draw on a canvas listen.
 */

/** @typedef {"auto" | "light" | "dark"} Theme */

const KEY = "opensweep:theme";
/** @type {Theme[]} */
export const THEMES = ["auto", "light", "dark"];
/** Is told to `document` when the colours changed, by choice or by the system. */
export const THEME_CHANGED = "opensweep:theme";

/** @returns {Theme} */
export function theme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : "auto";
}

/** @param {Theme} chosen */
export function setTheme(chosen) {
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    if (chosen === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    // Storage is forbidden: it holds for this page.
  }
  tell();
}

function tell() {
  document.dispatchEvent(new Event(THEME_CHANGED));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
