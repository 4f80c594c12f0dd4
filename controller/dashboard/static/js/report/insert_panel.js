/**
 * Builds a panel by choosing: its kind, the runs, what of them; and shows it before it is inserted.
 * What can be chosen here is what people want most; docs/reports.md has all of it.
 */
import { get } from "../api.js";
import { Dialog } from "../components/dialog.js";
import { useFetch } from "../hooks.js";
import { html, useState } from "../html.js";
import { panelBlock } from "./block_text.js";
import { ReportPanel } from "./panel.js";

/** @typedef {Record<string, string>} Form as it is filled in */

const KINDS = [
  { kind: "curves", name: "Curves", says: "metrics of several runs" },
  { kind: "table", name: "Table of runs", says: "config and results" },
  { kind: "best", name: "Best trials", says: "of a sweep" },
  { kind: "objective", name: "Objective", says: "all trials, and the best so far" },
  { kind: "parallel", name: "Parallel coordinates", says: "of a sweep's parameters" },
  { kind: "importance", name: "Importance", says: "which parameters mattered" },
  { kind: "correlation", name: "Correlation", says: "in which direction" },
  { kind: "slices", name: "Slices", says: "the objective over each parameter" },
  { kind: "contour", name: "Contour", says: "over two parameters" },
  { kind: "compare", name: "Comparison", says: "where runs differ" },
  { kind: "media", name: "Media", says: "pictures, sound, video" },
  { kind: "number", name: "A number", says: "a count, a best, a mean" },
];
const OF_SWEEP = new Set(
  "best objective parallel importance correlation slices contour".split(" "),
);
const SHOWN = ["max", "min", "mean", "median", "sum", "count"];

/** @param {{project: string, onInsert: (block: string) => void, onClose: () => void}} props */
export function InsertPanel({ project, onInsert, onClose }) {
  const [form, setForm] = useState(
    /** @type {Form} */ ({ kind: "curves", from: "project", limit: "10", show: "max" }),
  );
  const known = useKnown(project);
  /** @param {string} name */
  const field = (name) => ({
    value: form[name] ?? "",
    onInput: (/** @type {any} */ event) => setForm({ ...form, [name]: event.target.value }),
  });
  const fields = panelOf(form);
  const block = fields && panelBlock(fields);
  const text = block ? block.split("\n").slice(1, -1).join("\n") : "";
  const ofSweep = OF_SWEEP.has(form.kind);
  const sweepChoice = html`<label>Sweep
    <select ...${field("sweep")}>
      <option value="">choose one</option>
      ${known.sweeps.map((sweep) => html`<option value=${sweep.id}>${sweep.name} (${sweep.id})</option>`)}
    </select>
  </label>`;
  return html`<${Dialog} title="Insert a panel" onClose=${onClose}>
    <div class="insert-panel">
      <fieldset class="insert-kinds">
        <legend>What</legend>
        ${KINDS.map(
          ({ kind, name, says }) => html`<label>
            <input type="radio" name="kind" value=${kind} checked=${form.kind === kind}
              onChange=${() => setForm({ ...form, kind })} />
            <span><strong>${name}</strong> <span class="quiet">${says}</span></span>
          </label>`,
        )}
      </fieldset>
      <fieldset class="insert-of">
        <legend>Of what</legend>
        ${ofSweep && sweepChoice}
        ${
          !ofSweep &&
          html`<label>Runs
            <select ...${field("from")}>
              <option value="project">of this project, the first</option>
              <option value="sweep">of a sweep, the best</option>
              <option value="named">that I name</option>
            </select>
          </label>`
        }
        ${!ofSweep && form.from === "sweep" && sweepChoice}
        ${
          !ofSweep &&
          form.from === "named" &&
          html`<label>Their ids <input ...${field("runs")} list="insert-runs" placeholder="a1b2c3, d4e5f6" /></label>
          <datalist id="insert-runs">${known.runs.map((run) => html`<option value=${run.id}>${run.name}</option>`)}</datalist>`
        }
        ${
          !ofSweep &&
          form.from !== "named" &&
          html`<label>How many <input type="number" min="1" max="200" ...${field("limit")} /></label>`
        }
        ${
          !ofSweep &&
          form.from === "project" &&
          html`<label>Sorted by <input ...${field("order")} list="insert-fields" placeholder="-summary.loss" /></label>`
        }
        ${
          form.kind === "curves" &&
          html`<label>Metrics <input ...${field("metrics")} list="insert-metrics" placeholder="loss, val/acc" /></label>
          <label>Smoothing <input type="number" min="0" max="0.99" step="0.05" ...${field("smoothing")} /></label>`
        }
        ${
          form.kind === "table" &&
          html`<label>Columns <input ...${field("columns")} list="insert-fields" placeholder="name, config.lr, summary.loss" /></label>`
        }
        ${form.kind === "media" && html`<label>Logged as <input ...${field("key")} list="insert-metrics" /></label>`}
        ${
          form.kind === "number" &&
          html`<label>Of <input ...${field("value")} list="insert-fields" placeholder="summary.loss; empty: counts runs" /></label>
          <label>Shown <select ...${field("show")}>${SHOWN.map((each) => html`<option>${each}</option>`)}</select></label>`
        }
        <label>Title <input ...${field("title")} placeholder="as usual" /></label>
        <datalist id="insert-fields">${known.fields.map((name) => html`<option value=${name}></option>`)}</datalist>
        <datalist id="insert-metrics">${known.metrics.map((name) => html`<option value=${name}></option>`)}</datalist>
      </fieldset>
      <section class="insert-preview" aria-label="Preview of the panel">
        ${
          text
            ? html`<${ReportPanel} project=${project} text=${text} />`
            : html`<p class="quiet">What is still to be chosen is on the left.</p>`
        }
      </section>
    </div>
    <div class="actions">
      <button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="primary" disabled=${!block} onClick=${() => block && onInsert(block)}>Insert</button>
    </div>
  <//>`;
}

/** The fields of the panel; null while something that it needs is not chosen.
 * @param {Form} form @returns {import("./block_text.js").PanelFields | null} */
export function panelOf(form) {
  const { kind, from } = form;
  const title = form.title ?? "";
  if (OF_SWEEP.has(kind)) return form.sweep ? { kind, title, sweep: form.sweep } : null;
  /** @type {Record<string, unknown>} */
  let runs = {};
  const number = kind === "number";
  if (from === "named") {
    runs = { runs: listed(form.runs) };
    if (!listed(form.runs).length) return null;
  } else if (from === "sweep") {
    if (!form.sweep) return null;
    runs = number ? { sweep: form.sweep } : { sweep: form.sweep, best: whole(form.limit) };
  } else if (!number) {
    runs = { order: form.order ?? "", limit: whole(form.limit) };
  }
  const metrics = listed(form.metrics);
  if (kind === "curves") {
    if (!metrics.length) return null;
    return { kind, title, ...runs, metrics, smoothing: Number(form.smoothing) || undefined };
  }
  if (kind === "table") return { kind, title, ...runs, columns: listed(form.columns) };
  if (kind === "media") return form.key ? { kind, title, ...runs, key: form.key } : null;
  if (kind === "number") {
    const of = form.value ? { value: form.value, show: form.show } : {};
    return { kind, title, ...runs, ...of };
  }
  return { kind, title, ...runs };
}

/** @param {string | undefined} text */
function listed(text) {
  const parts = (text ?? "").split(",").map((part) => part.trim());
  return [...new Set(parts.filter(Boolean))];
}

/** @param {string | undefined} text */
function whole(text) {
  return Math.min(Math.max(Math.round(Number(text)) || 10, 1), 200);
}

/** What there is in a project to be named. @param {string} project */
function useKnown(project) {
  const scope = { project: project || "uncategorized" };
  const sweeps = useFetch((signal) => get("/api/sweeps", {}, { signal }), []).data?.sweeps ?? [];
  const fields = useFetch((signal) => get("/api/run-table/fields", scope, { signal }), [project]);
  const runs = useFetch(
    (signal) => get("/api/runs", { ...scope, limit: 50 }, { signal }),
    [project],
  );
  /** @type {string[]} */
  const names = (fields.data?.fields ?? []).map((/** @type {any} */ each) => each.name);
  return {
    /** @type {{id: string, name: string}[]} */
    sweeps: sweeps.filter(
      (/** @type {any} */ each) => (each.project || "uncategorized") === scope.project,
    ),
    /** @type {{id: string, name: string}[]} */
    runs: runs.data?.runs ?? [],
    fields: ["name", "state", "created_at", "duration", ...names],
    metrics: names.filter((name) => name.startsWith("summary.")).map((name) => name.slice(8)),
  };
}
