/**
 * A project's charts: its runs on the left, a panel for each metric on the right. All of what is
 * shown is in the address. Neighbours: workspace/panels.js, workspace/run_list.js, pages/runs.js.
 */
import { get } from "../api.js";
import { colorOf } from "../colors.js";
import { useFetch, useLive } from "../hooks.js";
import { html, useCallback, useMemo, useState } from "../html.js";
import { usePage } from "../page.js";
import {
  navigate,
  path,
  projectOf,
  projectPath,
  useJsonQuery,
  useLocation,
  useQuery,
} from "../router.js";
import { fields as fieldsOf } from "../runs/columns.js";
import { apiParams, keepQuery, readQuery, writeQuery } from "../runs/query.js";
import { useRunColors } from "../runs/run_colors.js";
import { Panels } from "../workspace/panels.js";
import { drawn as chosen, MOST, turned, USUAL } from "../workspace/run_choice.js";
import { RunList } from "../workspace/run_list.js";

const PAGE = 100; // runs of the list, at first
const CURSOR = "workspace";
const LIVE = ["running", "pending", "queued"];
const COLUMNS = ["display_name", "state", "created_at"];

/** @param {{match: Record<string, string>}} props */
export default function ChartsPage({ match }) {
  const project = projectOf(match);
  usePage(`${project || "No project"}: charts`);
  const url = useLocation();
  const query = readQuery(url.searchParams);
  const [view, setView] = useJsonQuery(
    "view",
    /** @type {import("../workspace/layout.js").View} */ ({}),
  );
  const stable = useSame(view);
  const [search, setSearch] = useQuery("panels");
  const [full, setFull] = useQuery("full");
  const [listed, setListed] = useState(PAGE);
  const [folded, setFolded] = useState(() => matchMedia("(max-width: 700px)").matches);
  const only = (url.searchParams.get("runs") ?? "").split(",").filter(Boolean);
  const { runs, total, loading, error } = useRuns(project, query, only, listed);
  const ids = runs.map(({ id }) => id);
  const choice = {
    count: Number(url.searchParams.get("count")) || (only.length ? MOST : USUAL),
    hidden: query.hidden,
    shown: list(url.searchParams.get("shown")),
    pinned: query.pinned,
  };
  const drawn = useSame(chosen(ids, choice));
  const shown = useSame(runs.filter(({ id }) => drawn.has(id)).map(forPanels));
  const fields = useFields(project);

  /** @param {(params: URLSearchParams) => void} change */
  const change = (change) => {
    const next = new URL(location.href);
    change(next.searchParams);
    navigate(next.pathname + next.search, { replace: true });
  };
  const onQuery = (/** @type {any} */ changes) => change((params) => writeQuery(params, changes));
  const onCount = (/** @type {number} */ count) =>
    change((params) => {
      writeQuery(params, { hidden: [] });
      params.delete("shown");
      if (count === USUAL) params.delete("count");
      else params.set("count", String(count));
    });
  const onTurn = (/** @type {string} */ id, /** @type {boolean} */ on) =>
    change((params) => {
      const { hidden, shown: others } = turned(ids, choice, id, on);
      writeQuery(params, { hidden });
      if (others.length) params.set("shown", JSON.stringify(others));
      else params.delete("shown");
    });
  const onPick = useCallback((/** @type {string} */ id) => navigate(path("runs", id)), []);
  const kept = keepQuery(url.searchParams);
  const table = projectPath(project) + (kept ? `?${kept}` : "");
  const linkTo = (/** @type {string} */ panel) => {
    const link = new URL(location.href);
    link.searchParams.set("full", panel);
    return link.pathname + link.search;
  };
  return html`<div class=${`workspace ${folded ? "folded" : ""}`}>
    <h1 class="only-heard">${project || "No project"}: charts</h1>
    <aside class="workspace-runs" aria-label="Runs">
      <button type="button" class="fold-runs" aria-expanded=${!folded} onClick=${() => setFolded(!folded)}
        aria-label=${folded ? "Show the runs" : "Hide the runs"} title=${folded ? "Show the runs" : "Hide the runs"}>${folded ? html`<span class="fold-word">Runs </span>›` : "‹"}</button>
      ${
        !folded &&
        html`<${RunList} runs=${runs} total=${total} loading=${loading} error=${error} drawn=${drawn} query=${query}
          onQuery=${onQuery} onTurn=${onTurn} onCount=${onCount} onMore=${() => setListed(listed + PAGE)}
          tableHref=${table} fields=${fields} project=${project} cursor=${CURSOR} />`
      }
    </aside>
    <${Panels} runs=${shown} waiting=${loading && !runs.length} view=${stable} onView=${setView} search=${search} onSearch=${setSearch}
      cursor=${CURSOR} full=${full || null} onFull=${(/** @type {string | null} */ id) => setFull(id ?? "")}
      linkTo=${linkTo} onPick=${onPick} project=${project} />
  </div>`;
}

/**
 * @param {string} project @param {import("../runs/query.js").RunsQuery} query
 * @param {string[]} only these runs, where there are any @param {number} limit
 */
function useRuns(project, query, only, limit) {
  const colorOfRun = useRunColors();
  const more = only.length ? [{ id: { $in: only } }] : [];
  const params = apiParams(query, project, more);
  const columns = [...COLUMNS, ...query.group];
  const asked = { ...params, columns: JSON.stringify(columns), limit };
  const text = JSON.stringify([asked, query.pinned]);
  const fetched = useLive(
    [`project/${project || "uncategorized"}`],
    async (signal) => {
      const pins = query.pinned.length ? [{ id: { $in: query.pinned } }] : null;
      const [pinned, rest] = await Promise.all([
        pins &&
          get("/api/runs", { ...asked, search: "", filters: JSON.stringify(pins[0]) }, { signal }),
        get("/api/runs", asked, { signal }),
      ]);
      return { text, total: rest.total, rows: joined(pinned, rest), groups: query.group };
    },
    [text],
    2000,
  );
  const [last, setLast] = useState(/** @type {any} */ (null));
  if (fetched.data && fetched.data !== last) setLast(fetched.data);
  const data = fetched.data ?? last;
  const runs = useMemo(
    () =>
      (data?.rows ?? []).map((/** @type {any[]} */ [id, name, state, created, ...groups]) => ({
        id,
        name: String(name || id),
        state,
        created,
        group: data.groups.length ? groups.map(spelled).join(", ") : undefined,
      })),
    [data],
  );
  /** @type {import("../workspace/run_list.js").ListedRun[]} */
  const colored = runs.map((/** @type {any} */ run) => ({
    ...run,
    color: run.group === undefined ? colorOfRun(run.id) : colorOf(run.group),
  }));
  return {
    runs: colored,
    total: data?.total ?? 0,
    loading: fetched.loading,
    error: fetched.error,
  };
}

/** Rows (id, then the columns), those that are pinned first. @param {any} pinned @param {any} rest */
function joined(pinned, rest) {
  const rows = [pinned, rest].flatMap((page) =>
    page
      ? page.ids.map((/** @type {string} */ id, /** @type {number} */ i) => [
          id,
          ...Object.values(page.columns).map((column) => /** @type {any[]} */ (column)[i]),
        ])
      : [],
  );
  return [...new Map(rows.map((row) => [row[0], row])).values()];
}

/** @param {unknown} value */
function spelled(value) {
  return value === null || value === undefined
    ? "none"
    : typeof value === "object"
      ? JSON.stringify(value)
      : String(value);
}

/** What the panels need of a run: changes only when that does. @param {any} run */
function forPanels({ id, name, color, state, group }) {
  return { id, name, color, live: LIVE.includes(state), group };
}

/** What runs can be filtered and grouped by. @param {string} project */
function useFields(project) {
  const { data } = useFetch(
    (signal) => get("/api/run-table/fields", { project: project || "uncategorized" }, { signal }),
    [project],
  );
  return useMemo(() => fieldsOf(data?.fields ?? []), [data]);
}

/** The value before, as long as it says the same. @template T @param {T} value @returns {T} */
function useSame(value) {
  const text = JSON.stringify(value instanceof Set ? [...value] : value);
  return useMemo(() => value, [text]);
}

/** @param {string | null} text @returns {string[]} */
function list(text) {
  try {
    const value = JSON.parse(text ?? "[]");
    return Array.isArray(value) ? value.map(String) : [];
  } catch {
    return [];
  }
}
