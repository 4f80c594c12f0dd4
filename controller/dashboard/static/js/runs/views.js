/**
 * Views of a project's runs under names of somebody's own, kept in this browser. A view is the query
 * of an address. Neighbour: pages/runs.js.
 */
import { Dialog, notify } from "../components/dialog.js";
import { Menu } from "../components/menu.js";
import { html, useState } from "../html.js";
import { navigate } from "../router.js";

/** @param {string} project @returns {Record<string, string>} queries by name */
function kept(project) {
  try {
    const value = JSON.parse(localStorage.getItem(`opensweep:views:${project}`) ?? "{}");
    return value && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}

/** @param {{project: string, report: string | false}} props `report`: the address of a new report of this view */
export function Views({ project, report }) {
  const [views, setViews] = useState(() => kept(project));
  const [asking, setAsking] = useState("");
  /** @param {Record<string, string>} next */
  const keep = (next) => {
    localStorage.setItem(`opensweep:views:${project}`, JSON.stringify(next));
    setViews(next);
  };
  const names = Object.keys(views).sort();
  const copy = () =>
    navigator.clipboard.writeText(location.href).then(
      () => notify("The link to this view is copied."),
      () => notify("The browser did not allow copying: take the address from its bar."),
    );
  /** @param {SubmitEvent} event */
  const save = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const name = String(form.get("name")).trim();
    if (!name) return;
    keep({ ...views, [name]: location.search });
    setAsking("");
    notify(`This view is kept as “${name}” in this browser.`);
  };
  /** @param {string} name */
  const drop = (name) => {
    const { [name]: _, ...rest } = views;
    keep(rest);
  };
  return html`<${Menu} label="Views" button=${html`Views<span aria-hidden="true"> ▾</span>`} items=${[
    ...names.map((name) => ({ label: name, act: () => navigate(location.pathname + views[name]) })),
    { label: "Copy the link to this view", act: copy, above: names.length ? "line" : undefined },
    { label: "Keep this view as …", act: () => setAsking("save") },
    names.length > 0 && { label: "Forget a view …", act: () => setAsking("drop") },
    report && { label: "Report of this table", href: report },
    { label: "Back to the usual view", act: () => navigate(location.pathname), above: "line" },
  ]} />
  ${
    asking === "save" &&
    html`<${Dialog} title="Keep this view" onClose=${() => setAsking("")}>
      <form onSubmit=${save}>
        <label>Name <input name="name" required maxlength="80" autofocus /></label>
        <p class="quiet">Filter, order, columns and all else that the address says, in this browser.
          To give it to others, copy its link.</p>
        <div class="actions">
          <button type="button" onClick=${() => setAsking("")}>Cancel</button>
          <button type="submit" class="primary">Keep</button>
        </div>
      </form>
    <//>`
  }
  ${
    asking === "drop" &&
    html`<${Dialog} title="Forget a view" onClose=${() => setAsking("")}>
      <ul class="view-list">${names.map(
        (name) =>
          html`<li key=${name}>${name} <button type="button" onClick=${() => drop(name)}>Forget</button></li>`,
      )}</ul>
      <div class="actions"><button type="button" onClick=${() => setAsking("")}>Done</button></div>
    <//>`
  }`;
}
