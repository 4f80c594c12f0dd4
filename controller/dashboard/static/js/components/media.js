/**
 * Any medium that a script logged: pictures with what is drawn over them, sound, film, pages, points.
 * Pages of HTML stand in a sandboxed frame without a network; their scripts run only when somebody
 * says so, and then still in an origin of their own. Neighbours: media_items.js, image_view.js.
 */
import { number } from "../format.js";
import { html, useState } from "../html.js";
import { Code } from "./code.js";
import { ImageView } from "./image_view.js";
import { isPicture, itemsOf } from "./media_items.js";
import { PlotlyView } from "./plotly_view.js";
import { PointCloud } from "./point_cloud.js";

/**
 * @typedef {(path: string) => string} Url the address of a file beside the value
 * @typedef {import("./media_items.js").MediaValue} MediaValue
 * @typedef {import("./media_items.js").MediaItem} MediaItem
 */

/**
 * @param {{value: MediaValue, url: Url, name?: string, config?: any, hidden?: Set<string>,
 *   small?: boolean}} props
 * `name`: of the metric; `config`: the run's, which knows the names of classes; `hidden`: overlays
 * that are not drawn (image_view.js); `small`: in a cell of a table
 */
export function Media({ value, url, name = "", config, hidden, small = false }) {
  if (value._type === "histogram")
    return html`<${HistogramView} value=${value} name=${name} small=${small} />`;
  const items = itemsOf(value);
  if (!items.length) return html`<span class="quiet">empty</span>`;
  return html`<div class=${`media ${small ? "media-small" : ""}`}>
    ${items.map(
      (item, i) =>
        html`<${Item} key=${item.path ?? i} item=${item} url=${url} name=${name} config=${config} hidden=${hidden} small=${small} />`,
    )}
  </div>`;
}

/** @param {{item: MediaItem, url: Url, name: string, config: any, hidden?: Set<string>, small: boolean}} props */
function Item({ item, url, name, config, hidden, small }) {
  const caption = typeof item.caption === "string" ? item.caption : "";
  const label = caption || name || "medium";
  if (typeof item.path !== "string") return html`<${Unknown} item=${item} />`;
  const address = url(item.path);
  let view;
  if (isPicture(item))
    view = html`<${ImageView} item=${item} url=${url} name=${name} config=${config} hidden=${hidden} label=${label} small=${small} />`;
  else if (item._type === "audio-file")
    view = html`<audio controls preload="none" src=${address} aria-label=${label}></audio>`;
  else if (item._type === "video-file")
    view = html`<video controls preload="metadata" src=${address} aria-label=${label}></video>`;
  else if (item._type === "html-file")
    view = html`<${HtmlFrame} address=${address} label=${label} small=${small} />`;
  else if (item._type === "object3D-file" && item.path.endsWith(".pts.json") && !small)
    view = html`<${PointCloud} address=${address} label=${label} />`;
  else if (item._type === "plotly-file" && !small)
    view = html`<${PlotlyView} address=${address} label=${label} />`;
  else view = html`<${Kept} item=${item} address=${address} />`;
  return html`<figure class=${`media-item media-${item._type.replace(/\W/g, "-")}`}>
    ${view}
    ${caption && html`<figcaption>${caption}</figcaption>`}
  </figure>`;
}

const SENTENCES = /** @type {Record<string, string>} */ ({
  "object3D-file": "A 3D model: to be looked at with a viewer of yours.",
  "molecule-file": "A molecule: to be looked at with a viewer of yours.",
  "graph-file": "The graph of a model, as JSON.",
});

/** @param {{item: MediaItem, address: string}} props */
function Kept({ item, address }) {
  const name = String(item.path).split("/").at(-1);
  return html`<div class="media-kept">
    <p>${Object.hasOwn(SENTENCES, item._type) ? SENTENCES[item._type] : `A file of type ${item._type}.`}</p>
    <a class="button" href=${`${address}&download=1`} download>Download ${name}</a>
  </div>`;
}

/** @param {{item: MediaItem}} props */
function Unknown({ item }) {
  return html`<${Code} text=${JSON.stringify(item, null, 2)} label=${item._type} numbers=${false} />`;
}

/**
 * Somebody's HTML. The server's answer has a policy of its own besides (files_api.py).
 * @param {{address: string, label: string, small?: boolean}} props
 */
export function HtmlFrame({ address, label, small = false }) {
  const [scripts, setScripts] = useState(false);
  const source = scripts ? `${address}&scripts=1` : address;
  return html`<div class="html-frame">
    <iframe
      key=${source}
      src=${source}
      title=${label}
      sandbox=${scripts ? "allow-scripts" : ""}
      referrerpolicy="no-referrer"
      loading="lazy"
    ></iframe>
    ${
      !small &&
      html`<p class="quiet html-frame-note">
        ${
          scripts
            ? "Its own scripts run, shut off from this page and from any network."
            : html`Shown without scripts. <button type="button" class="link" onClick=${() => setScripts(true)}>Run its scripts</button>`
        }
      </p>`
    }
  </div>`;
}

/** @param {{value: MediaValue, name: string, small: boolean}} props */
function HistogramView({ value, name, small }) {
  const counts = /** @type {number[]} */ (value.values ?? []);
  const edges = /** @type {number[]} */ (value.bins ?? []);
  const most = Math.max(...counts, 1);
  const [width, height] = small ? [120, 36] : [360, 140];
  const step = width / Math.max(counts.length, 1);
  return html`<figure class="histogram">
    <svg viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${`Histogram of ${name || "values"}, ${counts.length} bins`}>
      ${counts.map(
        (count, i) =>
          html`<rect key=${i} x=${i * step} y=${height - (count / most) * height} width=${Math.max(step - 0.5, 0.5)} height=${(count / most) * height}>
            <title>${`${number(edges[i])} to ${number(edges[i + 1])}: ${number(count)}`}</title>
          </rect>`,
      )}
    </svg>
    ${!small && edges.length > 1 && html`<figcaption class="histogram-ends"><span>${number(edges[0])}</span><span>${number(edges.at(-1))}</span></figcaption>`}
  </figure>`;
}
