/**
 * The trials of a sweep as a table: filtered by state, words and the charts' brushes, sorted by any
 * column. All of it is in the page's address. Neighbours: trial_order.js, components/table.js.
 */
import { csvText, fileName } from "../charts/csv.js";
import { save } from "../charts/pictures.js";
import { Popup } from "../components/menu.js";
import { StateBadge } from "../components/states.js";
import { VirtualTable } from "../components/table.js";
import { duration, number, time, value } from "../format.js";
import { useNow } from "../hooks.js";
import { html, useMemo } from "../html.js";
import { useJsonQuery, useQuery } from "../router.js";
import { BEST_OF_TRIAL, objectiveHead } from "./objective.js";
import { measuredOf } from "./results.js";
import { selected } from "./selection.js";
import { cell, ordered } from "./trial_order.js";

/** @typedef {import("./trial_columns.js").Trials} Trials */

const STATES = ["running", "finished", "stopped", "failed", "canceled", "queued", "preempted"];
/** @type {string[]} */
const NO_NAMES = [];

/**
 * @param {{sweep: any, trials: Trials, chosen: import("./selection.js").Chosen,
 *   onChoose: (chosen: import("./selection.js").Chosen) => void}} props
 */
export function TrialsTable({ sweep, trials, chosen, onChoose }) {
  const [search, setSearch] = useQuery("q");
  const [states, setStates] = useJsonQuery("state", NO_NAMES);
  const [hidden, setHidden] = useJsonQuery("hide", ["started", "ended", "enqueued"]);
  const [sortText, setSort] = useQuery("sort", "-number");
  const now = useNow(sweep.counts.running ? 1000 : 60_000);
  const sort = { key: sortText.replace(/^-/, ""), descending: sortText.startsWith("-") };
  const passes = useMemo(() => selected(trials, chosen), [trials, chosen]);
  const clock = sort.key === "duration" ? now : 0;
  const order = useMemo(
    () => ordered(trials, { passes, states, search, sort, now: clock }),
    [trials, passes, states.join(), search, sortText, clock],
  );
  const all = useMemo(() => columnsOf(sweep, trials), [sweep.metric?.name, sweep.changed, trials]);
  const shown = all.filter((column) => !hidden.includes(column.key));
  const best = sweep.best?.number;

  /** @param {string} key */
  const sortBy = (key) => {
    const falls = sort.key === key ? !sort.descending : descendsFirst(key, sweep.metric);
    setSort(falls ? `-${key}` : key);
  };
  const download = () => {
    const rows = order.map((i) => shown.map((column) => plain(cell(trials, column.key, i, now))));
    const table = csvText([shown.map((column) => column.label), ...rows]);
    save(fileName(`${sweep.name}-trials`, "csv"), new Blob([table], { type: "text/csv" }));
  };
  /** @param {number} i */
  const pick = (i) => onChoose({ ...chosen, picked: [trials.numbers[i]] });
  /** @param {MouseEvent} event */
  const clicked = (event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest("[aria-rowindex]");
    const i = order[Number(row?.getAttribute("aria-rowindex")) - 2];
    if (i !== undefined) pick(i);
  };

  return html`<div class="sweep-trials">
    <div class="sweep-trials-bar" role="group" aria-label="Filter the trials">
      <input type="search" data-search aria-label="Search trials" placeholder="Search trials"
        value=${search} onInput=${(/** @type {any} */ event) => setSearch(event.target.value)} />
      <${StateFilter} sweep=${sweep} states=${states} onChange=${setStates} />
      <${ColumnChoice} columns=${all} hidden=${hidden} onChange=${setHidden} />
      <button type="button" title="These trials and columns as a CSV file" onClick=${download}>CSV</button>
      <p class="quiet sweep-trials-count" role="status">
        ${
          order.length === trials.count
            ? `${number(trials.count)} ${trials.count === 1 ? "trial" : "trials"}`
            : `${number(order.length)} of ${number(trials.count)} trials`
        }
        ${passes && html` (chosen in the charts)`}
        ${
          order.length < trials.count &&
          html` <button type="button" onClick=${() => clear(onChoose, chosen, setSearch, setStates)}>
            Show all
          </button>`
        }
      </p>
    </div>
    <div onClick=${clicked}><${VirtualTable}
      label="Trials"
      columns=${shown.map((column) => drawn(column, trials, now))}
      rowCount=${order.length}
      getRow=${(/** @type {number} */ at) => order[at]}
      rowKey=${(/** @type {number} */ i) => trials.ids[i]}
      rowLabel=${(/** @type {number} */ i) => `trial ${trials.numbers[i]}`}
      rowClass=${(/** @type {number} */ i) => rowClass(trials.numbers[i], chosen.picked, best)}
      sort=${[sort]}
      onSort=${sortBy}
      onOpen=${pick}
      widths="sweep-trials"
    /></div>
  </div>`;
}

/**
 * @typedef {{key: string, label: string, width: number, align?: "left" | "right", pinned?: boolean, title?: string}} Known
 * @param {any} sweep @param {Trials} trials @returns {Known[]}
 */
function columnsOf(sweep, trials) {
  const metric = objectiveHead(sweep.metric);
  const params = Object.keys(trials.params).map((name) => ({
    key: `param:${name}`,
    label: name,
    width: widthOf(name, 96, 180),
    align: /** @type {"left" | "right"} */ (isNumeric(trials.params[name]) ? "right" : "left"),
  }));
  const inSegments = trials.parents.some((each) => !Number.isNaN(each));
  /** @type {Known[]} */
  const parent = [
    {
      key: "parent",
      label: "From",
      width: 80,
      align: "right",
      title: "The trial whose checkpoint it went on from",
    },
  ];
  return [
    { key: "number", label: "Trial", width: 92, align: "right", pinned: true },
    { key: "state", label: "State", width: 104 },
    {
      key: "objective",
      label: metric,
      width: widthOf(metric, 116, 240),
      align: "right",
      title: sweep.metric ? BEST_OF_TRIAL : undefined,
    },
    ...measuredOf(sweep).map((name) => ({
      key: `metric:${name}`,
      label: name,
      width: widthOf(name, 96, 200),
      align: /** @type {"right"} */ ("right"),
      title: "The last value that the trial logged",
    })),
    ...(inSegments ? parent : []),
    ...params,
    { key: "duration", label: "Duration", width: 92, align: "right" },
    { key: "steps", label: "Steps", width: 80, align: "right" },
    { key: "where", label: "Where", width: 150 },
    { key: "attempts", label: "Attempts", width: 104, align: "right" },
    { key: "why", label: "Why", width: 360 },
    { key: "started", label: "Started", width: 170 },
    { key: "ended", label: "Ended", width: 170 },
    { key: "enqueued", label: "Asked for by", width: 110 },
  ];
}

/** Room for a head with its arrow. @param {string} label @param {number} least @param {number} most */
function widthOf(label, least, most) {
  return Math.min(Math.max(8.5 * label.length + 44, least), most);
}

/** @param {any[]} column */
function isNumeric(column) {
  return column.every((each) => each === null || each === undefined || typeof each === "number");
}

/** @param {Known} column @param {Trials} trials @param {number} now */
function drawn(column, trials, now) {
  return {
    ...column,
    sortable: true,
    render: (/** @type {number} */ i) => text(column.key, trials, i, now),
  };
}

/** As a file has it. @param {any} found @returns {string | number | null} */
function plain(found) {
  if (found === null || Number.isNaN(found)) return null;
  return typeof found === "object" || typeof found === "boolean" ? JSON.stringify(found) : found;
}

/** @param {string} key @param {Trials} trials @param {number} i @param {number} now */
function text(key, trials, i, now) {
  const found = cell(trials, key, i, now);
  switch (key) {
    case "number":
      return html`<button type="button" class="sweep-trial" tabindex="-1" aria-label=${`Trial ${found}`}>${found}</button>`;
    case "state":
      return html`<${StateBadge} state=${found} />`;
    case "objective":
      if (Number.isNaN(found)) return "";
      return Number.isNaN(trials.objectives[i])
        ? html`<span class="quiet" title="newest value of a trial that runs">${number(found)}</span>`
        : number(found);
    case "duration":
      return Number.isNaN(found) ? "" : duration(found);
    case "parent":
      return Number.isNaN(found) ? "" : number(found);
    case "started":
    case "ended":
      return Number.isNaN(found) ? "" : time(found);
    case "why":
      return found && html`<span title=${found}>${found}</span>`;
    default:
      return found === null ? "" : value(found);
  }
}

/** @param {number} trial @param {number[]} picked @param {number | undefined} best */
function rowClass(trial, picked, best) {
  return `${picked.includes(trial) ? "picked " : ""}${trial === best ? "best" : ""}`;
}

/** The best objective and the largest of all else come first. @param {string} key @param {any} metric */
function descendsFirst(key, metric) {
  if (key === "objective") return metric?.goal === "maximize";
  return !["state", "where", "why", "enqueued"].includes(key) && !key.startsWith("param:");
}

/** @param {any} onChoose @param {any} chosen @param {any} setSearch @param {any} setStates */
function clear(onChoose, chosen, setSearch, setStates) {
  setSearch("");
  setStates(NO_NAMES);
  onChoose({ ...chosen, brushes: {} });
}

/** @param {{sweep: any, states: string[], onChange: (states: string[]) => void}} props */
function StateFilter({ sweep, states, onChange }) {
  const there = STATES.filter((state) => sweep.counts[state] || states.includes(state));
  /** @param {string} state */
  const toggle = (state) =>
    onChange(states.includes(state) ? states.filter((each) => each !== state) : [...states, state]);
  return html`<div class="sweep-states" role="group" aria-label="States">
    ${there.map(
      (state) => html`<button key=${state} type="button" aria-pressed=${states.includes(state)}
        onClick=${() => toggle(state)}>
        <span class=${`state-${state}`}>${state}</span> ${number(sweep.counts[state] ?? 0)}
      </button>`,
    )}
  </div>`;
}

/** @param {{columns: Known[], hidden: string[], onChange: (hidden: string[]) => void}} props */
function ColumnChoice({ columns, hidden, onChange }) {
  /** @param {string} key */
  const toggle = (key) =>
    onChange(hidden.includes(key) ? hidden.filter((each) => each !== key) : [...hidden, key]);
  return html`<${Popup} label="Choose columns" button="Columns">
    ${() => html`<fieldset class="sweep-columns">
      <legend>Columns</legend>
      ${columns.map(
        (column) => html`<label key=${column.key}>
          <input type="checkbox" checked=${!hidden.includes(column.key)} disabled=${column.pinned}
            onChange=${() => toggle(column.key)} />
          ${column.label}
        </label>`,
      )}
    </fieldset>`}
  <//>`;
}
