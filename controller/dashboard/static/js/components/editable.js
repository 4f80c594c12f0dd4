/**
 * Texts and words that are changed where they stand: a pencil opens a field, Enter or Save keeps it,
 * Escape does not. Who may not write sees the text alone.
 */
import { html, useEffect, useRef, useState } from "../html.js";
import { Markdown } from "./markdown.js";

/**
 * @param {{label: string, value: string, may: boolean, save: (text: string) => Promise<unknown>,
 *   markdown?: boolean, empty?: string, children?: any}} props
 * `children`: how the value is shown; `empty`: what stands there when there is none
 */
export function EditableText({ label, value, may, save, markdown = false, empty = "", children }) {
  const [draft, setDraft] = useState(/** @type {string | null} */ (null));
  const { busy, error, keep } = useSaving(save, () => setDraft(null));
  const field = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (draft !== null) field.current?.focus();
  }, [draft !== null]);
  const shown = children ?? (markdown ? html`<${Markdown} text=${value} />` : value);
  if (draft === null)
    return html`<div class=${`editable ${markdown ? "editable-block" : ""}`}>
      ${value ? shown : html`<span class="quiet">${empty}</span>`}
      ${may && html`<${Pencil} label=${`Edit ${label.toLowerCase()}`} onClick=${() => setDraft(value)} />`}
    </div>`;
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    keep(draft);
  };
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    if (event.key === "Escape") setDraft(null);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  };
  const input = (/** @type {any} */ event) => setDraft(event.target.value);
  return html`<form class=${`editable-form ${markdown ? "editable-block" : ""}`} onSubmit=${submit} onKeyDown=${press}>
    ${
      markdown
        ? html`<textarea ref=${field} rows="8" aria-label=${label} value=${draft} onInput=${input}></textarea>`
        : html`<input ref=${field} aria-label=${label} value=${draft} onInput=${input} />`
    }
    <span class="editable-actions">
      <button type="submit" class="primary" disabled=${busy}>Save</button>
      <button type="button" onClick=${() => setDraft(null)}>Cancel</button>
    </span>
    ${error && html`<p class="failure" role="alert">${error}</p>`}
  </form>`;
}

/**
 * Tags or aliases. Those in `fixed` cannot be taken away.
 * @param {{label: string, word: string, words: string[], may: boolean, fixed?: string[],
 *   save: (words: string[]) => Promise<unknown>}} props
 */
export function EditableWords({ label, word, words, may, fixed = [], save }) {
  const [draft, setDraft] = useState(/** @type {string | null} */ (null));
  const { busy, error, keep } = useSaving(save, () => setDraft(null));
  const field = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (draft !== null) field.current?.focus();
  }, [draft !== null]);
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    const added = (draft ?? "")
      .split(",")
      .map((each) => each.trim())
      .filter(Boolean);
    if (added.length) keep([...new Set([...words, ...added])]);
    else setDraft(null);
  };
  const press = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && setDraft(null);
  return html`<div class="words">
    <ul aria-label=${label}>
      ${words.map(
        (each) => html`<li key=${each} class="word">
          ${each}
          ${
            may &&
            !fixed.includes(each) &&
            html`<button type="button" disabled=${busy} aria-label=${`Take ${word} ${each} away`}
              onClick=${() => keep(words.filter((other) => other !== each))}>×</button>`
          }
        </li>`,
      )}
    </ul>
    ${
      may &&
      (draft === null
        ? html`<button type="button" class="word-add" onClick=${() => setDraft("")}>+ ${word}</button>`
        : html`<form onSubmit=${submit} onKeyDown=${press}>
            <input ref=${field} aria-label=${`New ${word}`} value=${draft} disabled=${busy}
              onInput=${(/** @type {any} */ event) => setDraft(event.target.value)} />
            <button type="submit" disabled=${busy}>Add</button>
          </form>`)
    }
    ${error && html`<p class="failure" role="alert">${error}</p>`}
  </div>`;
}

/** @param {{label: string, onClick: () => void}} props */
function Pencil({ label, onClick }) {
  return html`<button type="button" class="pencil" aria-label=${label} title=${label} onClick=${onClick}>
    <svg viewBox="0 0 16 16" width="13" height="13" aria-hidden="true">
      <path d="M10.8 2.6 13.4 5.2 5.6 13 2.4 13.6 3 10.4z" fill="none" stroke="currentColor"
        stroke-width="1.3" stroke-linejoin="round" />
    </svg>
  </button>`;
}

/** @template T @param {(value: T) => Promise<unknown>} save @param {() => void} done */
function useSaving(save, done) {
  const [state, setState] = useState({ busy: false, error: "" });
  /** @param {T} value */
  const keep = async (value) => {
    setState({ busy: true, error: "" });
    try {
      await save(value);
      setState({ busy: false, error: "" });
      done();
    } catch (error) {
      setState({ busy: false, error: error instanceof Error ? error.message : String(error) });
    }
  };
  return { ...state, keep };
}
