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
      <p>In a terminal that knows this server, <code>sweep open</code> opens these pages logged in,
        or prints a link that does.</p>
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
