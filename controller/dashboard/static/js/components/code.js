/** Text as it was written: with line numbers that can be linked to and copied without. */
import { html, useMemo, useState } from "../html.js";
import { copyText } from "./copying.js";

const MOST_LINES = 5000;

/**
 * @param {{text: string, label: string, numbers?: boolean, wrap?: boolean, copy?: boolean}} props
 */
export function Code({ text, label, numbers = true, wrap = false, copy = true }) {
  const lines = useMemo(() => text.replace(/\n$/, "").split("\n"), [text]);
  const [all, setAll] = useState(false);
  const shown = all ? lines : lines.slice(0, MOST_LINES);
  return html`<div class=${`code ${wrap ? "code-wrap" : ""}`}>
    ${copy && html`<${Copy} text=${text} label=${`Copy ${label}`} />`}
    <pre tabindex="0" aria-label=${label}>${
      numbers
        ? shown.map(
            (line, i) =>
              html`<span class="code-line" key=${i} data-number=${i + 1}>${`${line}\n`}</span>`,
          )
        : shown.join("\n")
    }</pre>
    ${
      shown.length < lines.length &&
      html`<button type="button" onClick=${() => setAll(true)}>
        Show all ${lines.length.toLocaleString("en-US")} lines
      </button>`
    }
  </div>`;
}

/** A button that copies a text. @param {{text: string | (() => string), label?: string}} props */
export function Copy({ text, label = "Copy" }) {
  const copy = () => copyText(typeof text === "string" ? text : text());
  return html`<button type="button" class="copy" aria-label=${label} title=${label} onClick=${copy}>
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <rect x="5" y="5" width="8.5" height="9" rx="1.5" fill="none" stroke="currentColor" stroke-width="1.3" />
      <path d="M11 3V2.5H3.5A1 1 0 0 0 2.5 3.5V11H3" fill="none" stroke="currentColor" stroke-width="1.3" />
    </svg>
  </button>`;
}
