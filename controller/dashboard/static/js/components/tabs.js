/**
 * Tabs of a page: one of them in the tab order, arrow keys move (roving tabindex). Which one is shown
 * is the caller's to keep; pages keep it in the address: `useQuery("tab", "overview")`.
 */
import { html, useEffect, useRef } from "../html.js";

/**
 * @typedef {{id: string, label: string, count?: number | string | null}} Tab
 * @param {{label: string, tabs: Tab[], value: string, onChange: (id: string) => void}} props
 */
export function Tabs({ label, tabs, value, onChange }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const chosen = tabs.some((tab) => tab.id === value) ? value : tabs[0]?.id;
  useEffect(() => {
    list.current
      ?.querySelector('[aria-selected="true"]')
      ?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [chosen]);
  /** @param {KeyboardEvent} event */
  const move = (event) => {
    const at = tabs.findIndex((tab) => tab.id === chosen);
    const last = tabs.length - 1;
    /** @type {Record<string, number>} */
    const goes = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowLeft: at === 0 ? last : at - 1,
      Home: 0,
      End: last,
    };
    const next = goes[event.key];
    if (next === undefined) return;
    event.preventDefault();
    onChange(tabs[next].id);
    /** @type {HTMLElement | undefined} */ (list.current?.children[next])?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>
    ${tabs.map(
      (tab) => html`<button
        key=${tab.id}
        type="button"
        role="tab"
        id=${`tab-${tab.id}`}
        aria-controls=${`panel-${tab.id}`}
        aria-selected=${tab.id === chosen}
        tabindex=${tab.id === chosen ? 0 : -1}
        onClick=${() => onChange(tab.id)}
      >
        ${tab.label}
        ${tab.count !== undefined && tab.count !== null && html` <span class="tabs-count">${tab.count}</span>`}
      </button>`,
    )}
  </div>`;
}

/** What a tab shows. @param {{id: string, children?: any}} props */
export function TabPanel({ id, children }) {
  return html`<div class="tab-panel" role="tabpanel" id=${`panel-${id}`} aria-labelledby=${`tab-${id}`}>
    ${children}
  </div>`;
}
