/**
 * The panels of runs, in sections: folded, paged, searched, arranged. What is far from the window is
 * not drawn and asks for nothing. The page keeps the view (in its address); this changes it.
 * Neighbours: layout.js (what a view is), panel_of.js, panel_editor.js.
 */
import { useSize } from "../charts/canvas.js";
import { Failure, Loading } from "../components/states.js";
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { folded, moved, searched, sectionsOf, TALL, withoutPanel, withPanel } from "./layout.js";
import { PanelEditor } from "./panel_editor.js";
import { PanelOf } from "./panel_of.js";
import { joined } from "./settings.js";

/**
 * @typedef {import("./layout.js").View} View
 * @typedef {import("./layout.js").Section} SectionOf
 * @typedef {import("./layout.js").Panel} PanelOfView
 * @typedef {object} SectionsProps
 * @property {import("./curves_of.js").Run[]} runs
 * @property {{data: import("./layout.js").Logged | undefined, error: Error | undefined,
 *   reload: () => void}} found what they have logged
 * @property {"history" | "system"} [kind]
 * @property {View} view
 * @property {(view: View) => void} onView
 * @property {string} [search]
 * @property {string} [cursor] the group of the synced cursor
 * @property {string | null} [full] the panel that fills the window
 * @property {(panel: string | null) => void} [onFull]
 * @property {(panel: string) => string} [linkTo] the address that shows a panel in full
 * @property {(run: string) => void} [onPick]
 */

const LEAST = 340; // CSS pixels of a panel's width
const PAGE = 12; // panels of a section
const SECTIONS = 60; // sections drawn at first
const HEAD = 40; // of a panel, besides its chart
const AROUND = 110; // CSS pixels around a chart that fills the window
const NEAR = "700px"; // from the window

/** @param {SectionsProps} props */
export function PanelSections({
  runs,
  found,
  kind = "history",
  view,
  onView,
  search = "",
  ...rest
}) {
  const { data: logged, error, reload } = found;
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const { width } = useSize(place);
  const [editing, setEditing] = useState(/** @type {string | null} */ (null));
  const [dragged, setDragged] = useState(/** @type {string | null} */ (null));
  const [many, setMany] = useState(SECTIONS);
  const [ownFull, setOwnFull] = useState(/** @type {string | null} */ (null));
  const all = useMemo(() => (logged ? sectionsOf(logged, view) : []), [logged, view]);
  const sections = useMemo(() => searched(all, search), [all, search]);

  const columns = view.columns || Math.max(Math.floor((width + 12) / (LEAST + 12)), 1);
  const edited = all.flatMap(({ panels }) => panels).find(({ id }) => id === editing);
  const shared = {
    runs,
    kind,
    logged,
    view,
    onView,
    sections: all,
    columns,
    points: Math.max((1.1 * width) / columns, 300),
    dragged,
    onDrag: setDragged,
    onEdit: setEditing,
    cursor: rest.cursor ?? "charts",
    full: rest.full ?? ownFull,
    onFull: rest.onFull ?? setOwnFull,
    linkTo: rest.linkTo,
    onPick: rest.onPick,
  };
  return html`<div class="panel-sections" ref=${place}>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${!logged && !error && html`<${Loading} what="Looking what these runs have logged" />`}
    ${logged && !error && !all.length && html`<p class="empty">${runs.length ? "These runs have logged nothing that could be drawn yet." : "No run is shown. Choose runs on the left."}</p>`}
    ${logged && all.length > 0 && !sections.length && html`<p class="empty">No panel fits “${search}”.</p>`}
    ${width > 0 && sections.slice(0, many).map((section) => html`<${Section} key=${section.name} section=${section} ...${shared} />`)}
    ${sections.length > many && html`<button type="button" class="more-sections" onClick=${() => setMany(many + SECTIONS)}>${`${sections.length - many} more sections`}</button>`}
    ${
      edited &&
      logged &&
      html`<${PanelEditor} panel=${edited} logged=${logged} sections=${all.map(({ name }) => name)}
        all=${view.all ?? {}} onClose=${() => setEditing(null)}
        onSave=${(/** @type {import("./layout.js").Change} */ said) => onView(withPanel(view, edited.id, said))} />`
    }
  </div>`;
}

/** @param {any} props */
function Section({ section, ...shared }) {
  const { view, onView, sections, columns, dragged } = shared;
  const [page, setPage] = useState(0);
  const pages = Math.max(Math.ceil(section.panels.length / PAGE), 1);
  const now = Math.min(page, pages - 1);
  const shown = section.panels.slice(PAGE * now, PAGE * (now + 1));
  const full = section.panels.find((/** @type {PanelOfView} */ { id }) => id === shared.full);
  if (full && !shown.includes(full)) shown.push(full);
  /** @param {DragEvent} event */
  const drop = (event) => {
    if (dragged === null) return;
    event.preventDefault();
    const over = /** @type {HTMLElement} */ (event.target).closest("[data-panel]");
    const before = over?.getAttribute("data-panel") ?? null;
    if (before !== dragged) onView(moved(view, sections, dragged, section.name, before));
    shared.onDrag(null);
  };
  return html`<section class="panel-section" aria-label=${section.name}
    onDragOver=${(/** @type {DragEvent} */ event) => dragged !== null && event.preventDefault()} onDrop=${drop}>
    <header>
      <h2><button type="button" class="fold" aria-expanded=${section.open}
        onClick=${() => onView(folded(view, section.name, !section.open))}>
        <span class="fold-mark" aria-hidden="true"></span>${section.name}
        <span class="quiet count">${section.panels.length}</span></button></h2>
      ${
        section.open &&
        pages > 1 &&
        html`<nav class="pages" aria-label=${`Pages of ${section.name}`}>
        <button type="button" disabled=${now === 0} onClick=${() => setPage(now - 1)} aria-label="Page before">‹</button>
        <span>${PAGE * now + 1}–${Math.min(PAGE * (now + 1), section.panels.length)} of ${section.panels.length}</span>
        <button type="button" disabled=${now === pages - 1} onClick=${() => setPage(now + 1)} aria-label="Next page">›</button>
      </nav>`
      }
    </header>
    ${
      section.open &&
      html`<div class="panel-grid" style=${{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
      ${shown.map((/** @type {PanelOfView} */ panel) => html`<${Place} key=${panel.id} panel=${panel} section=${section} ...${shared} />`)}
    </div>`
    }
  </section>`;
}

/** Where a panel stands: drawn while it is near the window; dragged, resized. @param {any} props */
function Place({ panel, section, ...shared }) {
  const { view, onView, sections, columns, dragged, full, onFull } = shared;
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const near = useNear(place);
  const isFull = full === panel.id;
  const usual = view.tall ?? TALL;
  const [pulled, setPulled] = useState(/** @type {{wide: number, tall: number} | null} */ (null));
  const wide = Math.min(pulled?.wide ?? panel.wide, columns);
  const tall = pulled?.tall ?? (panel.tall || usual);
  const settings = useMemo(() => joined(view.all ?? {}, panel.own), [view.all, panel]);
  /** @param {import("./layout.js").Change} said */
  const set = (said) => onView(withPanel(view, panel.id, said));
  const ids = section.panels.map((/** @type {PanelOfView} */ { id }) => id);
  const at = ids.indexOf(panel.id);
  /** @param {string | null} before */
  const go = (before) => onView(moved(view, sections, panel.id, section.name, before));
  const actions = [
    { label: "Edit panel", act: () => shared.onEdit(panel.id) },
    at > 0 && { label: "Move back", act: () => go(ids[at - 1]) },
    at < ids.length - 1 && { label: "Move on", act: () => go(ids[at + 2] ?? null) },
    wide < columns && { label: "Wider", act: () => set({ wide: wide + 1 }) },
    wide > 1 && { label: "Narrower", act: () => set({ wide: wide - 1 }) },
    { label: "Taller", act: () => set({ tall: tall + 80 }) },
    tall > 160 && { label: "Shorter", act: () => set({ tall: tall - 80 }) },
    { label: "Remove panel", danger: true, act: () => onView(withoutPanel(view, panel.id)) },
  ];
  /** @param {PointerEvent} event */
  const pull = (event) => {
    const element = place.current;
    const handle = /** @type {HTMLElement} */ (event.currentTarget);
    if (!element) return;
    handle.setPointerCapture(event.pointerId);
    const from = { x: event.clientX, y: event.clientY, width: element.offsetWidth };
    const each = from.width / wide;
    let last = { wide, tall };
    handle.onpointermove = (move) => {
      const across = Math.round((from.width + move.clientX - from.x) / each);
      last = {
        wide: Math.min(Math.max(across, 1), columns),
        tall: Math.max(Math.round((tall + move.clientY - from.y) / 10) * 10, 120),
      };
      setPulled(last);
    };
    handle.onpointerup = handle.onpointercancel = () => {
      handle.onpointermove = handle.onpointerup = handle.onpointercancel = null;
      setPulled(null);
      set({
        wide: last.wide === 1 ? undefined : last.wide,
        tall: last.tall === usual ? undefined : last.tall,
      });
    };
  };
  const frame = {
    actions,
    full: isFull,
    onFull: (/** @type {boolean} */ on) => onFull(on ? panel.id : null),
    link: shared.linkTo?.(panel.id),
  };
  return html`<div class=${`panel-place ${dragged === panel.id ? "dragged" : ""}`} data-panel=${panel.id} ref=${place}
    style=${{ gridColumn: `span ${wide}`, minHeight: `${tall + HEAD}px` }} draggable=${false}
    onDragStart=${(/** @type {DragEvent} */ event) => begin(event, panel.id, shared.onDrag)}
    onDragEnd=${() => shared.onDrag(null)}>
    ${
      (near || isFull) &&
      html`<${PanelOf} panel=${panel} runs=${shared.runs} settings=${settings} logged=${shared.logged}
        kind=${shared.kind} cursor=${shared.cursor} height=${isFull ? innerHeight - AROUND : tall}
        points=${isFull ? innerWidth : shared.points * wide} frame=${frame} onPick=${shared.onPick}
        onSettings=${(/** @type {any} */ changed) => set({ own: own(panel.own, changed) })} />
        ${
          !isFull &&
          html`<span class="panel-grip" draggable="true" title="Drag to rearrange" aria-hidden="true">⠿</span>
        <span class="panel-corner" title="Drag to resize" aria-hidden="true" onPointerDown=${pull}></span>`
        }`
    }
  </div>`;
}

/** @param {DragEvent} event @param {string} id @param {(id: string) => void} onDrag */
function begin(event, id, onDrag) {
  event.dataTransfer?.setData("text/plain", id);
  if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
  const place = /** @type {HTMLElement} */ (event.currentTarget);
  event.dataTransfer?.setDragImage(place, 20, 20);
  onDrag(id);
}

/** @param {Record<string, any>} before @param {Record<string, any>} changed */
function own(before, changed) {
  const kept = Object.entries({ ...before, ...changed }).filter(([, each]) => each !== undefined);
  return Object.fromEntries(kept);
}

/** Whether an element is in the window, or nearly. @param {{current: Element | null}} ref */
function useNear(ref) {
  const [near, setNear] = useState(false);
  useEffect(() => {
    if (!ref.current) return;
    const watch = new IntersectionObserver(([entry]) => setNear(entry.isIntersecting), {
      rootMargin: NEAR,
    });
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return near;
}
