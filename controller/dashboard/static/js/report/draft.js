/**
 * What somebody typed and has not saved: kept in this browser until it is saved or thrown away, so
 * that a closed window or a lost connection loses nothing.
 */

/** @typedef {{title: string, text: string, version: number, kept: number}} Draft `kept`: seconds */

const BEFORE = "opensweep:draft:";

/** Under which name; a new report's is that of its project. @param {string} id @param {string} project */
export const draftName = (id, project) => `${BEFORE}${id || `new:${project}`}`;

/** @param {string} name @returns {Draft | null} */
export function readDraft(name) {
  try {
    const found = JSON.parse(localStorage.getItem(name) ?? "null");
    return typeof found?.text === "string" && typeof found.title === "string" ? found : null;
  } catch {
    return null; // this browser keeps nothing, or something else wrote here
  }
}

/** @param {string} name @param {Draft | null} draft null: forget it */
export function keepDraft(name, draft) {
  try {
    if (draft) localStorage.setItem(name, JSON.stringify(draft));
    else localStorage.removeItem(name);
  } catch {
    // Full, or not allowed: there is no draft then, and saving works as ever.
  }
}
