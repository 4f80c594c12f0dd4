/**
 * The files of a run or an artifact: folders that open, their sizes, and a preview of the chosen one,
 * which the address names (`?file=`). A folder is fetched when it opens, and again when a topic of
 * live.js changes. Neighbour: file_preview.js.
 */
import { get } from "../api.js";
import { bytes } from "../format.js";
import { useLive } from "../hooks.js";
import { html, useState } from "../html.js";
import { useQuery } from "../router.js";
import { foldersOf } from "./file_kinds.js";
import { FilePreview } from "./file_preview.js";
import { Empty, Failure, Loading } from "./states.js";

/** @typedef {import("./file_preview.js").File} File */

const PAUSE_MS = 5000; // a script that runs may save files all the time

/** @param {{api: string, topics?: string[], empty: any}} props */
export function FileBrowser({ api, topics = [], empty }) {
  const [chosen, choose] = useQuery("file");
  const folder = useFolder(api, "", topics);
  if (folder.error) return html`<${Failure} error=${folder.error} retry=${folder.reload} />`;
  if (!folder.data) return html`<${Loading} />`;
  if (!folder.data.files.length && !folder.data.folders.length)
    return html`<${Empty} title="No files">${empty}<//>`;
  const way = foldersOf(chosen);
  return html`<div class="file-browser">
    <nav class="file-tree" aria-label="Files">
      <${Folder} api=${api} prefix="" data=${folder.data} topics=${topics} way=${way} chosen=${chosen} choose=${choose} />
    </nav>
    <div class="file-shown">
      ${chosen ? html`<${Chosen} api=${api} path=${chosen} topics=${topics} />` : html`<p class="quiet">Choose a file to look into it.</p>`}
    </div>
  </div>`;
}

/** @param {{api: string, path: string, topics: string[]}} props */
function Chosen({ api, path, topics }) {
  const { data, error, reload } = useLive(
    topics,
    async (signal) => {
      const { files } = await get(`${api}/folder`, { file: path }, { signal });
      return /** @type {File | null} */ (files[0] ?? null);
    },
    [api, path],
    PAUSE_MS,
  );
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (data === undefined) return html`<${Loading} />`;
  if (data === null) return html`<p>There is no file <code>${path}</code> here.</p>`;
  return html`<${FilePreview} api=${api} file=${data} />`;
}

/** @param {string} api @param {string} prefix @param {string[]} topics */
function useFolder(api, prefix, topics) {
  return useLive(
    topics,
    (signal) => get(`${api}/folder`, { prefix }, { signal }),
    [api, prefix],
    PAUSE_MS,
  );
}

/**
 * @param {{api: string, prefix: string, data: any, topics: string[], way: string[], chosen: string,
 *   choose: (path: string) => void}} props
 */
function Folder({ api, prefix, data, topics, way, chosen, choose }) {
  const [more, setMore] = useState({ files: /** @type {File[]} */ ([]), more: data.more });
  const files = /** @type {File[]} */ ([...data.files, ...more.files]);
  const fetchMore = async () => {
    const after = files.at(-1)?.path.slice(prefix.length) ?? "";
    const next = await get(`${api}/folder`, { prefix, after });
    setMore({ files: [...more.files, ...next.files], more: next.more });
  };
  return html`<ul>
    ${data.folders.map(
      (/** @type {any} */ each) =>
        html`<${Closed} key=${each.name} api=${api} folder=${each} prefix=${`${prefix}${each.name}/`} topics=${topics} way=${way} chosen=${chosen} choose=${choose} />`,
    )}
    ${files.map(
      (one) => html`<li key=${one.path}>
        <button type="button" class="file-entry" aria-current=${one.path === chosen ? "true" : undefined} onClick=${() => choose(one.path)}>
          <span class="file-name" title=${one.path}>${one.path.slice(prefix.length)}</span>
          <span class="quiet">${one.ref ? "elsewhere" : bytes(one.size)}</span>
        </button>
      </li>`,
    )}
    ${more.more && html`<li><button type="button" onClick=${fetchMore}>More files</button></li>`}
  </ul>`;
}

/**
 * @param {{api: string, folder: {name: string, files: number, size: number}, prefix: string,
 *   topics: string[], way: string[], chosen: string, choose: (path: string) => void}} props
 */
function Closed({ api, folder, prefix, topics, way, chosen, choose }) {
  const [open, setOpen] = useState(way.includes(prefix));
  return html`<li>
    <button type="button" class="file-entry" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <span class="file-name" title=${prefix}><span aria-hidden="true">${open ? "▾" : "▸"}</span> ${folder.name}</span>
      <span class="quiet">${folder.files.toLocaleString("en-US")} ${folder.files === 1 ? "file" : "files"}, ${bytes(folder.size)}</span>
    </button>
    ${open && html`<${Open} api=${api} prefix=${prefix} topics=${topics} way=${way} chosen=${chosen} choose=${choose} />`}
  </li>`;
}

/** @param {{api: string, prefix: string, topics: string[], way: string[], chosen: string, choose: (path: string) => void}} props */
function Open({ api, prefix, topics, way, chosen, choose }) {
  const { data, error, reload } = useFolder(api, prefix, topics);
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  return html`<${Folder} api=${api} prefix=${prefix} data=${data} topics=${topics} way=${way} chosen=${chosen} choose=${choose} />`;
}
