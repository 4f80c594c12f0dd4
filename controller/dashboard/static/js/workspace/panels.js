/**
 * The panels of some runs with all that belongs to them: search, settings, sections. The workspace
 * is made of it, and the charts of a run's page. Neighbours: toolbar.js, sections.js.
 */
import { html } from "../html.js";
import { useLogged } from "./logged.js";
import { PanelSections } from "./sections.js";
import { WorkspaceToolbar } from "./toolbar.js";

/**
 * @typedef {object} PanelsProps
 * @property {import("./curves_of.js").Run[]} runs the same array as long as it says the same
 * @property {boolean} [waiting] which runs these are is not known yet
 * @property {"history" | "system"} [kind]
 * @property {import("./layout.js").View} view what somebody changed: `useJsonQuery("view", {})`
 * @property {(view: import("./layout.js").View) => void} onView
 * @property {string} search
 * @property {(search: string) => void} onSearch
 * @property {string} [cursor] the group of the synced cursor
 * @property {string | null} [full] the panel that fills the window
 * @property {(panel: string | null) => void} [onFull]
 * @property {(panel: string) => string} [linkTo]
 * @property {(run: string) => void} [onPick]
 * @property {string} [project]
 * @property {any} [children] at the end of the toolbar
 */

/** @param {PanelsProps} props */
export function Panels({ children, ...props }) {
  const {
    runs,
    waiting = false,
    kind = "history",
    view,
    onView,
    search,
    onSearch,
    project,
  } = props;
  const found = useLogged(runs, kind, waiting);
  return html`<div class="workspace-panels">
    <${WorkspaceToolbar} logged=${found.data} kind=${kind} view=${view} onView=${onView}
      search=${search} onSearch=${onSearch} project=${project}>${children}<//>
    <${PanelSections} ...${props} found=${found} />
  </div>`;
}
