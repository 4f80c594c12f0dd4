/** A panel of what runs logged as pictures, sound or video: a row a run, a step by a slider. */
import { address } from "../api.js";
import { html, useState } from "../html.js";
import { Link, path } from "../router.js";
import { asset } from "../source.js";

/** @typedef {{run: string, step: number, value: any}} Item */

/** @param {{answer: any}} props */
export function MediaView({ answer }) {
  /** @type {{panel: any, runs: {id: string, name: string}[], items: Item[]}} */
  const { panel, runs, items } = answer;
  const steps = [...new Set(items.map((item) => item.step))].sort((a, b) => a - b);
  const [chosen, setChosen] = useState(/** @type {number | null} */ (null));
  const at = chosen === null ? steps.length - 1 : Math.min(chosen, steps.length - 1);
  const title = panel.title || panel.key;
  if (!items.length)
    return html`<p class="quiet">${title}: nothing was logged under this name.</p>`;
  return html`<figure class="report-media">
    <figcaption>${title}
      ${
        steps.length > 1 &&
        html`<label class="report-steps">step ${steps[at]}
          <input type="range" min="0" max=${steps.length - 1} value=${at} aria-label=${`step of ${title}`}
            onInput=${(/** @type {any} */ event) => setChosen(Number(event.target.value))} />
        </label>`
      }
    </figcaption>
    <div class="report-pictures">
      ${runs.map((run) => {
        const newest = items.filter((item) => item.run === run.id && item.step <= steps[at]).at(-1);
        return (
          newest &&
          html`<figure key=${run.id}>
            ${files(newest.value).map((file) => html`<${Medium} run=${run.id} file=${file} />`)}
            <figcaption><${Link} href=${path("runs", run.id)}>${run.name}<//> ${
              newest.step !== steps[at] && html`<span class="quiet">step ${newest.step}</span>`
            }</figcaption>
          </figure>`
        );
      })}
    </div>
  </figure>`;
}

/** @typedef {{path: string, caption?: string}} MediaFile */

/** What a logged value consists of: one file, or several of one call. @param {any} value
 * @returns {MediaFile[]} */
export function files(value) {
  const captions = Array.isArray(value.captions) ? value.captions : [];
  if (Array.isArray(value.filenames))
    return value.filenames.map((/** @type {any} */ each, /** @type {number} */ i) => ({
      path: String(each),
      caption: captions[i],
    }));
  return typeof value.path === "string" ? [{ path: value.path, caption: value.caption }] : [];
}

/** @param {{run: string, file: MediaFile}} props */
function Medium({ run, file }) {
  const source = asset(address(`/api/runs/${encodeURIComponent(run)}/file`, { path: file.path }));
  const text = String(file.caption ?? file.path.split("/").at(-1));
  if (!source) return html`<p class="quiet">${text} (not in this file)</p>`;
  if (/\.(mp4|webm|ogv|mov)$/i.test(file.path))
    return html`<video src=${source} controls preload="metadata" aria-label=${text}></video>`;
  if (/\.(wav|mp3|ogg|flac|m4a)$/i.test(file.path))
    return html`<audio src=${source} controls preload="metadata" aria-label=${text}></audio>`;
  if (/\.(png|jpe?g|gif|webp|bmp|svg)$/i.test(file.path))
    return html`<img src=${source} alt=${text} title=${text} loading="lazy" />`;
  return html`<a href=${source} download>${text}</a>`;
}
