/**
 * A few runs side by side: what differs in their summaries, configs, origins and code, and their
 * curves in the same charts. Which runs, in which order, is in the address (`runs=a,b`).
 * Neighbours: compare/*.js; workspace/panels.js (curves).
 */

import { AddRuns } from "../compare/add_runs.js";
import { CodeDifferences } from "../compare/code.js";
import { useFiles, useRuns } from "../compare/data.js";
import { differences, goals } from "../compare/differences.js";
import { about, origin } from "../compare/facts.js";
import { useRecorded } from "../compare/recorded.js";
import { CompareTable } from "../compare/table.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { TabPanel, Tabs } from "../components/tabs.js";
import { html, useMemo } from "../html.js";
import { usePage } from "../page.js";
import { Link, projectOf, projectPath, useJsonQuery, useQuery } from "../router.js";
import { moved } from "../runs/columns.js";
import { useRunColors } from "../runs/run_colors.js";
import { Panels } from "../workspace/panels.js";

const MOST = 20;
/** Sections whose files are fetched when they are opened. */
const LAZY = ["environment", "packages"];
/** @type {any[]} */
const NONE = [];
const TABS = [
  { id: "differences", label: "Differences" },
  { id: "charts", label: "Charts" },
  { id: "code", label: "Code" },
];

/** @param {{match: Record<string, string>}} props */
export default function ComparePage({ match }) {
  const project = projectOf(match);
  usePage(`${project || "no project"} · compare`, project);
  const [text, setText] = useQuery("runs");
  const ids = useMemo(() => [...new Set(text.split(",").filter(Boolean))].slice(0, MOST), [text]);
  const [tab, setTab] = useQuery("tab", "differences");
  const [baseline, setBaseline] = useQuery("base");
  const { data, error } = useRuns(ids);
  const setIds = (/** @type {string[]} */ next) => setText(next.join(","));
  const finder = html`<${AddRuns} project=${project} except=${ids} disabled=${ids.length >= MOST}
    onAdd=${(/** @type {string} */ id) => setIds([...ids, id])} />`;
  const runs = data?.runs ?? [];
  const base = Math.max(
    runs.findIndex((run) => run.id === baseline),
    0,
  );
  return html`<div class="compare-page">
    <div class="compare-title">
      <h1>Compare</h1>
      <span class="quiet">${ids.length} ${ids.length === 1 ? "run" : "runs"}</span>
      ${finder}
      ${ids.length === 2 && html`<button type="button" onClick=${() => setIds([ids[1], ids[0]])}>Swap</button>`}
      <${Link} href=${projectPath(project)}>All runs<//>
    </div>
    ${[...(data?.failed ?? [])].map(
      ([id, reason]) => html`<p key=${id} class="failure" role="alert">${reason.message}
        <button type="button" onClick=${() => setIds(ids.filter((each) => each !== id))}>Take ${id} out</button></p>`,
    )}
    ${
      error
        ? html`<${Failure} error=${error} />`
        : !ids.length
          ? html`<${Empty} title="Nothing to compare yet">
              <p>Choose 2 to ${MOST} runs in <${Link} href=${projectPath(project)}>the table<//> and press Compare, or add them here.</p>
            <//>`
          : !data
            ? html`<${Loading} />`
            : runs.length > 0 &&
              html`<${Tabs} label="Comparison" tabs=${TABS} value=${tab} onChange=${setTab} />
                <${TabPanel} id=${tab}>
                  ${tab === "charts" && html`<${Curves} runs=${runs} project=${project} />`}
                  ${tab === "code" && html`<${Code} runs=${runs} base=${base} />`}
                  ${
                    tab !== "charts" &&
                    tab !== "code" &&
                    html`<${Differences} runs=${runs} metrics=${data.metrics} base=${base}
                      onBase=${(/** @type {number} */ i) => setBaseline(i ? runs[i].id : "")}
                      onMove=${(/** @type {number} */ from, /** @type {number} */ to) => {
                        if (!baseline) setBaseline(runs[base].id);
                        setIds(moved(ids, ids.indexOf(runs[from].id), ids.indexOf(runs[to].id)));
                      }}
                      onRemove=${(/** @type {number} */ i) => setIds(ids.filter((id) => id !== runs[i].id))} />`
                  }
                <//>`
    }
  </div>`;
}

/** @param {any} props */
function Differences({ runs, metrics, base, onBase, onMove, onRemove }) {
  const [all, setAll] = useQuery("all");
  const [plain, setPlain] = useQuery("plain");
  const [search, setSearch] = useQuery("q");
  const [folded, setFolded] = useJsonQuery("folded", LAZY);
  const colorOf = useRunColors();
  const looked = LAZY.some((id) => !folded.includes(id));
  const files = useFiles(looked ? runs : NONE);
  const recorded = useRecorded(looked ? files.data : undefined);
  const sections = useMemo(() => {
    const goalOf = goals(runs, metrics);
    const of = (/** @type {(run: any) => any} */ pick) => runs.map(pick);
    return [
      { id: "run", label: "Run", rows: differences(of(about), undefined, { asGiven: true }) },
      {
        id: "summary",
        label: "Summary",
        rows: differences(
          of((run) => run.summary),
          goalOf,
        ),
      },
      { id: "config", label: "Config", rows: differences(of((run) => run.config)) },
      { id: "origin", label: "Code and machine", rows: differences(of(origin)) },
    ];
  }, [runs, metrics]);
  const said = (recorded.error ?? files.error)?.message ?? (recorded.data ? "" : "Loading…");
  const more = [
    {
      id: "environment",
      label: "Environment variables",
      rows: recorded.data?.environment,
      note: said,
    },
    { id: "packages", label: "Packages", rows: recorded.data?.packages, note: said },
  ];
  return html`<div class="compare-tools" role="toolbar" aria-label="Differences">
      <input type="search" data-search placeholder="Search names" aria-label="Search names" value=${search}
        onInput=${(/** @type {any} */ event) => setSearch(event.target.value)} />
      <label><input type="checkbox" checked=${!all} onChange=${() => setAll(all ? "" : "1")} /> only what differs</label>
      <label><input type="checkbox" checked=${!plain} onChange=${() => setPlain(plain ? "" : "1")} /> differences to the baseline</label>
    </div>
    <${CompareTable} runs=${runs} sections=${[...sections, ...more]} base=${base} onlyDifferent=${!all} deltas=${!plain}
      search=${search} colorOf=${colorOf} folded=${folded} onBase=${onBase} onMove=${onMove} onRemove=${onRemove}
      onFold=${(/** @type {string} */ id) => setFolded(folded.includes(id) ? folded.filter((each) => each !== id) : [...folded, id])} />`;
}

/** @param {{runs: any[], project: string}} props */
function Curves({ runs, project }) {
  const [view, setView] = useJsonQuery("view", {});
  const [search, setSearch] = useQuery("panels");
  const colorOf = useRunColors();
  const asText = JSON.stringify(runs.map(({ id, name, state }) => [id, name, colorOf(id), state]));
  const drawn = useMemo(
    () =>
      runs.map(({ id, name, state }) => ({
        id,
        name,
        color: colorOf(id),
        live: state === "running",
      })),
    [asText],
  );
  return html`<${Panels} runs=${drawn} view=${view} onView=${setView} search=${search} onSearch=${setSearch}
    cursor="compare" project=${project} />`;
}

/** @param {{runs: any[], base: number}} props */
function Code({ runs, base }) {
  const [other, setOther] = useQuery("other");
  const { data, error, reload } = useFiles(runs);
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  return html`<${CodeDifferences} all=${data} base=${base} other=${other} onOther=${setOther} />`;
}
