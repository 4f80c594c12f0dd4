/** The artifacts of a project: its collections by type, with versions and sizes. */
import { get } from "../api.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { ago, bytes, number, time } from "../format.js";
import { useLive } from "../hooks.js";
import { html } from "../html.js";
import { usePage } from "../page.js";
import { Link, path, projectOf, useQuery } from "../router.js";

const NONE = "uncategorized"; // where the artifacts of no project are
const PAGE = 1000;

/** @typedef {{name: string, type: string, versions: number, size: number, newest: string | null, last: number | null, description: string}} Collection */

/** @param {{match: Record<string, string>}} props */
export default function ArtifactsPage({ match }) {
  const project = projectOf(match);
  usePage(`${project || "No project"}: artifacts`);
  const [type, setType] = useQuery("type");
  const [find, setFind] = useQuery("find");
  const [sort, setSort] = useQuery("sort", "name");
  const { data, error, reload } = useLive(
    [`project/${project || NONE}`],
    async (signal) => {
      /** @type {Collection[]} */
      const all = [];
      for (let after = "", more = true; more; ) {
        const { collections } = await get(
          "/api/artifact-collections",
          { project: project || NONE, uses: 1, after, limit: PAGE },
          { signal },
        );
        all.push(...collections);
        after = collections.at(-1)?.name ?? "";
        more = collections.length === PAGE;
      }
      return all;
    },
    [project],
    3000,
  );
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  const types = [...new Set(data.map((each) => each.type))].sort();
  const shown = data
    .filter(
      (each) =>
        (!type || each.type === type) && each.name.toLowerCase().includes(find.toLowerCase()),
    )
    .sort(Object.hasOwn(ORDERS, sort) ? ORDERS[sort] : ORDERS.name);
  return html`<article class="artifacts-page">
    <h1>Artifacts</h1>
    ${
      data.length === 0
        ? html`<${Empty} title="No artifacts yet">
            <p>Versioned files and folders that runs make and others use:</p>
            <pre>artifact = opensweep.Artifact("weights", type="model")
artifact.add_file("model.bin")
run.log_artifact(artifact)</pre>
          <//>`
        : html`<div class="artifacts-bar">
              <input type="search" data-search placeholder="Search names" aria-label="Search names" value=${find}
                onInput=${(/** @type {any} */ event) => setFind(event.target.value)} />
              <label>Type <select value=${type} onChange=${(/** @type {any} */ event) => setType(event.target.value)}>
                <option value="">all</option>
                ${types.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}
              </select></label>
              <label>Order <select value=${sort} onChange=${(/** @type {any} */ event) => setSort(event.target.value)}>
                <option value="name">by name</option>
                <option value="last">newest first</option>
                <option value="size">largest first</option>
                <option value="versions">most versions first</option>
              </select></label>
              <span class="quiet">${number(shown.length)} of ${number(data.length)}</span>
            </div>
            ${[...grouped(shown)].map(([name, members]) => html`<${OfType} key=${name} type=${name} collections=${members} />`)}`
    }
  </article>`;
}

/** @type {Record<string, (a: Collection, b: Collection) => number>} */
const ORDERS = {
  name: (a, b) => a.name.localeCompare(b.name),
  last: (a, b) => (b.last ?? 0) - (a.last ?? 0),
  size: (a, b) => b.size - a.size,
  versions: (a, b) => b.versions - a.versions,
};

/** @param {Collection[]} collections */
function grouped(collections) {
  /** @type {Map<string, Collection[]>} */
  const found = new Map();
  for (const each of collections) found.set(each.type, [...(found.get(each.type) ?? []), each]);
  return new Map([...found].sort(([a], [b]) => a.localeCompare(b)));
}

/** @param {{type: string, collections: Collection[]}} props */
function OfType({ type, collections }) {
  return html`<section aria-label=${type}>
    <h2>${type} <span class="quiet">${number(collections.length)}</span></h2>
    <div class="scroll-sideways"><table class="artifact-list" aria-label=${`Artifacts of type ${type}`}>
      <thead><tr><th>Name</th><th class="data-value">Versions</th><th class="data-value">Size of all</th><th>Newest</th></tr></thead>
      <tbody>${collections.map(
        (each) => html`<tr key=${each.name}>
          <td>${each.newest ? html`<${Link} href=${path("artifacts", each.newest)}>${each.name}<//>` : html`${each.name} <span class="quiet">(no version is left)</span>`}
            ${each.description && html`<div class="quiet artifact-about">${each.description}</div>`}</td>
          <td class="data-value">${number(each.versions)}</td>
          <td class="data-value">${bytes(each.size)}</td>
          <td><span title=${time(each.last)}>${ago(each.last)}</span></td>
        </tr>`,
      )}</tbody>
    </table></div>
  </section>`;
}
