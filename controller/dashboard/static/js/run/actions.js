/** What can be done with a run: stop, compare, export, delete; each change asks first. */
import { address, get, post, remove } from "../api.js";
import { Confirm, Dialog, notify } from "../components/dialog.js";
import { Menu } from "../components/menu.js";
import { html, useEffect, useState } from "../html.js";
import { Link, navigate, path, projectPath } from "../router.js";

/** @param {{run: Record<string, any>, may: boolean, reload: () => void}} props */
export function Actions({ run, may, reload }) {
  const [asking, ask] = useState("");
  const api = `/api${path("runs", run.id)}`;
  const running = run.state === "running" || run.state === "queued";
  const byHand = !run.sweep_id && !("wandb" in run.metadata);
  const where = [
    run.metadata.pid && `process ${run.metadata.pid}`,
    run.metadata.host && `on ${run.metadata.host}`,
  ]
    .filter(Boolean)
    .join(" ");
  const whyNoStop = running && byHand ? `started by hand: end its ${where || "process"}` : "";
  const whyNoDelete = run.sweep_id
    ? "a trial stays as long as its sweep"
    : running
      ? "it still runs"
      : "";
  const stop = async () => {
    await post(run.sweep_id ? `/api${path("trials", run.id, "stop")}` : `${api}/stop`);
    notify("It is told to stop.");
    reload();
  };
  const forget = async () => {
    await remove(api);
    notify(`${run.name} is deleted.`);
    navigate(projectPath(run.project));
  };
  /** @param {string} format @param {string} kind */
  const save = (format, kind) => {
    location.assign(address(`${api}/export`, { format, kind }));
  };
  const items = [
    { label: "Compare with…", act: () => ask("compare") },
    {
      label: "History as CSV",
      act: () => save("csv", "history"),
      above: /** @type {const} */ ("line"),
    },
    { label: "History as JSON", act: () => save("json", "history") },
    { label: "System metrics as CSV", act: () => save("csv", "system") },
    may && {
      label: "Delete…",
      act: () => ask("delete"),
      danger: true,
      disabled: whyNoDelete !== "",
      why: whyNoDelete,
      above: /** @type {const} */ ("line"),
    },
  ];
  return html`<div class="run-actions">
    ${may && running && html`<button type="button" class="danger" disabled=${whyNoStop !== ""} title=${whyNoStop} onClick=${() => ask("stop")}>Stop…</button>`}
    <${Menu} label="More about this run" items=${items} />
    ${
      asking === "stop" &&
      html`<${Confirm} title="Stop this run?" action="Stop" danger act=${stop} onClose=${() => ask("")}>
        <p>${run.name} is told to end; it has the sweep's grace to do so in good order. What it has logged stays.</p>
      <//>`
    }
    ${
      asking === "delete" &&
      html`<${Confirm} title="Delete this run?" action="Delete" danger act=${forget} onClose=${() => ask("")}>
        <p>All that ${run.name} has logged goes, and its files with it. Artifacts that it made stay. This cannot be undone.</p>
      <//>`
    }
    ${asking === "compare" && html`<${CompareWith} run=${run} onClose=${() => ask("")} />`}
  </div>`;
}

/** @param {{run: Record<string, any>, onClose: () => void}} props */
function CompareWith({ run, onClose }) {
  const [find, setFind] = useState("");
  const [found, setFound] = useState(/** @type {any[] | null} */ (null));
  const [error, setError] = useState("");
  useEffect(() => {
    const control = new AbortController();
    const query = { project: run.project, search: find, order: "-created_at", limit: 20 };
    get("/api/runs", query, { signal: control.signal }).then(
      ({ runs }) => setFound(runs.filter((/** @type {any} */ each) => each.id !== run.id)),
      (failed) => control.signal.aborted || setError(failed.message),
    );
    return () => control.abort();
  }, [find]);
  return html`<${Dialog} title="Compare with" onClose=${onClose}>
    <input type="search" aria-label="Search runs" placeholder="Search runs" value=${find}
      onInput=${(/** @type {any} */ event) => setFind(event.target.value)} />
    <ul class="compare-with">
      ${found?.map(
        (each) => html`<li key=${each.id}>
          <${Link} href=${address(projectPath(run.project, "compare"), { runs: `${run.id},${each.id}` })}>${each.name}<//>
          <span class="quiet"> ${each.state}</span>
        </li>`,
      )}
      ${found?.length === 0 && html`<li class="quiet">There is no other run${find && " that fits"}.</li>`}
    </ul>
    ${error && html`<p class="failure" role="alert">${error}</p>`}
    <div class="actions"><button type="button" onClick=${onClose}>Cancel</button></div>
  <//>`;
}
