/**
 * The page of a sweep, live: where it stands, its charts, its trials, who works on it, and its file.
 * What is chosen (brushes of the charts, picked trials) is one thing for all of them, and in the
 * address. Neighbours: everything in js/sweep.
 */
import { get } from "../api.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { TabPanel, Tabs } from "../components/tabs.js";
import { number } from "../format.js";
import { useLive } from "../hooks.js";
import { html, useMemo, useState } from "../html.js";
import { usePage } from "../page.js";
import { Link, useJsonQuery, useQuery } from "../router.js";
import { AgentsTab } from "../sweep/agents_tab.js";
import { SweepCharts } from "../sweep/charts.js";
import { Configuration } from "../sweep/configuration.js";
import { SweepHead } from "../sweep/head.js";
import { isOver } from "../sweep/orders.js";
import { measuredOf } from "../sweep/results.js";
import { NONE_CHOSEN } from "../sweep/selection.js";
import { TrialPanel } from "../sweep/trial_panel.js";
import { useTrials } from "../sweep/trials_data.js";
import { TrialsTable } from "../sweep/trials_table.js";

/** @type {string[]} */
const NO_METRICS = [];

/** @param {{match: Record<string, string>}} props */
export default function SweepPage({ match }) {
  const id = match.sweep;
  const { data, error, reload } = useLive(
    [`sweep/${id}`],
    (signal) => get(`/api/sweeps/${encodeURIComponent(id)}`, {}, { signal }),
    [id],
  );
  usePage(data?.name ?? id, data ? data.project : null);
  if (data) return html`<${Shown} sweep=${data} reload=${reload} />`;
  if (!error) return html`<${Loading} what="Loading the sweep" />`;
  if (/** @type {any} */ (error).status !== 404)
    return html`<${Failure} error=${error} retry=${reload} />`;
  return html`<${Empty} title="There is no such sweep">
    <p>${error.message}</p>
    <p><${Link} href="/">All sweeps<//></p>
  <//>`;
}

/** @param {{sweep: any, reload: () => void}} props */
function Shown({ sweep, reload }) {
  const [charted, setMetrics] = useState(NO_METRICS);
  const metrics = useMemo(() => [...new Set([...measuredOf(sweep), ...charted])], [sweep, charted]);
  const { trials, error, reload: reloadTrials } = useTrials(sweep.id, metrics);
  const [told, setChosen] = useJsonQuery("chosen", NONE_CHOSEN);
  // What comes out of the address is a new object each time: the same text is the same choice.
  const chosen = useMemo(() => told, [JSON.stringify(told)]);
  const [tab, setTab] = useQuery("tab", "charts");
  const changed = () => {
    reload();
    reloadTrials();
  };
  /** @param {number} trial */
  const pick = (trial) => setChosen({ ...chosen, picked: [trial] });
  const picked = chosen.picked?.at(-1);
  const tabs = [
    { id: "charts", label: "Charts" },
    { id: "trials", label: "Trials", count: trials && number(trials.count) },
    { id: "agents", label: "Agents", count: sweep.agents.length },
    { id: "configuration", label: "Configuration" },
  ];
  return html`<div class="sweep-page">
    <${SweepHead} sweep=${sweep} onDone=${changed} onPick=${pick} />
    <${Tabs} label="Parts of the sweep" tabs=${tabs} value=${tab} onChange=${setTab} />
    <div class=${`sweep-body ${picked === undefined ? "" : "with-panel"}`}>
      <${TabPanel} id=${tab}>
        ${error && !trials && html`<${Failure} error=${error} retry=${reloadTrials} />`}
        ${tab === "charts" && trials?.count === 0 && html`<${NoTrials} sweep=${sweep} />`}
        ${
          tab === "charts" &&
          trials?.count !== 0 &&
          html`<${SweepCharts} sweep=${sweep} trials=${trials} chosen=${chosen} onChoose=${setChosen} onMetrics=${setMetrics} />`
        }
        ${
          tab === "trials" &&
          (trials
            ? html`<${Trials} sweep=${sweep} trials=${trials} chosen=${chosen} onChoose=${setChosen} />`
            : !error && html`<${Loading} what="Loading the trials" />`)
        }
        ${tab === "agents" && html`<${AgentsTab} sweep=${sweep} trials=${trials} onPick=${pick} />`}
        ${tab === "configuration" && html`<${Configuration} sweep=${sweep} onDone=${changed} />`}
      <//>
      ${
        picked !== undefined &&
        html`<${TrialPanel} key=${picked} sweep=${sweep} number=${picked} onDone=${changed}
          onClose=${() => setChosen({ ...chosen, picked: [] })} />`
      }
    </div>
  </div>`;
}

/** @param {any} props as of TrialsTable */
function Trials(props) {
  return props.trials.count
    ? html`<${TrialsTable} ...${props} />`
    : html`<${NoTrials} sweep=${props.sweep} />`;
}

/** @param {{sweep: any}} props */
function NoTrials({ sweep }) {
  return html`<${Empty} title="No trial yet">
    <p>${isOver(sweep) ? "It ended before its first trial." : "Trials are made when an agent has a free slot."}</p>
  <//>`;
}
