/** Asks for an API key, once a browser; says how to get one, or how to come in without typing. */
import { post } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { usePage } from "../page.js";
import { afterLogin, refused } from "../session.js";

export default function LoginPage() {
  usePage("Log in");
  const [state, setState] = useState({ busy: false, error: refused() });
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => input.current?.focus(), []);
  /** @param {SubmitEvent} event */
  const logIn = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    setState({ busy: true, error: "" });
    try {
      await post("/api/session", { key: String(form.get("key") ?? "") });
      location.replace(afterLogin());
    } catch (error) {
      setState({ busy: false, error: error instanceof Error ? error.message : String(error) });
    }
  };
  const sweep = /^\/sweeps\/([a-z0-9]+)/.exec(afterLogin())?.[1];
  const command = sweep ? `sweep open ${sweep}` : "sweep open";
  return html`<div class="login">
    <form class="card" onSubmit=${logIn}>
      <h1>Log in</h1>
      <label>API key
        <input name="key" type="password" autocomplete="current-password" required ref=${input}
          spellcheck=${false} aria-describedby=${state.error ? "login-error" : undefined} />
      </label>
      ${state.error && html`<p id="login-error" class="failure" role="alert">${state.error}</p>`}
      <button type="submit" class="primary" disabled=${state.busy}>Log in</button>
    </form>
    <section class="login-ways" aria-label="Ways in">
      <h2>Without typing a key</h2>
      <p>In a terminal that knows this server, such as one on its machine,
        ${" "}<code>${command}</code> opens ${sweep ? "this sweep" : "these pages"} logged in, or prints a link that does.</p>
      <h2>No key yet?</h2>
      <p>Whoever runs the server makes one for you:</p>
      <pre><code>sweep server key create NAME --role read</code></pre>
      <p class="quiet">
        ${"Roles are read, write and admin. The server's own key is in "}
        <code>api_key</code>${" in its home folder, "}<code>~/.opensweep</code>.
      </p>
    </section>
  </div>`;
}
