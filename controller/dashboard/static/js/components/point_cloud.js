/** The points of an Object3D, turned by dragging or the arrow keys; and the boxes around some of them. */
import { get } from "../api.js";
import { PALETTE } from "../colors.js";
import { useFetch } from "../hooks.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { sceneOf } from "./media_items.js";
import { Failure, Loading } from "./states.js";

const MOST = 200_000;

/** @param {{address: string, label: string}} props */
export function PointCloud({ address, label }) {
  const { data, error, reload } = useFetch((signal) => get(address, {}, { signal }), [address]);
  const scene = data === undefined ? null : sceneOf(data);
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (data === undefined) return html`<${Loading} />`;
  if (!scene) return html`<p class="quiet">This scene has no points that can be shown.</p>`;
  return html`<${Turning} scene=${scene} label=${label} />`;
}

/** @param {{scene: {points: number[][], boxes: any[]}, label: string}} props */
function Turning({ scene, label }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [turn, setTurn] = useState({ around: 0.6, down: 0.5, zoom: 1 });
  useEffect(() => {
    if (canvas.current) draw(canvas.current, scene, turn);
  }, [scene, turn]);
  /** @param {PointerEvent} event */
  const drag = (event) => {
    if (!(event.buttons & 1)) return;
    const { movementX, movementY } = event;
    setTurn((now) => ({
      ...now,
      around: now.around + movementX / 120,
      down: now.down + movementY / 120,
    }));
  };
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    const ways = /** @type {Record<string, [number, number, number]>} */ ({
      ArrowLeft: [-0.1, 0, 1],
      ArrowRight: [0.1, 0, 1],
      ArrowUp: [0, -0.1, 1],
      ArrowDown: [0, 0.1, 1],
      "+": [0, 0, 1.2],
      "-": [0, 0, 1 / 1.2],
    });
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    setTurn((now) => ({
      around: now.around + way[0],
      down: now.down + way[1],
      zoom: now.zoom * way[2],
    }));
  };
  const count = scene.points.length;
  return html`<div class="point-cloud">
    <canvas
      ref=${canvas}
      width="640"
      height="440"
      tabindex="0"
      role="img"
      aria-label=${`${label}: ${count.toLocaleString("en-US")} points; the arrow keys turn it, + and - come nearer or further`}
      onPointerMove=${drag}
      onPointerDown=${(/** @type {any} */ event) => event.target.setPointerCapture(event.pointerId)}
      onKeyDown=${press}
    ></canvas>
    <p class="quiet">${count.toLocaleString("en-US")} points${count > MOST ? `, every ${Math.ceil(count / MOST)}th drawn` : ""}. Drag to turn.</p>
  </div>`;
}

/** @param {HTMLCanvasElement} canvas @param {{points: number[][], boxes: any[]}} scene @param {{around: number, down: number, zoom: number}} turn */
function draw(canvas, { points, boxes }, turn) {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { width, height } = canvas;
  const [middle, reach] = extent(points);
  const scale = ((0.5 * Math.min(width, height)) / reach) * turn.zoom;
  const [sa, ca, sd, cd] = [
    Math.sin(turn.around),
    Math.cos(turn.around),
    Math.sin(turn.down),
    Math.cos(turn.down),
  ];
  /** @param {number[]} point */
  const place = (point) => {
    const [x, y, z] = [0, 1, 2].map((i) => point[i] - middle[i]);
    const [u, v] = [ca * x + sa * y, ca * y - sa * x];
    return [width / 2 + u * scale, height / 2 - (cd * z + sd * v) * scale];
  };
  context.clearRect(0, 0, width, height);
  const step = Math.ceil(points.length / MOST) || 1;
  for (let i = 0; i < points.length; i += step) {
    const [px, py] = place(points[i]);
    context.fillStyle = colorOf(points[i]);
    context.fillRect(px, py, 2, 2);
  }
  for (const box of boxes) {
    const corners = /** @type {number[][]} */ (box.corners ?? []).map(place);
    if (corners.length !== 8) continue;
    const [r, g, b] = box.color ?? [255, 80, 80];
    context.strokeStyle = `rgb(${r},${g},${b})`;
    context.beginPath();
    for (let i = 0; i < 8; i++)
      for (const bit of [1, 2, 4])
        if (!(i & bit)) {
          context.moveTo(corners[i][0], corners[i][1]);
          context.lineTo(corners[i | bit][0], corners[i | bit][1]);
        }
    context.stroke();
    if (box.label) context.strokeText(String(box.label), corners[0][0], corners[0][1]);
  }
}

/** @param {number[]} point */
function colorOf(point) {
  if (point.length >= 6) return `rgb(${point[3]},${point[4]},${point[5]})`;
  return PALETTE[(point[3] ?? 0) % PALETTE.length];
}

/** The middle of all points, and how far they reach from there. @param {number[][]} points @returns {[number[], number]} */
function extent(points) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (const point of points)
    for (let i = 0; i < 3; i++) {
      low[i] = Math.min(low[i], point[i]);
      high[i] = Math.max(high[i], point[i]);
    }
  const middle = low.map((each, i) => (each + high[i]) / 2);
  const reach = Math.hypot(...high.map((each, i) => (each - low[i]) / 2)) || 1;
  return [
    middle.map((each) => (Number.isFinite(each) ? each : 0)),
    Number.isFinite(reach) ? reach : 1,
  ];
}
