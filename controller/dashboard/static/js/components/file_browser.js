/**
 * The files of a run or an artifact: folders that open, their sizes, and a preview of the chosen one,
 * which the address names (`?file=`). A folder is fetched when it opens. Neighbour: file_preview.js.
 */
import { get } from "../api.js";
import { bytes } from "../format.js";
import { useFetch } from "../hooks.js";
import { html, useState } from "../html.js";
import { useQuery } from "../router.js";
import { foldersOf } from "./file_kinds.js";
import { FilePreview } from "./file_preview.js";
import { Empty, Failure, Loading } from "./states.js";

/** @typedef {import("./file_preview.js").File} File */

/** @param {{api: string, version: unknown, empty: any}} props `version`: look again when it changes */
export function FileBrowser({ api, version, empty }) {
  const [chosen, choose] = useQuery("file");
  const folder = useFolder(api, "", version);
  if (folder.error) return html`<${Failure} error=${folder.error} retry=${folder.reload} />`;
  if (!folder.data) return html`<${Loading} />`;
  if (!folder.data.files.length && !folder.data.folders.length)
    return html`<${Empty} title="No files">${empty}<//>`;
  const way = foldersOf(chosen);
  return html`<div class="file-browser">
    <nav class="file-tree" aria-label="Files">
      <${Folder} api=${api} prefix="" data=${folder.data} version=${version} way=${way} chosen=${chosen} choose=${choose} />
    </nav>
    <div class="file-shown">
      ${chosen ? html`<${Chosen} api=${api} path=${chosen} version=${version} />` : html`<p class="quiet">Choose a file to look into it.</p>`}
    </div>
  </div>`;
}

/** @param {{api: string, path: string, version: unknown}} props */
function Chosen({ api, path, version }) {
  const { data, error, reload } = useFetch(
    async (signal) => {
      const { files } = await get(`${api}/folder`, { file: path }, { signal });
      return /** @type {File | null} */ (files[0] ?? null);
    },
    [api, path, version],
  );
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (data === undefined) return html`<${Loading} />`;
  if (data === null) return html`<p>There is no file <code>${path}</code> here.</p>`;
  return html`<${FilePreview} api=${api} file=${data} />`;
}

/** @param {string} api @param {string} prefix @param {unknown} version */
function useFolder(api, prefix, version) {
  return useFetch((signal) => get(`${api}/folder`, { prefix }, { signal }), [api, prefix, version]);
}

/**
 * @param {{api: string, prefix: string, data: any, version: unknown, way: string[], chosen: string,
 *   choose: (path: string) => void}} props
 */
function Folder({ api, prefix, data, version, way, chosen, choose }) {
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
        html`<${Closed} key=${each.name} api=${api} folder=${each} prefix=${`${prefix}${each.name}/`} version=${version} way=${way} chosen=${chosen} choose=${choose} />`,
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
 *   version: unknown, way: string[], chosen: string, choose: (path: string) => void}} props
 */
function Closed({ api, folder, prefix, version, way, chosen, choose }) {
  const [open, setOpen] = useState(way.includes(prefix));
  return html`<li>
    <button type="button" class="file-entry" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <span class="file-name" title=${prefix}><span aria-hidden="true">${open ? "▾" : "▸"}</span> ${folder.name}</span>
      <span class="quiet">${folder.files.toLocaleString("en-US")} ${folder.files === 1 ? "file" : "files"}, ${bytes(folder.size)}</span>
    </button>
    ${open && html`<${Open} api=${api} prefix=${prefix} version=${version} way=${way} chosen=${chosen} choose=${choose} />`}
  </li>`;
}

/** @param {{api: string, prefix: string, version: unknown, way: string[], chosen: string, choose: (path: string) => void}} props */
function Open({ api, prefix, version, way, chosen, choose }) {
  const { data, error, reload } = useFolder(api, prefix, version);
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  return html`<${Folder} api=${api} prefix=${prefix} data=${data} version=${version} way=${way} chosen=${chosen} choose=${choose} />`;
}
