/**
 * The code of two runs: their commits, what was changed since, and the files that were saved.
 * Neighbours: data.js (files), components/diff.js.
 */
import { Diff } from "../components/diff.js";
import { Failure, Loading } from "../components/states.js";
import { useFetch } from "../hooks.js";
import { html, useState } from "../html.js";
import { textOf } from "./data.js";

/** @typedef {import("./data.js").RunFiles} RunFiles */

const CODE = /^(code\/|.*\.patch$|requirements\.txt$|conda-packages\.txt$|config\.yaml$)/;
const ORDER = ["diff.patch", "requirements.txt"];

/** @param {{all: RunFiles[], base: number, other: string, onOther: (id: string) => void}} props */
export function CodeDifferences({ all, base, other, onOther }) {
  const before = all[base];
  const others = all.filter((_, i) => i !== base);
  const after = others.find(({ run }) => run.id === other) ?? others[0];
  if (!after) return html`<p class="quiet">Add another run to compare its code.</p>`;
  const names = [...new Set([...before.files.keys(), ...after.files.keys()])].filter((name) =>
    CODE.test(name),
  );
  names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const changed = names.filter(
    (name) => before.files.get(name)?.digest !== after.files.get(name)?.digest,
  );
  return html`<section class="compare-code" aria-label="Code">
    <p class="compare-pair">
      <span><span class="diff-out">−</span> ${before.run.name} <span class="badge">baseline</span></span>
      <label><span class="diff-in">+</span> <select aria-label="Run to compare with the baseline" value=${after.run.id}
        onChange=${(/** @type {any} */ event) => onOther(event.target.value)}>
        ${others.map(({ run }) => html`<option key=${run.id} value=${run.id}>${run.name}</option>`)}
      </select></label>
    </p>
    <${Commits} before=${before} after=${after} />
    ${
      names.length
        ? changed.length
          ? changed.map(
              (name) =>
                html`<${FileDiff} key=${`${after.run.id} ${name}`} name=${name} before=${before} after=${after} open=${changed.length <= 3} />`,
            )
          : html`<p>All ${names.length} saved ${names.length === 1 ? "file of code is" : "files of code are"} the same.</p>`
        : html`<p class="quiet">Neither run saved code. In a git repository the changes since the commit are
            kept by themselves; <code>save_code=True</code> keeps the script, <code>run.log_code()</code> a folder.</p>`
    }
    ${changed.length > 0 && changed.length < names.length && html`<p class="quiet">${names.length - changed.length} more are the same.</p>`}
  </section>`;
}

/** @param {string} name */
function rank(name) {
  const at = ORDER.indexOf(name);
  return name.startsWith("code/") ? -1 : at < 0 ? ORDER.length : at;
}

/** @param {{before: RunFiles, after: RunFiles}} props */
function Commits({ before, after }) {
  const [a, b] = [before, after].map(({ run }) => run.metadata?.git ?? {});
  if (!a.commit && !b.commit) return html`<p class="quiet">Neither ran in a git repository.</p>`;
  const short = (/** @type {any} */ git) =>
    git.commit
      ? `${git.commit.slice(0, 10)}${git.branch ? ` (${git.branch})` : ""}${git.dirty ? ", with changes" : ""}`
      : "no commit";
  if (a.commit === b.commit) {
    const changed = [before, after].filter(({ run }) => run.metadata?.git?.dirty);
    const names = changed.map(({ run }) => run.name).join(" and ");
    return html`<p>Both ran at commit <code>${a.commit.slice(0, 10)}</code>${names && `, ${names} with changes since`}.</p>`;
  }
  return html`<p>Commits differ: <code>${short(a)}</code> and <code>${short(b)}</code>.
    ${a.commit && b.commit && html` What lies between them, in your repository: <code>git diff ${a.commit.slice(0, 10)} ${b.commit.slice(0, 10)}</code>`}</p>`;
}

/** @param {{name: string, before: RunFiles, after: RunFiles, open: boolean}} props */
function FileDiff({ name, before, after, open }) {
  const [shown, setShown] = useState(open);
  const [a, b] = [before.files.has(name), after.files.has(name)];
  const where =
    a && b ? "differs" : a ? `only ${before.run.name} has it` : `only ${after.run.name} has it`;
  return html`<div class="card compare-file">
    <h2><button type="button" class="plain" aria-expanded=${shown} onClick=${() => setShown(!shown)}>
      <span aria-hidden="true">${shown ? "▾" : "▸"}</span> <code>${name}</code> <small class="quiet">${where}</small></button></h2>
    ${shown && html`<${Texts} name=${name} before=${before} after=${after} />`}
  </div>`;
}

/** @param {{name: string, before: RunFiles, after: RunFiles}} props */
function Texts({ name, before, after }) {
  const { data, error, reload } = useFetch(
    (signal) => Promise.all([textOf(before, name, signal), textOf(after, name, signal)]),
    [before.files.get(name)?.digest, after.files.get(name)?.digest],
  );
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  return html`<${Diff} before=${data[0]} after=${data[1]} names=${[before.run.name, after.run.name]} />`;
}
