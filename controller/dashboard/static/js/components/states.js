/** What stands where data is not (yet): waiting, empty, an error; and the badge of a state. */
import { html } from "../html.js";

/** @param {{what?: string}} props */
export function Loading({ what = "Loading" }) {
  return html`<p class="loading" role="status">${what}…</p>`;
}

/** An empty state says what to do next. @param {{title: string, children?: any}} props */
export function Empty({ title, children }) {
  return html`<div class="empty"><h2>${title}</h2>${children}</div>`;
}

/** @param {{error: Error, retry?: () => void}} props */
export function Failure({ error, retry }) {
  return html`<div class="failure" role="alert">
    <p>${error.message}</p>
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

/** Of a sweep, a trial or a run. The word is there, not the colour alone. @param {{state: string}} props */
export function StateBadge({ state }) {
  return html`<span class=${`badge state-${state}`}>${state}</span>`;
}
