/** Questions before something is changed, and short notices after. */
import { html, render, useEffect, useRef, useState } from "../html.js";

/**
 * A modal dialog; Escape and a click beside it close it.
 * @param {{title: string, onClose: () => void, children?: any}} props
 */
export function Dialog({ title, onClose, children }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => element.current?.showModal(), []);
  /** @param {MouseEvent} event */
  const beside = (event) => event.target === element.current && onClose();
  return html`<dialog ref=${element} aria-label=${title} onClose=${onClose} onClick=${beside}>
    <h2>${title}</h2>
    ${children}
  </dialog>`;
}

/**
 * Asks first. `act` may fail: the dialog stays and says why.
 * @param {{title: string, children?: any, action: string, danger?: boolean,
 *   disabled?: boolean, act: () => Promise<unknown>, onClose: () => void}} props
 */
export function Confirm({
  title,
  children,
  action,
  danger = false,
  disabled = false,
  act,
  onClose,
}) {
  const [state, setState] = useState({ busy: false, error: "" });
  const go = async () => {
    setState({ busy: true, error: "" });
    try {
      await act();
      onClose();
    } catch (error) {
      setState({ busy: false, error: error instanceof Error ? error.message : String(error) });
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <div class="dialog-body">${children}</div>
    ${state.error && html`<p class="failure" role="alert">${state.error}</p>`}
    <div class="actions">
      <button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class=${danger ? "danger" : "primary"} disabled=${state.busy || disabled} onClick=${go}>
        ${action}
      </button>
    </div>
  <//>`;
}

/** A sentence at the bottom of the window for a few seconds. @param {string} text */
export function notify(text) {
  let place = document.getElementById("notices");
  if (!place) {
    place = document.createElement("div");
    place.id = "notices";
    place.setAttribute("role", "status");
    document.body.append(place);
  }
  const one = document.createElement("div");
  place.append(one);
  render(html`<p>${text}</p>`, one);
  setTimeout(() => one.remove(), 5000);
}
