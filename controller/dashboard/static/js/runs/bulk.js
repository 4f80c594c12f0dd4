/**
 * What can be done with the runs that are chosen: looked at together, tagged, saved, ended, deleted.
 * Many runs are changed a hundred at a time, so that nothing waits long and progress can be told.
 * Neighbours: controller/server/run_table_api.py; pages/runs.js.
 */
import { address, get, post } from "../api.js";
import { Confirm, Dialog, notify } from "../components/dialog.js";
import { Menu } from "../components/menu.js";
import { html, useEffect, useState } from "../html.js";
import { newReportAddress } from "../report/block_text.js";
import { Link, projectPath } from "../router.js";
import { useSession } from "../session.js";

const AT_ONCE = 100;
const COMPARED = 20;
/** Ids that an address can hold. */
const NAMED = 200;

/**
 * @param {{project: string, chosen: Set<string>, total: number, columns: string[],
 *   onChosen: (chosen: Set<string>) => void, onAll: () => Promise<void>, onChanged: () => void,
 *   onPin: (ids: string[]) => void, onHide: (ids: string[], hide: boolean) => void}} props
 */
export function BulkBar({
  project,
  chosen,
  total,
  columns,
  onChosen,
  onAll,
  onChanged,
  onPin,
  onHide,
}) {
  const { may } = useSession();
  const [asking, setAsking] = useState("");
  const ids = [...chosen];
  const count = ids.length;
  const few = count <= NAMED;
  const only = JSON.stringify({ id: { $in: ids } });
  const close = () => setAsking("");
  /** @param {string} text */
  const done = (text) => {
    notify(text);
    onChanged();
  };
  /** @param {"csv" | "json"} format */
  const file = (format) =>
    address("/api/run-table/export", {
      project: project || "uncategorized",
      filters: only,
      columns: JSON.stringify(["display_name", ...columns]),
      format,
    });
  const tooMany = `only up to ${NAMED} chosen runs: filter instead`;
  return html`<div class="runs-bulk" role="toolbar" aria-label="Chosen runs">
    <strong>${count.toLocaleString("en-US")} chosen</strong>
    ${count < total && html`<button type="button" class="plain" onClick=${onAll}>Choose all ${total.toLocaleString("en-US")}</button>`}
    ${
      count >= 2 && count <= COMPARED
        ? html`<${Link} class="button" href=${`${projectPath(project, "compare")}?runs=${ids.map(encodeURIComponent).join(",")}`}>Compare<//>`
        : html`<button type="button" disabled title=${`Choose 2 to ${COMPARED} runs`}>Compare</button>`
    }
    ${
      few
        ? html`<${Link} class="button" href=${`${projectPath(project, "charts")}?filters=${encodeURIComponent(only)}`}>Charts<//>`
        : html`<button type="button" disabled title=${tooMany}>Charts</button>`
    }
    ${may("write") && html`<button type="button" onClick=${() => setAsking("tag")}>Tag …</button>`}
    <${Menu} label="More for the chosen runs" button="More ▾" items=${[
      {
        label: "Put on top",
        act: () => onPin(ids),
        disabled: count > COMPARED,
        why: `up to ${COMPARED} runs`,
      },
      { label: "Hide in charts", act: () => onHide(ids, true), disabled: !few, why: tooMany },
      { label: "Show in charts", act: () => onHide(ids, false) },
      { label: "Export as CSV", href: file("csv"), disabled: !few, why: tooMany, above: "line" },
      { label: "Export as JSON", href: file("json"), disabled: !few, why: tooMany },
      may("write") && {
        label: "Put into a report",
        href: newReportAddress({
          project,
          panels: [
            { kind: "curves", runs: ids },
            { kind: "table", runs: ids, columns: ["name", ...columns] },
          ],
        }),
        disabled: !few,
        why: tooMany,
      },
      may("write") && { label: "Stop …", act: () => setAsking("stop"), above: "line" },
      may("write") && { label: "Delete …", act: () => setAsking("delete"), danger: true },
    ]} />
    <button type="button" class="plain" onClick=${() => onChosen(new Set())}>Choose none</button>
    ${asking === "tag" && html`<${TagDialog} ids=${ids} onClose=${close} onDone=${done} />`}
    ${
      (asking === "delete" || asking === "stop") &&
      html`<${EachDialog} kind=${asking} project=${project} ids=${ids} onClose=${close}
        onDone=${(/** @type {string} */ text) => {
          if (asking === "delete") onChosen(new Set());
          done(text);
        }} />`
    }
  </div>`;
}

/**
 * @param {string} path @param {string[]} ids @param {object} [more]
 * @param {(done: number) => void} [progress]
 * @returns {Promise<{done: number, refused: {id: string, why: string}[]}>}
 */
async function inParts(path, ids, more = {}, progress) {
  let done = 0;
  const refused = [];
  for (let i = 0; i < ids.length; i += AT_ONCE) {
    const answer = await post(path, { ...more, runs: ids.slice(i, i + AT_ONCE) });
    done += answer.done;
    refused.push(...answer.refused);
    progress?.(Math.min(i + AT_ONCE, ids.length));
  }
  return { done, refused };
}

/** @param {{ids: string[], onClose: () => void, onDone: (text: string) => void}} props */
function TagDialog({ ids, onClose, onDone }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState("");
  const tags = text
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);
  /** @param {"add" | "remove"} how */
  const act = async (how) => {
    setBusy("…");
    try {
      const { done } = await inParts("/api/run-table/tags", ids, { [how]: tags }, (n) =>
        setBusy(`${n} of ${ids.length}`),
      );
      onDone(`${how === "add" ? "Tagged" : "Untagged"} ${done} ${done === 1 ? "run" : "runs"}.`);
      onClose();
    } catch (error) {
      setBusy("");
      notify(error instanceof Error ? error.message : String(error));
    }
  };
  return html`<${Dialog} title=${`Tags of ${ids.length} ${ids.length === 1 ? "run" : "runs"}`} onClose=${onClose}>
    <form onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      act("add");
    }}>
      <label>Tags, parted by commas <input autofocus value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
      <div class="actions">
        <span class="quiet" role="status">${busy}</span>
        <button type="button" onClick=${onClose}>Cancel</button>
        <button type="button" disabled=${!tags.length || busy} onClick=${() => act("remove")}>Remove them</button>
        <button type="submit" class="primary" disabled=${!tags.length || busy}>Add them</button>
      </div>
    </form>
  <//>`;
}

const KINDS = {
  delete: { verb: "Delete", past: "Deleted", path: "/api/run-table/delete", cannot: notDeleted },
  stop: { verb: "Stop", past: "Ordered to end:", path: "/api/run-table/stop", cannot: notStopped },
};

/** @param {{state: string, sweep: string | null}} run */
function notDeleted({ state, sweep }) {
  if (sweep) return "is a trial of a sweep";
  return state === "running" ? "still runs" : "";
}

/** @param {{state: string}} run */
function notStopped({ state }) {
  return state === "running" || state === "queued" || state === "pending" ? "" : "is over already";
}

/** Asks first, and says beforehand what cannot be. @param {{kind: "delete" | "stop", project: string,
 *   ids: string[], onClose: () => void, onDone: (text: string) => void}} props */
function EachDialog({ kind, project, ids, onClose, onDone }) {
  const { verb, past, path, cannot } = KINDS[kind];
  const [plan, setPlan] = useState(
    /** @type {{able: string[], not: Map<string, number>} | null} */ (null),
  );
  const [told, setTold] = useState("");
  const [refused, setRefused] = useState(/** @type {{id: string, why: string}[]} */ ([]));
  useEffect(() => {
    const control = new AbortController();
    look(project, ids, cannot, control.signal).then(setPlan, (error) => {
      if (!control.signal.aborted) setTold(error.message);
    });
    return () => control.abort();
  }, []);
  const act = async () => {
    if (!plan) return;
    const answer = await inParts(path, plan.able, {}, (n) =>
      setTold(`${n} of ${plan.able.length}`),
    );
    onDone(`${past} ${answer.done} ${answer.done === 1 ? "run" : "runs"}.`);
    if (!answer.refused.length) return;
    setRefused(answer.refused);
    throw new Error(`${answer.refused.length} could not be: ${answer.refused[0].why}`);
  };
  const able = plan?.able.length ?? 0;
  return html`<${Confirm} title=${`${verb} ${ids.length} ${ids.length === 1 ? "run" : "runs"}?`} action=${plan ? `${verb} ${able}` : verb}
    danger=${kind === "delete"} act=${act} onClose=${onClose} disabled=${!able}>
    ${!plan && html`<p role="status">Looking at them …</p>`}
    ${
      plan &&
      html`<p>${
        kind === "delete"
          ? `${able} will be deleted with all that they logged, for good. Artifacts that they made stay.`
          : `${able} will be told to end.`
      }</p>
      ${[...plan.not].map(([why, count]) => html`<p key=${why} class="warn">${count} cannot be: each ${why}.</p>`)}`
    }
    ${told && html`<p class="quiet" role="status">${told}</p>`}
    ${refused.length > 0 && html`<ul class="refused">${refused.slice(0, 20).map(({ id, why }) => html`<li key=${id}>${why}</li>`)}</ul>`}
  <//>`;
}

/** @param {string} project @param {string[]} ids @param {(run: any) => string} cannot
 * @param {AbortSignal} signal */
async function look(project, ids, cannot, signal) {
  /** @type {string[]} */
  const able = [];
  const not = new Map();
  for (let i = 0; i < ids.length; i += NAMED) {
    const filters = JSON.stringify({ id: { $in: ids.slice(i, i + NAMED) } });
    const params = {
      project: project || "uncategorized",
      filters,
      columns: "state,sweep",
      limit: NAMED,
    };
    const page = await get("/api/runs", params, { signal });
    page.ids.forEach((/** @type {string} */ id, /** @type {number} */ k) => {
      const why = cannot({ state: page.columns.state[k], sweep: page.columns.sweep[k] });
      if (why) not.set(why, (not.get(why) ?? 0) + 1);
      else able.push(id);
    });
  }
  return { able, not };
}
