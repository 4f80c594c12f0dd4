/**
 * Menus, and small panels that open beside a button. Both are popovers of the browser's own: above
 * everything, closed by Escape and by a click elsewhere. Arrow keys, Home, End and first letters
 * move within a menu. Neighbour: css/menu.css.
 */
import { html, useRef, useState } from "../html.js";

/**
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {any} [children] what is shown in place of the label
 * @property {() => void} [act]
 * @property {string} [href]
 * @property {boolean} [disabled]
 * @property {string} [why] why it is disabled
 * @property {boolean} [danger]
 * @property {boolean} [checked] with it, the item is one to be ticked
 * @property {"line"} [above] a line above it
 */

/**
 * @param {{label: string, items: (MenuItem | false | null | undefined | "")[], button?: any,
 *   class?: string, disabled?: boolean}} props `button`: what the button shows (⋯)
 */
export function Menu({ label, items, button = "⋯", class: name = "", disabled = false }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const shown = /** @type {MenuItem[]} */ (items.filter(Boolean));
  const members = () =>
    /** @type {HTMLElement[]} */ ([
      ...(list.current?.querySelectorAll('[role^="menuitem"]:not([aria-disabled="true"])') ?? []),
    ]);

  /** @param {KeyboardEvent} event */
  const press = (event) => {
    const all = members();
    const now = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    let to = -1;
    if (event.key === "ArrowDown") to = (now + 1) % all.length;
    else if (event.key === "ArrowUp") to = (now + all.length - 1) % all.length;
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = all.length - 1;
    else if (event.key === "Tab") closePopup(list.current);
    else if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey) {
      const begins = (/** @type {HTMLElement} */ each) =>
        each.textContent?.trim().toLowerCase().startsWith(event.key.toLowerCase());
      to = all.findIndex((each, i) => i > now && begins(each));
      if (to < 0) to = all.findIndex((each) => begins(each));
    }
    if (to < 0) return;
    event.preventDefault();
    all[to]?.focus();
  };

  return html`<${Popup} label=${label} button=${button} class=${name} disabled=${disabled} kind="menu">
    ${(
      /** @type {() => void} */ close,
    ) => html`<div role="menu" aria-label=${label} ref=${list} onKeyDown=${press}>
      ${shown.map((item) => html`<${Item} key=${item.label} item=${item} close=${close} />`)}
    </div>`}
  <//>`;
}

/** @param {{item: MenuItem, close: () => void}} props */
function Item({ item, close }) {
  const act = () => {
    if (item.disabled) return;
    close();
    item.act?.();
  };
  const ticked = item.checked !== undefined;
  const shared = {
    class: `menu-item ${item.danger ? "danger" : ""} ${item.above ? "above" : ""}`,
    role: ticked ? "menuitemcheckbox" : "menuitem",
    tabindex: -1,
    title: item.disabled ? item.why : undefined,
    "aria-checked": item.checked,
    "aria-disabled": item.disabled ? "true" : undefined,
  };
  const inside = html`${ticked && html`<span class="menu-tick" aria-hidden="true">${item.checked ? "✓" : ""}</span>`}${item.children ?? item.label}`;
  if (item.href && !item.disabled)
    return html`<a ...${shared} href=${item.href} onClick=${close}>${inside}</a>`;
  return html`<button ...${shared} type="button" onClick=${act}>${inside}</button>`;
}

/**
 * A button, and a panel that opens beside it. `children` is what the panel holds, made while it is
 * open only: a function that is given what closes it.
 * @param {{label: string, button: any, children: (close: () => void) => any, class?: string,
 *   disabled?: boolean, kind?: "menu" | "dialog", onOpen?: () => void}} props
 */
export function Popup(props) {
  const { label, button, children, disabled = false, kind = "dialog" } = props;
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const opener = useRef(/** @type {HTMLElement | null} */ (null));
  const [open, setOpen] = useState(false);

  const close = () => {
    closePopup(place.current);
    opener.current?.focus();
  };
  const show = () => {
    const panel = place.current;
    if (!panel || panel.matches(":popover-open")) return;
    panel.showPopover();
    props.onOpen?.();
  };
  /** @param {ToggleEvent} event */
  const toggled = (event) => {
    if (event.target !== place.current) return;
    const now = event.newState === "open";
    setOpen(now);
    if (!now) return;
    requestAnimationFrame(() => {
      beside(place.current, opener.current);
      const wanted =
        "[autofocus], [role^=menuitem]:not([aria-disabled=true]), input, select, button";
      const first = place.current?.querySelector(wanted);
      /** @type {HTMLElement | null} */ (first)?.focus();
    });
  };
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    if (event.key !== "ArrowDown" || kind !== "menu") return;
    event.preventDefault();
    event.stopPropagation();
    show();
  };
  return html`<span class=${`popup ${props.class ?? ""}`}>
    <button type="button" ref=${opener} class="popup-button" aria-haspopup=${kind} aria-expanded=${open}
      aria-label=${typeof button === "string" && button !== "⋯" ? undefined : label} title=${label}
      disabled=${disabled} onClick=${show} onKeyDown=${press}>${button}</button>
    <div class=${`popup-panel ${kind}`} popover="auto" ref=${place} onToggle=${toggled}
      role=${kind === "dialog" ? "dialog" : undefined} aria-label=${kind === "dialog" ? label : undefined}>
      ${open && children(close)}
    </div>
  </span>`;
}

/** @param {HTMLElement | null} panel */
function closePopup(panel) {
  const outer = /** @type {HTMLElement | null} */ (panel?.closest("[popover]"));
  if (outer?.matches(":popover-open")) outer.hidePopover();
}

/** Below the button, or above it where there is more room; within the window in any case.
 * @param {HTMLElement | null} panel @param {HTMLElement | null} button */
function beside(panel, button) {
  if (!panel || !button) return;
  const from = button.getBoundingClientRect();
  const room = { below: innerHeight - from.bottom - 8, above: from.top - 8 };
  panel.style.maxHeight = `${Math.max(room.below, room.above)}px`;
  const size = panel.getBoundingClientRect();
  const above = size.height > room.below && room.above > room.below;
  panel.style.top = `${above ? from.top - size.height - 3 : from.bottom + 3}px`;
  panel.style.left = `${Math.max(Math.min(from.left, innerWidth - size.width - 8), 8)}px`;
}
