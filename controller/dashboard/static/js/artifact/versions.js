/** All versions of a name, and what two of them differ in. Neighbour: difference.js. */
import { get } from "../api.js";
import { Failure, Loading } from "../components/states.js";
import { bytes, number, time } from "../format.js";
import { useFetch } from "../hooks.js";
import { html, useState } from "../html.js";
import { Link, path, useQuery } from "../router.js";
import { Difference } from "./difference.js";

const PAGE = 100;

/** @param {{artifact: Record<string, any>}} props */
export function Versions({ artifact }) {
  const { project, name } = artifact;
  const [other, compare] = useQuery("with");
  const [more, setMore] = useState(/** @type {any[]} */ ([]));
  const [done, setDone] = useState(false);
  const { data, error, reload } = useFetch(
    (signal) => get("/api/artifacts", { project, name, limit: PAGE }, { signal }),
    [project, name],
  );
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  const listed = [...data.artifacts, ...more];
  const fetchMore = async () => {
    const next = await get("/api/artifacts", {
      project,
      name,
      limit: PAGE,
      before: listed.at(-1).version,
    });
    setMore([...more, ...next.artifacts]);
    setDone(next.artifacts.length < PAGE);
  };
  const chosen = listed.find((each) => each.id === other);
  return html`<div class="artifact-versions">
    <div class="scroll-sideways"><table class="artifact-list" aria-label="Versions">
      <thead><tr><th>Version</th><th>Aliases</th><th class="data-value">Files</th><th class="data-value">Size</th><th>Created</th><th>Made by</th><th>Difference</th></tr></thead>
      <tbody>${listed.map(
        (
          each,
        ) => html`<tr key=${each.id} aria-current=${each.id === artifact.id ? "true" : undefined}>
          <td><${Link} href=${`${path("artifacts", each.id)}?tab=versions`}>v${each.version}<//></td>
          <td>${each.aliases.map((/** @type {string} */ alias) => html`<span key=${alias} class="word">${alias}</span> `)}</td>
          <td class="data-value">${number(each.files)}</td>
          <td class="data-value">${bytes(each.size)}</td>
          <td>${time(each.created)}</td>
          <td>${each.run && html`<${Link} href=${path("runs", each.run)}>${each.run}<//>`}</td>
          <td>${
            each.id === artifact.id
              ? html`<span class="quiet">this one</span>`
              : html`<button type="button" aria-pressed=${each.id === other} onClick=${() => compare(each.id === other ? "" : each.id)}>Compare with v${artifact.version}</button>`
          }</td>
        </tr>`,
      )}</tbody>
    </table></div>
    ${data.artifacts.length === PAGE && !done && html`<p><button type="button" onClick=${fetchMore}>Older versions</button></p>`}
    ${other && html`<${Difference} artifact=${artifact} other=${other} name=${chosen ? `v${chosen.version}` : "the other"} />`}
  </div>`;
}
