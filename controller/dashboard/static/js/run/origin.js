/** Where a run comes from: machine, code, packages, environment; as its files and metadata say. */
import { address, get } from "../api.js";
import { Code, Copy } from "../components/code.js";
import { Facts } from "../components/facts.js";
import { JsonTree } from "../components/json_tree.js";
import { Failure, Loading } from "../components/states.js";
import { bytes } from "../format.js";
import { useFetch } from "../hooks.js";
import { html, useState } from "../html.js";
import { Link, path } from "../router.js";

const DOCUMENTS = ["opensweep-metadata.json", "wandb-metadata.json"];
const PACKAGES = ["requirements.txt", "conda-packages.txt", "conda-environment.yaml"];

/**
 * @param {{run: Record<string, any>, files: string[], saved: boolean}} props `files`: those that lie
 * at the top; `saved`: the script lies among them, too
 */
export function Origin({ run, files, saved }) {
  const api = `/api${path("runs", run.id)}`;
  const document = DOCUMENTS.find((name) => files.includes(name));
  const { data } = useFetch(
    async (signal) => (document ? await get(`${api}/file`, { path: document }, { signal }) : {}),
    [run.id, document],
  );
  const said = { ...data, ...run.metadata };
  const git = said.git ?? {};
  const folder = data?.cwd ?? data?.root; // the repository's, where the script's own is not known
  const args = Array.isArray(said.args) ? said.args : [];
  const command = [said.python ? "python" : "", said.program, ...args.map(quoted)]
    .filter(Boolean)
    .join(" ");
  const patches = files.filter((name) => name.endsWith(".patch"));
  const gpus = said.gpu && `${said.gpu_count > 1 ? `${said.gpu_count} × ` : ""}${said.gpu}`;
  const memory = typeof said.memory === "object" ? said.memory?.total : said.memory;
  const shown = PACKAGES.filter((name) => files.includes(name));
  return html`<section class="card" aria-label="Code">
      <h2>Code</h2>
      <${Facts} facts=${[
        [
          "Command",
          said.program &&
            html`<code>${command}</code> <${Copy} text=${command} label="Copy command" />`,
        ],
        ["Directory", folder && html`<code>${folder}</code>`],
        ["Repository", git.remote && html`<${Remote} address=${git.remote} />`],
        ["Branch", git.branch],
        [
          "Commit",
          git.commit &&
            html`<code>${git.commit.slice(0, 12)}</code> <${Copy} text=${git.commit} label="Copy commit" />${git.dirty && html` <span class="quiet">with changes</span>`}`,
        ],
        patches.length > 0 && [
          "Patch",
          patches.map(
            (name) =>
              html`<${Link} key=${name} href=${address(path("runs", run.id), { tab: "files", file: name })}>${name}<//> `,
          ),
        ],
        saved && [
          "Script",
          html`<${Link} href=${address(path("runs", run.id), { tab: "files" })}>saved, in code/<//>`,
        ],
        ["Python", said.python],
        ["Interpreter", said.executable && html`<code>${said.executable}</code>`],
        ["Conda", said.conda],
      ]} />
      ${shown.map((name) => html`<${Later} key=${name} label=${name === "requirements.txt" ? "Packages" : name}><${TextFile} api=${api} name=${name} /><//>`)}
      ${data?.environment && html`<${Later} label="Environment"><${JsonTree} label="Environment" value=${data.environment} /><//>`}
    </section>
    <section class="card" aria-label="Machine">
      <h2>Machine</h2>
      <${Facts} facts=${[
        ["Host", said.host],
        ["System", said.os],
        [
          "Processors",
          said.cpu_count &&
            `${said.cpu_count}${said.cpu_count_logical > said.cpu_count ? ` of ${said.cpu_count_logical}` : ""}`,
        ],
        ["Memory", memory && bytes(memory)],
        ["GPU", gpus],
        ["Driver", said.driver && `${said.driver}${said.cuda ? `, CUDA ${said.cuda}` : ""}`],
        !said.driver && ["CUDA", said.cuda],
        ["Slurm job", said.slurm?.job_id],
        ["Process", said.pid],
      ]} />
      ${data && Object.keys(data).length > 0 && html`<${Later} label="All that is known"><${JsonTree} label="Metadata" value=${{ ...data, environment: undefined }} /><//>`}
    </section>`;
}

/** What is made only when somebody opens it. @param {{label: string, children?: any}} props */
function Later({ label, children }) {
  const [open, setOpen] = useState(false);
  return html`<details onToggle=${(/** @type {any} */ event) => setOpen(event.target.open)}>
    <summary>${label}</summary>
    ${open && children}
  </details>`;
}

/** @param {{api: string, name: string}} props */
function TextFile({ api, name }) {
  const { data, error, reload } = useFetch(
    async (signal) => {
      const response = await fetch(address(`${api}/file`, { path: name }), { signal });
      if (!response.ok) throw new Error(`${name} cannot be read (${response.status})`);
      return response.text();
    },
    [api, name],
  );
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  return data === undefined ? html`<${Loading} />` : html`<${Code} text=${data} label=${name} />`;
}

/** An address of git as a link, where it is one of the web's. @param {{address: string}} props */
function Remote({ address: remote }) {
  const ssh = /^(?:ssh:\/\/)?git@([^:/]+)[:/](.+?)(?:\.git)?$/.exec(remote);
  const web = ssh ? `https://${ssh[1]}/${ssh[2]}` : remote.replace(/\.git$/, "");
  if (!/^https?:\/\//.test(web)) return html`<code>${remote}</code>`;
  return html`<a href=${web} target="_blank" rel="noopener noreferrer">${web.replace(/^https?:\/\//, "")}</a>`;
}

/** @param {unknown} part */
function quoted(part) {
  const text = String(part);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
