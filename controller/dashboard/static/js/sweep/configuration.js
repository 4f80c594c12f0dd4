/**
 * The file of a sweep: shown with line numbers, and changed while the sweep runs or after it. The
 * server checks it, and says what is wrong by key and line. Neighbour: orders.js.
 */
import { get, put } from "../api.js";
import { Code } from "../components/code.js";
import { Confirm, notify } from "../components/dialog.js";
import { Facts } from "../components/facts.js";
import { Failure, Loading } from "../components/states.js";
import { value } from "../format.js";
import { useLive } from "../hooks.js";
import { html, useRef, useState } from "../html.js";
import { Link, path } from "../router.js";
import { useSession } from "../session.js";
import { plural, takesTrials } from "./orders.js";

const SHOWN_PRIOR = 50;

/** @param {{sweep: any, onDone: () => void}} props */
export function Configuration({ sweep, onDone }) {
  const { may } = useSession();
  const [editing, setEditing] = useState(false);
  const url = `/api/sweeps/${encodeURIComponent(sweep.id)}/spec`;
  const { data, error, reload } = useLive(
    [`sweep/${sweep.id}`],
    (signal) => get(url, {}, { signal }),
    [url],
    5000,
  );
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  const changed = () => {
    setEditing(false);
    reload();
    onDone();
  };
  const { origin, prior } = data;
  return html`<div class="sweep-configuration">
    <section class="sweep-file" aria-label="Sweep file">
      ${
        editing
          ? html`<${Editor} sweep=${sweep} url=${url} yaml=${data.yaml} onDone=${changed} onClose=${() => setEditing(false)} />`
          : html`<${Code} text=${data.yaml} label="the sweep file" />
            ${
              may("write") &&
              takesTrials(sweep) &&
              html`<p><button type="button" onClick=${() => setEditing(true)}>Edit the file</button></p>`
            }`
      }
    </section>
    <section class="sweep-origin" aria-label="About it">
      ${data.warnings.map((/** @type {string} */ each) => html`<p key=${each} class="sweep-warning">Warning: ${each}</p>`)}
      <${Facts} facts=${[
        ["Seed", html`<code>${String(data.seed)}</code>`],
        ["File", origin.path],
        ["Folder", origin.cwd],
        ["Created on", origin.host],
        ["Imported from", origin.imported_from],
      ]} />
      ${
        prior.length > 0 &&
        html`<h2>Runs of before</h2>
        <p class="quiet">The search began with ${plural(prior.length, "run")} of before.</p>
        <ul class="sweep-prior">
          ${prior.slice(0, SHOWN_PRIOR).map(
            (/** @type {any} */ each) => html`<li key=${each.run}>${
              // a row of a table is named by its file and line
              each.run.includes(":")
                ? each.run
                : html`<${Link} href=${path("runs", each.run)}>${each.run}<//>`
            }
              ${" "}${value(each.objective)}</li>`,
          )}
        </ul>
        ${prior.length > SHOWN_PRIOR && html`<p class="quiet">and ${prior.length - SHOWN_PRIOR} more</p>`}`
      }
    </section>
  </div>`;
}

/**
 * @param {{sweep: any, url: string, yaml: string, onDone: () => void, onClose: () => void}} props
 */
function Editor({ sweep, url, yaml, onDone, onClose }) {
  const [text, setText] = useState(yaml);
  const [asked, ask] = useState(false);
  const [wrong, setWrong] = useState(/** @type {any} */ (null));
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const lines = text.split("\n");
  const save = async () => {
    try {
      const { warnings, state } = await put(url, { yaml: text });
      notify(
        `The sweep has a new file and is ${state}.${warnings.length ? ` ${warnings[0]}` : ""}`,
      );
      onDone();
    } catch (error) {
      const { details, message } = /** @type {any} */ (error);
      setWrong({ ...details, message });
      ask(false);
      if (details?.line) showLine(area.current, lines, details.line);
    }
  };
  const begun = Object.values(sweep.counts).some((count) => count > 0);
  return html`<div class="sweep-editor">
    ${
      wrong &&
      html`<div class="failure" role="alert">
        <p>${wrong.line && html`<strong>Line ${wrong.line}</strong>${wrong.key_path && html`, <code>${wrong.key_path}</code>`}: `}${wrong.problem ?? wrong.message}
          ${wrong.hint && html` ${wrong.hint}`}</p>
      </div>`
    }
    <div class="sweep-editor-text">
      <pre aria-hidden="true">${lines.map(
        (_, at) =>
          html`<span key=${at} class=${wrong?.line === at + 1 ? "wrong" : ""}>${at + 1}${"\n"}</span>`,
      )}</pre>
      <textarea ref=${area} aria-label="Sweep file" spellcheck="false" rows=${Math.min(lines.length + 1, 40)}
        value=${text} wrap="off" autocapitalize="off" autocomplete="off"
        onScroll=${follow} onInput=${(/** @type {any} */ event) => setText(event.target.value)}></textarea>
    </div>
    <div class="actions">
      <button type="button" onClick=${onClose}>Discard</button>
      <button type="button" class="primary" disabled=${text === yaml} onClick=${() => ask(true)}>Save</button>
    </div>
    ${
      asked &&
      html`<${Confirm} title="Give the sweep this file?" action="Save" act=${save} onClose=${() => ask(false)}>
        <p>${begun ? "Trials that there are stay as they are, and the search knows them; trials to come are of the new file." : "No trial has begun yet."}
          ${sweep.state === "finished" ? " The sweep goes on if the new file leaves anything to do." : ""}</p>
      <//>`
    }
  </div>`;
}

/** The numbers scroll with the text. @param {Event} event */
function follow(event) {
  const area = /** @type {HTMLElement} */ (event.target);
  const numbers = /** @type {HTMLElement} */ (area.previousElementSibling);
  numbers.scrollTop = area.scrollTop;
}

/** @param {HTMLTextAreaElement | null} area @param {string[]} lines @param {number} line */
function showLine(area, lines, line) {
  const from = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  area?.focus();
  area?.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
}
