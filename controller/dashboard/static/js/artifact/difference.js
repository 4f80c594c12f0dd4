/** The files that one version has and another has not, or has otherwise. */
import { get } from "../api.js";
import { Failure, Loading } from "../components/states.js";
import { bytes, number } from "../format.js";
import { useFetch } from "../hooks.js";
import { html } from "../html.js";
import { Link, path } from "../router.js";

/** @param {{artifact: Record<string, any>, other: string, name: string}} props */
export function Difference({ artifact, other, name }) {
  const { data, error, reload } = useFetch(
    (signal) =>
      get(`/api${path("artifacts", artifact.id, "difference")}`, { with: other }, { signal }),
    [artifact.id, other],
  );
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  const parts = /** @type {[string, string][]} */ ([
    ["added", `Only in v${artifact.version}`],
    ["removed", `Only in ${name}`],
    ["changed", "Other content"],
  ]);
  const same = parts.every(([part]) => data[part].count === 0);
  return html`<section class="card artifact-difference" aria-label=${`Difference between v${artifact.version} and ${name}`}>
    <h2>v${artifact.version} and ${name}</h2>
    <p class="quiet">${same ? "Both have the same files." : `${number(data.same)} files are the same.`}</p>
    ${parts.map(
      ([part, title]) =>
        data[part].count > 0 &&
        html`<section key=${part} aria-label=${title}>
          <h3>${title} <span class="quiet">${number(data[part].count)}</span></h3>
          <ul>${data[part].files.map(
            (/** @type {any} */ file) => html`<li key=${file.path} class=${`difference-${part}`}>
              <${Link} href=${`${path("artifacts", part === "removed" ? other : artifact.id)}?tab=files&file=${encodeURIComponent(file.path)}`}>${file.path}<//>
              <span class="quiet">${sizes(file)}</span>
            </li>`,
          )}</ul>
          ${data[part].files.length < data[part].count && html`<p class="quiet">The first ${number(data[part].files.length)} are shown.</p>`}
        </section>`,
    )}
  </section>`;
}

/** @param {{size: number | null, before: number | null}} file */
function sizes({ size, before }) {
  if (size !== null && before !== null && size !== before)
    return `${bytes(before)} → ${bytes(size)}`;
  return bytes(size ?? before);
}
