/**
 * A file of a run or an artifact as its kind allows: pictures, sound, text, trees, tables. Nothing of
 * it becomes part of this page; a large one is shown in part. Neighbours: file_kinds.js, media.js.
 */
import { address } from "../api.js";
import { bytes, number } from "../format.js";
import { useFetch } from "../hooks.js";
import { html, useState } from "../html.js";
import { Code } from "./code.js";
import { DataTable } from "./data_table.js";
import { isText, kindOf } from "./file_kinds.js";
import { JsonTree } from "./json_tree.js";
import { Markdown } from "./markdown.js";
import { HtmlFrame } from "./media.js";
import { PointCloud } from "./point_cloud.js";
import { Failure, Loading } from "./states.js";

const MOST = 1 << 20; // bytes of a text that are shown

/**
 * @typedef {{path: string, size: number | null, type: string, digest: string, ref?: string,
 *   updated?: number}} File as the API tells it
 * @param {{api: string, file: File}} props `api`: of the run or artifact
 */
export function FilePreview({ api, file }) {
  const url = address(`${api}/file`, { path: file.path });
  const name = file.path.split("/").at(-1) ?? file.path;
  return html`<section class="file-preview" aria-label=${file.path}>
    <header>
      <h2>${name}</h2>
      <span class="quiet">${bytes(file.size)}</span>
      ${!file.ref && html`<a class="button" href=${`${url}&download=1`} download=${name}>Download</a>`}
    </header>
    ${file.ref ? html`<${Reference} file=${file} />` : html`<${Body} key=${file.digest} api=${api} file=${file} url=${url} />`}
  </section>`;
}

/** @param {{file: File}} props */
function Reference({ file }) {
  return html`<p>Its bytes lie elsewhere, and the server does not fetch them: <code>${file.ref}</code></p>`;
}

/** @param {{api: string, file: File, url: string}} props */
function Body({ api, file, url }) {
  const [raw, setRaw] = useState(false);
  const kind = kindOf(file.path, file.type);
  if (file.path.endsWith(".pts.json") && !raw)
    return html`<${PointCloud} address=${url} label=${file.path} />`;
  switch (kind) {
    case "image":
      return html`<div class="file-picture"><img src=${url} alt=${file.path} /></div>`;
    case "audio":
      return html`<audio controls src=${url} aria-label=${file.path}></audio>`;
    case "video":
      return html`<video controls src=${url} aria-label=${file.path}></video>`;
    case "html":
      return html`<${HtmlFrame} address=${url} label=${file.path} />`;
    case "table":
      return html`<${DataTable} label=${file.path} source=${{ api, paths: [file.path] }} />`;
    case "pdf":
      return html`<p>Browsers show PDF files only outside of the sandbox that keeps saved files apart from this page: download it to read it.</p>`;
    default:
      return html`<${Text} url=${url} file=${file} kind=${kind} raw=${raw} onRaw=${setRaw} />`;
  }
}

/** @param {{url: string, file: File, kind: string, raw: boolean, onRaw: (raw: boolean) => void}} props */
function Text({ url, file, kind, raw, onRaw }) {
  const size = file.size ?? 0;
  const { data, error, reload } = useFetch(
    async (signal) => {
      const headers = size > MOST ? { Range: `bytes=0-${MOST - 1}` } : undefined;
      const response = await fetch(url, { signal, headers });
      if (!response.ok)
        throw new Error(`the file cannot be read: the server answered ${response.status}`);
      const content = new Uint8Array(await response.arrayBuffer());
      return isText(content.subarray(0, 4096)) ? new TextDecoder().decode(content) : null;
    },
    [url],
  );
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (data === undefined) return html`<${Loading} />`;
  if (data === null)
    return html`<p class="quiet">A file of ${number(size)} bytes that is no text: download it to use it.</p>`;
  const tree = kind === "json" && size <= MOST ? parsed(data) : undefined;
  const rich = tree !== undefined || kind === "markdown";
  return html`${
    rich &&
    html`<label class="file-raw"><input type="checkbox" checked=${raw} onChange=${() => onRaw(!raw)} /> As it is</label>`
  }
  ${
    rich && !raw
      ? tree !== undefined
        ? html`<${JsonTree} label=${file.path} value=${tree} open=${2} />`
        : html`<div class="card"><${Markdown} text=${data} prefix="file-" /></div>`
      : html`<${Code} text=${data} label=${file.path} />`
  }
  ${size > MOST && html`<p class="quiet">The first ${bytes(MOST)} of ${bytes(size)}.</p>`}`;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
