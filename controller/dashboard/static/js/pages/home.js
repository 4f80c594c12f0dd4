/**
 * Where everybody begins: which sweeps there are and how they stand, which projects, and, where
 * there is nothing yet, what to do next. Neighbours: js/home, controller/server/overview_api.py.
 */
import { get } from "../api.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { FirstSteps } from "../home/first_steps.js";
import { ProjectList } from "../home/project_list.js";
import { SweepList } from "../home/sweep_list.js";
import { useLive } from "../hooks.js";
import { html, useEffect, useState } from "../html.js";
import { usePage } from "../page.js";
import { useJsonQuery, useQuery } from "../router.js";

const PAGE = 50;
const PAUSE_MS = 2000; // many look at this page: it need not be the first to know
const ORDERS = [
  ["state", "Running first"],
  ["activity", "Latest active"],
  ["created", "Newest"],
  ["name", "Name"],
];
const STATES = ["running", "paused", "stopping", "pending", "finished", "failed", "canceled"];

export default function HomePage() {
  usePage("Home");
  const [search, setSearch] = useQuery("search");
  const [states, setStates] = useJsonQuery("states", /** @type {string[]} */ ([]));
  const [order, setOrder] = useQuery("order", "state");
  const [shown, setShown] = useState(PAGE);
  const asked = useLater(search.trim(), 150);
  const sweeps = useLive(
    ["sweeps"],
    (signal) =>
      get(
        "/api/overview/sweeps",
        { search: asked, state: states, order, limit: shown },
        { signal },
      ),
    [asked, states.join(), order, shown],
    PAUSE_MS,
  );
  const projects = useLive(
    ["projects"],
    async (signal) => (await get("/api/projects", {}, { signal })).projects,
    [],
    PAUSE_MS,
  );
  const found = useKept(sweeps.data);
  if (!found || !projects.data) {
    const error = sweeps.error ?? projects.error;
    return error
      ? html`<${Failure} error=${error} retry=${sweeps.reload} />`
      : html`<${Loading} />`;
  }
  const filtered = search.trim() !== "" || states.length > 0;
  if (!filtered && found.total === 0 && projects.data.length === 0) return html`<${FirstSteps} />`;
  const all = Object.values(found.states).reduce((sum, count) => sum + count, 0);
  return html`<div class="home">
    <h1 class="home-title">Home</h1>
    <div class="home-search">
      <input type="search" data-search aria-label="Search sweeps and projects" placeholder="Search sweeps and projects"
        value=${search} onInput=${(/** @type {any} */ event) => setSearch(event.target.value)} />
    </div>
    <section class="home-sweeps" aria-labelledby="home-sweeps">
      <div class="home-head">
        <h2 id="home-sweeps">Sweeps</h2>
        <${States} counts=${found.states} all=${all} chosen=${states} onChoose=${setStates} />
        <label class="home-order">Sort by
          <select value=${order} onChange=${(/** @type {any} */ event) => setOrder(event.target.value)}>
            ${ORDERS.map(([name, label]) => html`<option key=${name} value=${name}>${label}</option>`)}
          </select>
        </label>
      </div>
      ${
        found.sweeps.length
          ? html`<${SweepList} sweeps=${found.sweeps} />`
          : html`<${NoSweep} filtered=${filtered} onClear=${() => {
              setSearch("");
              setStates([]);
            }} />`
      }
      ${
        found.next !== null &&
        html`<p class="home-more"><button type="button" onClick=${() => setShown(shown + 2 * PAGE)}>
          Show more (${found.sweeps.length} of ${found.total.toLocaleString("en-US")})</button></p>`
      }
    </section>
    <${ProjectList} projects=${projects.data} search=${search} />
  </div>`;
}

/** @param {{counts: Record<string, number>, all: number, chosen: string[], onChoose: (states: string[]) => void}} props */
function States({ counts, all, chosen, onChoose }) {
  const there = STATES.filter((state) => counts[state] || chosen.includes(state));
  if (there.length < 2 && !chosen.length) return null;
  return html`<div class="home-states" role="group" aria-label="Only sweeps in these states">
    <button type="button" aria-pressed=${chosen.length === 0} onClick=${() => onChoose([])}>All ${all}</button>
    ${there.map((state) => {
      const pressed = chosen.includes(state);
      const next = pressed ? chosen.filter((each) => each !== state) : [...chosen, state];
      return html`<button key=${state} type="button" aria-pressed=${pressed}
        onClick=${() => onChoose(next)}>${state} ${counts[state] ?? 0}</button>`;
    })}
  </div>`;
}

/** @param {{filtered: boolean, onClear: () => void}} props */
function NoSweep({ filtered, onClear }) {
  if (filtered)
    return html`<${Empty} title="No sweep fits">
      <p><button type="button" onClick=${onClear}>Show all sweeps</button></p>
    <//>`;
  return html`<${Empty} title="No sweep yet">
    <p><code>sweep create sweep.yaml</code> records one, and <code>sweep agent ID</code> works on it.</p>
  <//>`;
}

/** A value when it has not changed for a while: typing is not a question a letter.
 * @template T @param {T} value @param {number} ms @returns {T} */
function useLater(value, ms) {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return late;
}

/** The last answer, until there is a better one, also to another question.
 * @template T @param {T | undefined} data @returns {T | undefined} */
function useKept(data) {
  const [kept, keep] = useState(data);
  useEffect(() => {
    if (data !== undefined) keep(data);
  }, [data]);
  return data ?? kept;
}
