/**
 * Writes a report: the text on the left, what becomes of it on the right.
 *
 * Whoever saves says which version they began with. If somebody else saved in between, nothing is
 * overwritten: one sees both, and decides. What is typed is kept in this browser (draft.js).
 * Neighbours: insert_panel.js (blocks by choosing), view.js.
 */
import { ApiError, get, post, put } from "../api.js";
import { notify } from "../components/dialog.js";
import { ago } from "../format.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../html.js";
import { path } from "../router.js";
import { ReportBody } from "./body.js";
import { Conflict } from "./conflict.js";
import { draftName, keepDraft, readDraft } from "./draft.js";
import { InsertPanel } from "./insert_panel.js";

/** @typedef {import("./view.js").Report} Report */

const PREVIEW_MS = 200;

/**
 * @param {{report: Report, onSaved: (report: Report) => void, onLeave: () => void}} props
 */
export function ReportEditor({ report, onSaved, onLeave }) {
  const name = draftName(report.id, report.project);
  const [seen, setSeen] = useState(report); // the version that is written on
  const [found] = useState(() => differing(readDraft(name), report));
  const [restored, setRestored] = useState(found);
  const [title, setTitle] = useState((found ?? report).title);
  const [text, setText] = useState((found ?? report).text);
  const [state, setState] = useState({ busy: false, error: "" });
  const [theirs, setTheirs] = useState(/** @type {Report | null} */ (null));
  const [choosing, setChoosing] = useState(false);
  const preview = useSettled(text);
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const shown = useRef(/** @type {HTMLElement | null} */ (null));
  const changed = title !== seen.title || text !== seen.text || !seen.id;

  // Before the frame is drawn: a window that closes first would lose what was typed.
  useLayoutEffect(() => {
    const draft = { title, text, version: seen.version, kept: Date.now() / 1000 };
    keepDraft(name, differing(draft, seen));
  }, [title, text, seen]);

  /** @param {Report} [over] a version that is to be replaced knowingly */
  const save = async (over) => {
    if (state.busy) return;
    if (!title.trim()) {
      setState({ busy: false, error: "A report needs a title." });
      return;
    }
    setState({ busy: true, error: "" });
    const { version } = over ?? seen;
    try {
      const saved = seen.id
        ? await put(path("api", "reports", seen.id), { version, title, text })
        : await post("/api/reports", { project: report.project, title, text });
      keepDraft(name, null);
      setTheirs(null);
      setRestored(null);
      setSeen(saved);
      setState({ busy: false, error: "" });
      notify("Saved.");
      onSaved(saved);
    } catch (error) {
      if (error instanceof ApiError && error.kind === "ReportChanged")
        setTheirs(await get(path("api", "reports", seen.id)));
      setState({ busy: false, error: error instanceof Error ? error.message : String(error) });
    }
  };
  /** Goes on with another text instead. @param {Report} other */
  const take = (other) => {
    keepDraft(name, null);
    setSeen(other);
    setTitle(other.title);
    setText(other.text);
    setTheirs(null);
    setRestored(null);
    setState({ busy: false, error: "" });
  };
  /** @param {string} block */
  const insert = (block) => {
    const at = area.current?.selectionEnd ?? text.length;
    const before = text.slice(0, at).replace(/\n*$/, at ? "\n\n" : "");
    setText(`${before}${block}\n\n${text.slice(at).replace(/^\n*/, "")}`);
    setChoosing(false);
    requestAnimationFrame(() => {
      const end = before.length + block.length + 2;
      area.current?.focus();
      area.current?.setSelectionRange(end, end);
    });
  };
  const newest = useRef(save);
  newest.current = save;
  // Wherever the focus is: for the moment after a dialog it is nowhere.
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const press = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
        event.preventDefault();
        newest.current();
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  const scroll = () => {
    const from = area.current;
    const to = shown.current;
    if (!from || !to) return;
    const part = from.scrollTop / Math.max(from.scrollHeight - from.clientHeight, 1);
    to.scrollTop = part * (to.scrollHeight - to.clientHeight);
  };

  return html`<div class="report-editor">
    <header class="report-head">
      <input class="report-title" aria-label="Title" placeholder="Title" maxlength="300" value=${title}
        onInput=${(/** @type {any} */ event) => setTitle(event.target.value)} />
      <div class="report-buttons">
        <span class="quiet" role="status">${changed ? "Not saved" : `Version ${seen.version}`}</span>
        <button type="button" onClick=${() => setChoosing(true)}>Insert a panel</button>
        <button type="button" onClick=${onLeave}>${changed ? "Leave" : "Done"}</button>
        <button type="button" class="primary" disabled=${!changed || state.busy} onClick=${() => save()}
          title="Ctrl+S">Save</button>
      </div>
    </header>
    ${
      restored &&
      html`<p class="report-notice" role="status">This is what you typed ${ago(restored.kept)} and did not
        save${restored.version !== report.version ? ", and the report was changed since" : ""}.
        <button type="button" onClick=${() => take(report)}>Throw it away</button></p>`
    }
    ${state.error && !theirs && html`<p class="failure" role="alert">${state.error}</p>`}
    ${
      theirs &&
      html`<${Conflict} mine=${{ title, text }} theirs=${theirs} onKeepMine=${() => save(theirs)}
        onTakeTheirs=${() => take(theirs)} onClose=${() => setTheirs(null)} />`
    }
    <div class="report-sides">
      <textarea ref=${area} aria-label="Text in markdown" spellcheck="true" value=${text}
        placeholder=${HINT} onScroll=${scroll}
        onInput=${(/** @type {any} */ event) => setText(event.target.value)}></textarea>
      <section ref=${shown} class="report-preview" aria-label="Preview" tabindex="0">
        <${ReportBody} report=${{ project: report.project, text: preview }} contents=${false} />
      </section>
    </div>
    ${
      choosing &&
      html`<${InsertPanel} project=${report.project} onInsert=${insert} onClose=${() => setChoosing(false)} />`
    }
  </div>`;
}

const HINT = `Write in markdown: # headings, **bold**, lists, tables, links.

“Insert a panel” adds curves, tables and charts that stay live.`;

/** A draft that differs from what is saved. @param {import("./draft.js").Draft | null} draft
 * @param {Report} report */
function differing(draft, report) {
  return draft && (draft.title !== report.title || draft.text !== report.text) ? draft : null;
}

/** @param {string} text */
function useSettled(text) {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PREVIEW_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
