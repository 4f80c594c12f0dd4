/** Asks for an API key, once a browser. */
import { post } from "../api.js";
import { html, useState } from "../html.js";

export default function LoginPage() {
  const [state, setState] = useState({ busy: false, error: "" });
  /** @param {SubmitEvent} event */
  const logIn = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    setState({ busy: true, error: "" });
    try {
      await post("/api/session", { key: String(form.get("key") ?? "") });
      const next = new URLSearchParams(location.search).get("next") ?? "/";
      location.replace(next.startsWith("/") && !next.startsWith("//") ? next : "/");
    } catch (error) {
      setState({ busy: false, error: error instanceof Error ? error.message : String(error) });
    }
  };
  return html`<form class="login" onSubmit=${logIn}>
    <h1>Log in</h1>
    <label>API key <input name="key" type="password" autocomplete="current-password" required autofocus /></label>
    ${state.error && html`<p class="failure" role="alert">${state.error}</p>`}
    <button type="submit" class="primary" disabled=${state.busy}>Log in</button>
  </form>`;
}
