/** Questions before something is changed, and short notices after. */
import { html, render, useEffect, useRef, useState } from "../html.js";

/**
 * A modal dialog; Escape and a press beside it close it. The focus goes back to where it was.
 * @param {{title: string, onClose: () => void, children?: any}} props
 */
export function Dialog({ title, onClose, children }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  /** @param {PointerEvent} event */
  const press = (event) => {
    const box = element.current?.getBoundingClientRect();
    if (event.target !== element.current || !box) return;
    const { clientX: x, clientY: y } = event;
    if (x < box.left || x > box.right || y < box.top || y > box.bottom) onClose();
  };
  return html`<dialog ref=${element} aria-label=${title} onClose=${onClose} onPointerDown=${press}>
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

// There from the start: what comes with its own region is not read out by all screen readers.
const notices = document.createElement("div");
notices.id = "notices";
notices.setAttribute("role", "status");
document.body.append(notices);

/** A sentence at the bottom of the window for a few seconds. @param {string} text */
export function notify(text) {
  const one = document.createElement("div");
  notices.append(one);
  render(html`<p>${text}</p>`, one);
  setTimeout(() => one.remove(), 5000);
}
