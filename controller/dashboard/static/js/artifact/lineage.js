/**
 * Where an artifact comes from and what became of it, as a graph from left to right: artifacts are
 * round, runs are square. It is moved by dragging, made larger by buttons, + and -, and the wheel with
 * Ctrl; each node is a link. Neighbour: lineage_layout.js.
 */
import { get } from "../api.js";
import { useSize } from "../charts/canvas.js";
import { Failure, Loading } from "../components/states.js";
import { useFetch } from "../hooks.js";
import { html, useMemo, useRef, useState } from "../html.js";
import { navigate, path } from "../router.js";
import { HEIGHT, layOut, WIDTH } from "./lineage_layout.js";

/**
 * @typedef {{id: string, kind: "run" | "artifact", key: string, name: string, hidden: number,
 *   state?: string, job_type?: string, type?: string, version?: number}} Node
 */

/** @param {{of: string}} props `of`: the API that tells it */
export function Lineage({ of }) {
  const { data, error, reload } = useFetch((signal) => get(of, {}, { signal }), [of]);
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  return html`<${Graph} nodes=${data.nodes} edges=${data.edges} start=${data.start} />`;
}

const AIR = 24;
const SMALLEST = 0.62; // of its own size: smaller, nobody reads the names

/** @param {{nodes: Node[], edges: [string, string][], start: string}} props */
function Graph({ nodes, edges, start }) {
  const laid = useMemo(
    () =>
      layOut(
        nodes.map((each) => each.id),
        edges,
      ),
    [nodes, edges],
  );
  const whole = {
    x: -AIR,
    y: -AIR,
    width: laid.width + 2 * AIR,
    height: laid.height + 2 * AIR + 8,
  };
  const [view, setView] = useState(
    /** @type {{x: number, y: number, width: number, height: number} | null} */ (null),
  );
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const held = useRef(/** @type {{x: number, y: number, moved: boolean} | null} */ (null));
  const shape = useSize(box);
  const now = view ?? readable(fitted(whole, shape), shape, laid.places.get(start));
  /** @param {number} by */
  const zoom = (by) => {
    const [width, height] = [now.width / by, now.height / by];
    setView({
      x: now.x + (now.width - width) / 2,
      y: now.y + (now.height - height) / 2,
      width,
      height,
    });
  };
  /** @param {PointerEvent} event */
  const drag = (event) => {
    if (!held.current || !(event.buttons & 1)) return;
    const unit = Math.max(now.width / shape.width, now.height / shape.height);
    const [dx, dy] = [event.clientX - held.current.x, event.clientY - held.current.y];
    if (!held.current.moved && Math.hypot(dx, dy) < 4) return;
    held.current = { x: event.clientX, y: event.clientY, moved: true };
    setView({ ...now, x: now.x - dx * unit, y: now.y - dy * unit });
  };
  /** @param {WheelEvent} event */
  const wheel = (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
  };
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") setView(fitted(whole, shape));
  };
  /** @param {MouseEvent} event @param {string} href */
  const open = (event, href) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (!held.current?.moved) navigate(href);
  };
  const names = new Map(nodes.map((each) => [each.id, labelOf(each)]));
  return html`<div class="lineage">
    <div class="lineage-bar" role="group" aria-label="Size of the graph">
      <button type="button" aria-label="Larger" onClick=${() => zoom(1.25)}>+</button>
      <button type="button" aria-label="Smaller" onClick=${() => zoom(0.8)}>−</button>
      <button type="button" onClick=${() => setView(fitted(whole, shape))}>Fit</button>
      <span class="quiet">${nodes.length} ${nodes.length === 1 ? "node" : "nodes"}</span>
    </div>
    <div class="lineage-box" ref=${box} onWheel=${wheel} onKeyDown=${press}
      onPointerDown=${(/** @type {PointerEvent} */ event) => {
        held.current = { x: event.clientX, y: event.clientY, moved: false };
      }}
      onPointerMove=${drag}>
      <svg role="group" aria-label="Lineage: artifacts and runs, in the order in which data went"
        viewBox=${`${now.x} ${now.y} ${now.width} ${now.height}`} style=${{ height: `${boxHeight(whole)}px` }}>
        <defs>
          <marker id="lineage-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0 8 4 0 8z" />
          </marker>
        </defs>
        ${edges.map(
          ([
            a,
            b,
          ]) => html`<path key=${`${a} ${b}`} class="lineage-edge" marker-end="url(#lineage-arrow)" d=${curve(laid.places.get(a), laid.places.get(b))}>
          <title>${`${names.get(a)} → ${names.get(b)}`}</title>
        </path>`,
        )}
        ${nodes.map((each) => {
          const place = laid.places.get(each.id);
          if (!place) return null;
          const href = path(each.kind === "run" ? "runs" : "artifacts", each.key);
          const second = each.kind === "run" ? each.job_type || "run" : `${each.type}`;
          return html`<a key=${each.id} href=${href} class=${`lineage-node lineage-${each.kind} ${each.id === start ? "start" : ""}`}
            transform=${`translate(${place.x} ${place.y})`} aria-label=${`${each.kind} ${labelOf(each)}`}
            onClick=${(/** @type {MouseEvent} */ event) => open(event, href)} draggable=${false}>
            <title>${labelOf(each)}</title>
            <rect width=${WIDTH} height=${HEIGHT} rx=${each.kind === "run" ? 4 : HEIGHT / 2} />
            <text x=${each.kind === "run" ? 10 : 18} y="18" class="lineage-name">${cut(labelOf(each), each.kind === "run" ? 27 : 24)}</text>
            <text x=${each.kind === "run" ? 10 : 18} y="33" class="lineage-more">${cut([second, each.state, each.hidden ? `${each.hidden} more` : ""].filter(Boolean).join(" · "), 28)}</text>
          </a>`;
        })}
      </svg>
    </div>
  </div>`;
}

/** @param {Node} node */
function labelOf(node) {
  return node.kind === "run" ? node.name : `${node.name}:v${node.version}`;
}

/** @param {string} text @param {number} most */
function cut(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** @param {{height: number}} whole */
function boxHeight(whole) {
  return Math.min(Math.max(whole.height, 140), 640);
}

/** @typedef {{x: number, y: number, width: number, height: number}} View */

/** All of it, or, where that is too small to be read, what is around the start.
 * @param {View} all @param {{width: number}} shape @param {{x: number, y: number} | undefined} start */
function readable(all, shape, start) {
  const width = shape.width / SMALLEST;
  if (!start || !shape.width || all.width <= width) return all;
  const height = all.height * (width / all.width);
  const [x, y] = [start.x + WIDTH / 2 - width / 2, start.y + HEIGHT / 2 - height / 2];
  return { x, y, width, height };
}

/** All of it, at most at its own size. @param {{x: number, y: number, width: number, height: number}} whole @param {{width: number, height: number}} shape */
function fitted(whole, shape) {
  const width = Math.max(whole.width, shape.width);
  const height = Math.max(whole.height, boxHeight(whole));
  return {
    x: whole.x - (width - whole.width) / 2,
    y: whole.y - (height - whole.height) / 2,
    width,
    height,
  };
}

/** @param {{x: number, y: number} | undefined} a @param {{x: number, y: number} | undefined} b */
function curve(a, b) {
  if (!a || !b) return "";
  if (b.x <= a.x) {
    // Back: a run used what it had made. Below both.
    const [from, to] = [a.x + WIDTH / 2, b.x + WIDTH / 2];
    const low = Math.max(a.y, b.y) + HEIGHT + 26;
    return `M${from} ${a.y + HEIGHT}C${from} ${low} ${to} ${low} ${to} ${b.y + HEIGHT}`;
  }
  const [x1, y1, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2];
  const bend = Math.max(Math.abs(x2 - x1) / 2, 30);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}
