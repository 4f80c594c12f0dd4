/**
 * The page of a run, a trial's or one of its own, live. What it shows of it is in tabs, each with an
 * address of its own (`?tab=`). Neighbours: run/*.js, a tab each.
 */
import { get, post } from "../api.js";
import { EditableText } from "../components/editable.js";
import { FileBrowser } from "../components/file_browser.js";
import { Empty, Failure, Loading, StateBadge } from "../components/states.js";
import { TabPanel, Tabs } from "../components/tabs.js";
import { useLive } from "../hooks.js";
import { html } from "../html.js";
import { usePage } from "../page.js";
import { Link, navigate, path, projectPath, useQuery } from "../router.js";
import { Actions } from "../run/actions.js";
import { AlertsTab } from "../run/alerts_tab.js";
import { ArtifactsTab } from "../run/artifacts_tab.js";
import { RunCharts } from "../run/charts.js";
import { Console } from "../run/console.js";
import { MediaTab, mediaKeys } from "../run/media_tab.js";
import { Overview } from "../run/overview.js";
import { TablesTab, tablesOf } from "../run/tables_tab.js";
import { useSession } from "../session.js";

/** @param {{match: Record<string, string>}} props */
export default function RunPage({ match }) {
  const api = `/api${path("runs", match.run)}`;
  const { data, error, reload } = useLive(
    [`run/${match.run}`],
    async (signal) => {
      const run = await get(api, {}, { signal });
      const trial = run.sweep_id
        ? await get(`/api${path("trials", run.id)}`, {}, { signal })
        : null;
      return { run, trial };
    },
    [match.run],
    1000,
  );
  const [tab] = useQuery("tab", "overview");
  const may = useSession().may("write");
  const run = data?.run;
  usePage(run?.name ?? match.run, run?.project ?? null);
  if (/** @type {any} */ (error)?.status === 404 && !data)
    return html`<${Empty} title="There is no such run"><p>${error?.message}</p><//>`;
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!run) return html`<${Loading} />`;
  const trial = data.trial;
  const media = mediaKeys(run.summary).length;
  const tables = tablesOf(run.summary).length;
  const tabs = [
    { id: "overview", label: "Overview" },
    { id: "charts", label: "Charts" },
    { id: "system", label: "System" },
    { id: "console", label: "Console" },
    { id: "files", label: "Files" },
    { id: "artifacts", label: "Artifacts" },
    { id: "media", label: "Media", count: media || null },
    { id: "tables", label: "Tables", count: tables || null },
    { id: "alerts", label: "Alerts" },
  ];
  const shown = tabs.some((each) => each.id === tab) ? tab : "overview";
  // Each tab has state of its own in the address: what another one left there means nothing to it.
  const open = (/** @type {string} */ id) =>
    navigate(path("runs", match.run) + (id === "overview" ? "" : `?tab=${id}`));
  const rename = async (/** @type {string} */ name) => {
    await post(`${api}/edit`, { metadata: { name } });
    reload();
  };
  return html`<article class="run-page">
    <header class="run-head">
      <nav aria-label="Where this run belongs" class="run-way">
        <${Link} href=${projectPath(run.project)}>${run.project || "no project"}<//>
        ${run.sweep_id && html`<span aria-hidden="true">/</span><${Link} href=${path("sweeps", run.sweep_id)}>${run.sweep_id}<//>`}
      </nav>
      <div class="run-title">
        <${EditableText} label="Name" value=${run.name} may=${may} save=${rename}><h1>${run.name}</h1><//>
        ${trial && html`<span class="quiet">trial ${trial.number}</span>`}
        <${StateBadge} state=${run.state} />
        <${Actions} run=${run} may=${may} reload=${reload} />
      </div>
    </header>
    <${Tabs} label="Parts of this run" tabs=${tabs} value=${shown} onChange=${open} />
    <${TabPanel} id=${shown} key=${shown}>
      ${shown === "overview" && html`<${Overview} run=${run} trial=${trial} may=${may} reload=${reload} />`}
      ${shown === "charts" && html`<${RunCharts} run=${run} />`}
      ${shown === "system" && html`<${RunCharts} run=${run} kind="system" />`}
      ${shown === "console" && html`<${Console} run=${run} />`}
      ${shown === "files" && html`<${FileBrowser} api=${api} topics=${[`run/${run.id}`]} empty=${html`<p>What a script leaves in <code>run.dir</code>, or names with <code>run.save(…)</code>, shows here.</p>`} />`}
      ${shown === "artifacts" && html`<${ArtifactsTab} run=${run} />`}
      ${shown === "media" && html`<${MediaTab} run=${run} />`}
      ${shown === "tables" && html`<${TablesTab} run=${run} />`}
      ${shown === "alerts" && html`<${AlertsTab} run=${run} />`}
    <//>
  </article>`;
}
