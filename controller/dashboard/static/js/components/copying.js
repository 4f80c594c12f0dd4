/** Copies text for the person, also where the browser has no clipboard: by plain http off loopback. */
import { notify } from "./dialog.js";

/** @param {string} text @param {string} done what to say then */
export async function copyText(text, done = "Copied.") {
  if (await copied(text)) notify(done);
  else notify("The browser does not let this page copy: select the text instead.");
}

/** @param {string} text */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedFromField(text);
  }
}

/** The old way, which needs no secure context. @param {string} text */
function copiedFromField(text) {
  const before = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "only-heard";
  field.value = text;
  // Within an open dialog: what is outside cannot be selected.
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
