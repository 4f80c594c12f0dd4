/**
 * Drawing surfaces: the size of a chart, the colours of the theme, and canvases that are drawn only
 * when something changed and while they can be seen.
 *
 * A chart is a stack of layers. Each is a function that draws with a 2D context in CSS pixels; the
 * same function draws again for an export (`drawingOf`). Neighbours: axes.js, and every chart here.
 */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../html.js";

/**
 * @typedef {CanvasRenderingContext2D} Context
 * @typedef {(context: Context, width: number, height: number) => void} Draw
 * @typedef {{width: number, height: number}} Size
 */

/** @type {WeakMap<HTMLCanvasElement, Draw>} */
const drawings = new WeakMap();

/** What a canvas of ours shows, to be drawn on another surface. @param {HTMLCanvasElement} canvas */
export function drawingOf(canvas) {
  return drawings.get(canvas);
}

/**
 * The size of an element, in CSS pixels; 0 x 0 before it is there.
 * @param {{current: Element | null}} ref @returns {Size}
 */
export function useSize(ref) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const look = () => {
      const { width, height } = element.getBoundingClientRect();
      const [w, h] = [Math.round(width), Math.round(height)];
      setSize((old) => (old.width === w && old.height === h ? old : { width: w, height: h }));
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}

/**
 * @typedef {{ground: string, raised: string, line: string, text: string, quiet: string,
 *   accent: string, good: string, warn: string, bad: string, font: string, dark: boolean}} Theme
 */

/** @returns {Theme} the colours of the page as they are now */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const color = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  const ground = color("ground");
  return {
    ground,
    raised: color("raised"),
    line: color("line"),
    text: color("text"),
    quiet: color("quiet"),
    accent: color("accent"),
    good: color("good"),
    warn: color("warn"),
    bad: color("bad"),
    font: `12px ${style.fontFamily}`,
    dark: Number.parseInt(ground.slice(1, 3), 16) < 128,
  };
}

/** The same, kept up to date. @returns {Theme} */
export function useTheme() {
  const [colors, setColors] = useState(theme);
  useEffect(() => {
    const look = () => setColors(theme());
    const media = matchMedia("(prefers-color-scheme: dark)");
    media.addEventListener("change", look);
    const observer = new MutationObserver(look);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      media.removeEventListener("change", look);
      observer.disconnect();
    };
  }, []);
  return colors;
}

/**
 * A canvas that is drawn, in the next frame, when `draw` is another function than before or its
 * size is another: keep `draw` by useCallback. Out of sight it waits.
 * @param {{width: number, height: number, draw: Draw, class?: string}} props
 */
export function Layer({ width, height, draw, class: name = "" }) {
  const ref = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const state = useRef({ seen: false, due: false, frame: 0, redraw: () => {} });
  state.current.redraw = () => {
    const canvas = ref.current;
    if (!canvas || !width || !height) return;
    const ratio = devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    const context = canvas.getContext("2d");
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  useEffect(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (ref.current);
    const observer = new IntersectionObserver((entries) => {
      state.current.seen = entries[entries.length - 1].isIntersecting;
      if (state.current.seen && state.current.due) plan(state.current);
    });
    observer.observe(canvas);
    const printed = () => {
      if (state.current.due) state.current.redraw(); // paper shows what is out of sight, too
    };
    addEventListener("beforeprint", printed);
    return () => {
      observer.disconnect();
      removeEventListener("beforeprint", printed);
      cancelAnimationFrame(state.current.frame);
    };
  }, []);
  useLayoutEffect(() => {
    if (ref.current) drawings.set(ref.current, draw);
    state.current.due = true;
    if (state.current.seen) plan(state.current);
  }, [draw, width, height]);
  return html`<canvas ref=${ref} class=${`layer ${name}`} aria-hidden="true"
    style=${{ width: `${width}px`, height: `${height}px` }}></canvas>`;
}

/** @param {{due: boolean, frame: number, redraw: () => void}} state */
function plan(state) {
  if (state.frame) return;
  state.frame = requestAnimationFrame(() => {
    state.frame = 0;
    state.due = false;
    state.redraw();
  });
}
