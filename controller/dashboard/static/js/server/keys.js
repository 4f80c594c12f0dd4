/** API keys: made, listed and revoked by admins. A key is shown once. */
import { get, post, remove } from "../api.js";
import { Code } from "../components/code.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { ago, time } from "../format.js";
import { useLive, useNow } from "../hooks.js";
import { html, useState } from "../html.js";

const ROLES = [
  ["write", "write: runs, sweeps and agents"],
  ["read", "read: looks, and changes nothing"],
  ["admin", "admin: keys, too"],
];

/**
 * @typedef {{id: string, user: string, role: string, prefix: string, description: string,
 *   created: number, last_used: number | null, revoked: number | null}} Key
 */

/** @param {{admin: boolean}} props */
export function Keys({ admin }) {
  if (!admin)
    return html`<${Empty} title="API keys are for admins">
      <p>Whoever runs the server makes one: <code>sweep server key create NAME</code>.</p>
    <//>`;
  return html`<${KeyList} />`;
}

function KeyList() {
  const now = useNow(5000);
  const keys = useLive(
    ["server"],
    async (signal) => /** @type {Key[]} */ ((await get("/api/keys", {}, { signal })).keys),
    [],
  );
  const [asked, setAsked] = useState(/** @type {{make?: true, revoke?: Key, made?: any}} */ ({}));
  const close = () => setAsked({});
  if (!keys.data)
    return keys.error ? html`<${Failure} error=${keys.error} />` : html`<${Loading} />`;
  const listed = [...keys.data].sort((a, b) => Number(!!a.revoked) - Number(!!b.revoked));
  return html`
    <div class="server-keys-head">
      <p class="quiet">Each person and each group of machines gets a key of its own. The owner's key is in the server's home.</p>
      <button type="button" class="primary" onClick=${() => setAsked({ make: true })}>Make a key</button>
    </div>
    ${
      listed.length === 0
        ? html`<${Empty} title="No keys yet"><p>The owner's own opens everything, and is not listed here.</p><//>`
        : html`<div class="server-table"><table>
            <thead><tr>
              <th scope="col">Whose</th><th scope="col">Role</th><th scope="col">Begins with</th><th scope="col">What for</th>
              <th scope="col">Made</th><th scope="col">Last used</th><th scope="col"><span class="quiet">Revoke</span></th>
            </tr></thead>
            <tbody>${listed.map(
              (key) => html`<tr key=${key.id} class=${key.revoked ? "quiet" : ""}>
                <th scope="row"><bdi>${key.user}</bdi></th><td>${key.role}</td><td><code>${key.prefix}…</code></td>
                <td class="server-about-key">${key.description}</td><td title=${time(key.created)}>${ago(key.created, now)}</td>
                <td title=${time(key.last_used)}>${key.last_used === null ? "never" : ago(key.last_used, now)}</td>
                <td>${
                  key.revoked
                    ? html`<span title=${time(key.revoked)}>revoked</span>`
                    : html`<button type="button" class="danger" aria-label=${`Revoke the key of ${key.user} that begins with ${key.prefix}`}
                        onClick=${() => setAsked({ revoke: key })}>Revoke</button>`
                }</td>
              </tr>`,
            )}</tbody>
          </table></div>`
    }
    ${
      asked.make &&
      html`<${MakeKey} onClose=${close} onMade=${(/** @type {any} */ made) => {
        setAsked({ made });
        keys.reload();
      }} />`
    }
    ${asked.made && html`<${NewKey} made=${asked.made} onClose=${close} />`}
    ${
      asked.revoke &&
      html`<${Confirm} title="Revoke this key?" action="Revoke" danger onClose=${close}
        act=${async () => {
          await remove(`/api/keys/${encodeURIComponent(asked.revoke?.id ?? "")}`);
          keys.reload();
        }}>
        <p>Whatever uses the key of <strong>${asked.revoke.user}</strong> (<code>${asked.revoke.prefix}…</code>) is shut out
          within a second: browsers, scripts, agents. This cannot be taken back.</p>
      <//>`
    }
  `;
}

/** @param {{onClose: () => void, onMade: (made: any) => void}} props */
function MakeKey({ onClose, onMade }) {
  const [state, setState] = useState({ busy: false, error: "" });
  /** @param {SubmitEvent} event */
  const make = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    setState({ busy: true, error: "" });
    try {
      onMade(await post("/api/keys", Object.fromEntries(form)));
    } catch (error) {
      setState({ busy: false, error: error instanceof Error ? error.message : String(error) });
    }
  };
  return html`<${Dialog} title="Make a key" onClose=${onClose}>
    <form class="server-form" onSubmit=${make}>
      <label>Whose <input name="user" required maxlength="64" autocomplete="off" placeholder="alice" /></label>
      <label>Role <select name="role">${ROLES.map(([role, label]) => html`<option key=${role} value=${role}>${label}</option>`)}</select></label>
      <label>What for <input name="description" maxlength="1000" autocomplete="off" /></label>
      ${state.error && html`<p class="failure" role="alert">${state.error}</p>`}
      <div class="actions">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="primary" disabled=${state.busy}>Make it</button>
      </div>
    </form>
  <//>`;
}

/** @param {{made: any, onClose: () => void}} props */
function NewKey({ made, onClose }) {
  return html`<${Dialog} title=${`The key of ${made.user}`} onClose=${onClose}>
    <p>It is shown this once. Copy it now.</p>
    <div class="server-new-key"><${Code} text=${made.key} label="the key" numbers=${false} /></div>
    <div class="actions"><button type="button" class="primary" onClick=${onClose}>Done</button></div>
  <//>`;
}
