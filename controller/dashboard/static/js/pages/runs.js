/**
 * The runs of a project in a table: searched, filtered, grouped and sorted by the server, all state
 * in the address. Neighbours: runs/*.js, each a piece of it; components/table.js.
 */
import { address, get } from "../api.js";
import { notify } from "../components/dialog.js";
import { Menu, Popup } from "../components/menu.js";
import { Failure, Loading } from "../components/states.js";
import { VirtualTable } from "../components/table.js";
import { useChanges, useFetch } from "../hooks.js";
import { html, useMemo, useState } from "../html.js";
import { usePage } from "../page.js";
import { newReportAddress } from "../report/block_text.js";
import { Link, navigate, path, projectOf, projectPath, useLocation } from "../router.js";
import { BulkBar } from "../runs/bulk.js";
import { GroupName, GroupValue, RunName, Value } from "../runs/cells.js";
import { ColumnChooser } from "../runs/column_chooser.js";
import {
  field as fieldOf,
  fields as fieldsOf,
  isNumeric,
  moved,
  NAME,
  usual,
} from "../runs/columns.js";
import { NoneFit, NoRuns } from "../runs/empty.js";
import { FieldPicker } from "../runs/field_picker.js";
import { FilterChips, FilterEditor } from "../runs/filter_editor.js";
import { read, write } from "../runs/filters.js";
import { useGoals } from "../runs/goals.js";
import {
  apiParams,
  asFilter,
  keepQuery,
  NEWEST,
  readOrder,
  readQuery,
  turned,
  writeOrder,
  writeQuery,
} from "../runs/query.js";
import { useRows } from "../runs/rows.js";
import { setRunColor, useRunColors } from "../runs/run_colors.js";
import { Search } from "../runs/search.js";
import { SortEditor } from "../runs/sort_editor.js";
import { Views } from "../runs/views.js";
import { useSession } from "../session.js";

/** @typedef {import("../runs/columns.js").Field} Field */

const FIGURES = {
  mean: "Mean",
  best: "Best, by the metric's goal",
  min: "Least",
  max: "Greatest",
  std: "Spread (std)",
};
const LIVE_MS = 1000;
/** New names come with new kinds of runs alone. */
const NAMES_MS = 5000;

/** @param {{match: Record<string, string>}} props */
export default function RunsPage({ match }) {
  const project = projectOf(match);
  const shownName = project || "no project";
  usePage(`${shownName} · runs`, project);
  const { searchParams } = useLocation();
  const query = readQuery(searchParams);
  const known = useFetch(
    (signal) => get("/api/run-table/fields", { project: project || "uncategorized" }, { signal }),
    [project],
  );
  const chosenColumns = list(searchParams.get("columns"));
  const fixed = list(searchParams.get("fixed")) ?? [];
  const figure = /** @type {keyof typeof FIGURES} */ (
    (searchParams.get("figure") ?? "") in FIGURES ? searchParams.get("figure") : "mean"
  );
  const fields = useMemo(() => fieldsOf(known.data?.fields ?? []), [known.data]);
  const byName = (/** @type {string} */ name) =>
    fields.find((each) => each.name === name) ?? fieldOf({ name });
  const columns = chosenColumns ?? usual(known.data?.fields ?? [], known.data?.metrics);
  const goalOf = useGoals(project, figure === "best");
  /** @type {(name: string) => import("../runs/cells.js").Shown} */
  const figureOf = (name) => {
    if (figure !== "best") return figure;
    const goal = goalOf(name.replace(/^summary\./, ""));
    return goal && (goal === "minimize" ? "min" : "max");
  };
  const order = readOrder(query.order);
  const rows = useRows(project, query, columns, figureOf(order[0]?.key ?? "") ?? "mean");
  const { may } = useSession();
  const [selected, setSelected] = useState(/** @type {Set<string>} */ (new Set()));
  const colorOf = useRunColors();
  const hidden = useMemo(() => new Set(query.hidden), [searchParams.get("hidden")]);
  const topics = [`project/${project || "uncategorized"}`];
  useChanges(topics, rows.stale, LIVE_MS);
  useChanges(topics, known.reload, NAMES_MS);

  /** @param {Record<string, any>} changes */
  const change = (changes) => {
    const url = new URL(location.href);
    writeQuery(url.searchParams, changes);
    navigate(url.pathname + url.search, { replace: true });
  };
  const by = query.group.map(byName);

  /** @param {Field} field @param {number} at @param {string[]} all */
  const columnMenu = (field, at, all) => [
    { label: "Sort rising", act: () => change({ order: field.name }) },
    { label: "Sort falling", act: () => change({ order: `-${field.name}` }) },
    field.name !== NAME && {
      label: query.group.includes(field.name) ? "Group by it no more" : "Group by it",
      act: () => change({ group: flip(query.group, field.name) }),
      above: /** @type {const} */ ("line"),
    },
    { label: "Filter by it …", act: () => filterBy(field) },
    ...(field.name === NAME
      ? []
      : [
          {
            label: fixed.includes(field.name) ? "Let it scroll" : "Keep in sight",
            act: () => change({ columns: all, fixed: flip(fixed, field.name) }),
            above: /** @type {const} */ ("line"),
          },
          {
            label: "Move left",
            disabled: at === 0,
            act: () => change({ columns: moved(all, at, at - 1) }),
          },
          {
            label: "Move right",
            disabled: at === all.length - 1,
            act: () => change({ columns: moved(all, at, at + 1) }),
          },
          {
            label: "Hide",
            act: () => change({ columns: all.filter((each) => each !== field.name) }),
          },
        ]),
  ];
  /** @param {Field} field */
  const filterBy = (field) => {
    const now = read(query.filters) ?? { join: "and", conditions: [] };
    const more = { field: field.name, op: /** @type {const} */ ("has"), value: "" };
    change({
      filters: write({
        join: now.join === "or" ? "or" : "and",
        conditions: [...now.conditions, more],
      }),
    });
    notify(`The filter now asks for ${field.label}: “Filter” says of it what you like.`);
  };

  const narrow = innerWidth < 600;
  const tableColumns = [NAME, ...columns].map((name, i) => {
    const field = byName(name);
    return {
      key: name,
      label: field.label,
      title: field.section === "Run" ? field.label : `${field.section}: ${field.label}`,
      width: name === NAME && narrow ? 165 : (field.width ?? (isNumeric(field) ? 118 : 130)),
      align: /** @type {"left" | "right"} */ (isNumeric(field) ? "right" : "left"),
      sortable: true,
      pinned: name === NAME || fixed.includes(name),
      menu: html`<${Menu} label=${`Column ${field.label}`} items=${columnMenu(field, i - 1, columns)} />`,
      render: (/** @type {import("../runs/rows.js").Row} */ row) => {
        if (row.kind === "group")
          return name === NAME
            ? html`<${GroupName} row=${row} by=${by} onToggle=${() => rows.toggle(row.id)} />`
            : html`<${GroupValue} row=${row} field=${field} figure=${figureOf(name)} by=${query.group} />`;
        if (name !== NAME) return html`<${Value} row=${row} field=${field} />`;
        return html`<${RunName} row=${row} color=${colorOf(row.id)} hidden=${hidden.has(row.id)}
          onColor=${(/** @type {string | null} */ color) => setRunColor(row.id, color)}
          onHide=${() => change({ hidden: flip(query.hidden, row.id) })}
          onPin=${() => change({ pinned: flip(query.pinned, row.id) })}
          onCopy=${() => navigator.clipboard?.writeText(row.id).then(() => notify("The id is copied."))} />`;
      },
    };
  });

  const all = async () => {
    const params = { ...apiParams(query, project), columns: "[]", limit: 1_000_000 };
    setSelected(new Set((await get("/api/runs", params)).ids));
  };
  /** @param {"csv" | "json"} format */
  const file = (format) =>
    address("/api/run-table/export", {
      ...apiParams(query, project),
      columns: JSON.stringify([NAME, ...columns]),
      format,
    });
  const filtered = Boolean(query.q || query.filters);
  const editor = html`<${FilterEditor} project=${project} fields=${fields} filters=${query.filters} error=${rows.error}
    onChange=${(/** @type {string} */ filters) => change({ filters })} />`;
  const table = {
    kind: "table",
    filters: asFilter(query),
    order: query.order || NEWEST,
    columns: ["name", ...columns],
  };
  const conditions = read(query.filters)?.conditions.length ?? 1;

  return html`<div class="runs-page">
    <div class="runs-title">
      <h1>${shownName}</h1>
      <p class="quiet" role="status" aria-live="polite">${counted(rows, query.group.length > 0)}</p>
    </div>
    <div class="runs-tools" role="toolbar" aria-label="Runs">
      <${Search} q=${query.q} regex=${query.regex} onChange=${change} />
      <${Popup} label="Filter" button=${`Filter${conditions ? ` (${conditions})` : ""}`}>${() => editor}<//>
      <${FieldPicker} label="Group by" button=${`Group${by.length ? ` (${by.length})` : ""}`} fields=${fields}
        except=${[NAME, "id", ...query.group]} onPick=${(/** @type {Field} */ field) => change({ group: [...query.group, field.name] })} />
      <${Popup} label="Sort" button=${`Sort${order.length ? ` (${order.length})` : ""}`}>
        ${() => html`<${SortEditor} order=${order} fields=${fields} byName=${byName}
          onChange=${(/** @type {typeof order} */ next) => change({ order: writeOrder(next) })} />`}
      <//>
      <${Popup} label="Columns" button="Columns" onOpen=${known.reload}>
        ${() => html`<${ColumnChooser} fields=${fields} columns=${columns} fixed=${fixed}
          onChange=${(/** @type {string[] | null} */ next, /** @type {string[]} */ stay = fixed) => change({ columns: next ?? [], fixed: stay })} />`}
      <//>
      <${Menu} label="Export" button=${html`Export<span aria-hidden="true"> ▾</span>`} items=${[
        { label: `${filtered ? "Runs that fit" : "All runs"}, as CSV`, href: file("csv") },
        { label: `${filtered ? "Runs that fit" : "All runs"}, as JSON`, href: file("json") },
      ]} />
      <${Views} project=${project} report=${may("write") && newReportAddress({ project, panels: [table] })} />
      <${Link} class="button" href=${`${projectPath(project, "charts")}?${keepQuery(searchParams)}`}>Charts<//>
    </div>
    ${
      (query.filters || by.length > 0) &&
      html`<div class="runs-chips">
        <${FilterChips} filters=${query.filters} fields=${fields} onChange=${(/** @type {string} */ filters) => change({ filters })} />
        ${by.map(
          (field) => html`<span key=${field.name} class="chip">by ${field.label}
            <button type="button" aria-label=${`Group by ${field.label} no more`}
              onClick=${() => change({ group: flip(query.group, field.name) })}>✕</button></span>`,
        )}
        ${
          by.length > 0 &&
          html`<label class="quiet">Numbers <select value=${figure} onChange=${(/** @type {any} */ e) => change({ figure: e.target.value === "mean" ? "" : e.target.value })}>
            ${Object.entries(FIGURES).map(([name, label]) => html`<option key=${name} value=${name}>${label}</option>`)}
          </select></label>`
        }
      </div>`
    }
    ${
      selected.size > 0 &&
      html`<${BulkBar} project=${project} chosen=${selected} total=${rows.runs} columns=${columns}
        onChosen=${setSelected} onAll=${all} onChanged=${rows.stale}
        onPin=${(/** @type {string[]} */ ids) => change({ pinned: [...new Set([...query.pinned, ...ids])] })}
        onHide=${(/** @type {string[]} */ ids, /** @type {boolean} */ hide) => {
          const rest = query.hidden.filter((id) => !ids.includes(id));
          change({ hidden: hide ? [...rest, ...ids] : rest });
        }} />`
    }
    ${
      rows.error
        ? html`<${Failure} error=${rows.error} />
            <p class="runs-mend">
              ${filtered && html`<button type="button" onClick=${() => change({ q: "", regex: false, filters: "" })}>Clear search and filter</button>`}
              <button type="button" onClick=${() => navigate(location.pathname)}>Back to the usual view</button>
            </p>`
        : !rows.loaded
          ? html`<${Loading} />`
          : rows.count === 0
            ? filtered
              ? html`<${NoneFit} onClear=${() => change({ q: "", regex: false, filters: "" })} />`
              : html`<${NoRuns} project=${project} />`
            : html`<${VirtualTable} label="Runs" columns=${tableColumns} rowCount=${rows.count} getRow=${rows.getRow}
                onNeed=${rows.onNeed} rowKey=${rowKey} rowLabel=${rowName} resetKey=${rows.key} busy=${rows.busy}
                sort=${order} onSort=${(/** @type {string} */ key, /** @type {boolean} */ more) => change({ order: writeOrder(turned(order, key, more)) })}
                selected=${selected} onSelect=${setSelected} onSelectAll=${(/** @type {boolean} */ whole) => (whole ? all() : setSelected(new Set()))} selectable=${(/** @type {any} */ row) => row.kind === "run"}
                rowClass=${(/** @type {any} */ row) => (row.kind === "group" ? "group" : row.pinned ? "pinned" : "")}
                onOpen=${(/** @type {any} */ row) => (row.kind === "group" ? rows.toggle(row.id) : navigate(path("runs", row.id)))}
                widths="runs" />`
    }
  </div>`;
}

/** @param {{loaded: boolean, total: number, runs: number}} rows @param {boolean} grouped */
function counted({ loaded, total, runs }, grouped) {
  if (!loaded) return "";
  const text = `${runs.toLocaleString("en-US")} ${runs === 1 ? "run" : "runs"}`;
  if (!grouped) return text;
  return `${text} in ${total.toLocaleString("en-US")} ${total === 1 ? "group" : "groups"}`;
}

/** @param {import("../runs/rows.js").Row} row */
function rowKey(row) {
  return row.id;
}

/** @param {import("../runs/rows.js").Row} row */
function rowName(row) {
  return row.kind === "run" ? String(row.values.display_name ?? row.id) : "";
}

/** @param {string[]} names @param {string} name */
function flip(names, name) {
  return names.includes(name) ? names.filter((each) => each !== name) : [...names, name];
}

/** @param {string | null} text @returns {string[] | null} */
function list(text) {
  try {
    const value = text ? JSON.parse(text) : null;
    return Array.isArray(value) ? value.filter((each) => typeof each === "string") : null;
  } catch {
    return null;
  }
}
