/** What the keys do, on this page and on all. */
import { html } from "../html.js";
import { shortcuts } from "../shortcuts.js";
import { Dialog } from "./dialog.js";

/** @param {{onClose: () => void}} props */
export function ShortcutList({ onClose }) {
  return html`<${Dialog} title="Keyboard shortcuts" onClose=${onClose}>
    <dl class="shortcut-list">
      ${shortcuts().map(
        ({ keys, what }) => html`<div key=${keys}>
          <dt>${keys.split(" ").map((key) => html`<kbd>${key}</kbd>`)}</dt>
          <dd>${what}</dd>
        </div>`,
      )}
    </dl>
    <div class="actions"><button type="button" onClick=${onClose}>Close</button></div>
  <//>`;
}
