/**
 * A picture with the boxes and masks that a script drew over it. What is in `hidden` is left out:
 * "boxes/predictions/2" is a class, by its number. A click shows it large. Neighbours: media_items.js,
 * overlay_switches.js.
 */
import { get } from "../api.js";
import { PALETTE } from "../colors.js";
import { useFetch } from "../hooks.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { Dialog } from "./dialog.js";
import { classLabels, overlaysOf, placeOf } from "./media_items.js";

/**
 * @typedef {import("./media_items.js").MediaItem} MediaItem
 * @typedef {import("./media_items.js").Overlay} Overlay
 * @typedef {(path: string) => string} Url
 */

/** The colour of a class, on every picture the same. @param {number} number */
export function classColor(number) {
  return PALETTE[((number % PALETTE.length) + PALETTE.length) % PALETTE.length];
}

/**
 * @param {{item: MediaItem, url: Url, name: string, config: any, hidden?: Set<string>, label: string,
 *   small?: boolean}} props
 */
export function ImageView({ item, url, name, config, hidden = NONE, label, small = false }) {
  const [large, setLarge] = useState(false);
  const picture = html`<${Picture} item=${item} url=${url} name=${name} config=${config} hidden=${hidden} label=${label} />`;
  return html`<button type="button" class="image-view" aria-label=${`Show ${label} large`} onClick=${() => setLarge(true)}>
      ${picture}
    </button>
    ${
      large &&
      html`<${Dialog} title=${small ? label : `${name} ${item.caption ?? ""}`.trim() || label} onClose=${() => setLarge(false)}>
        <div class="image-large">${picture}</div>
        <div class="actions">
          <a class="button" href=${`${url(String(item.path))}&download=1`} download>Download</a>
          <button type="button" onClick=${() => setLarge(false)}>Close</button>
        </div>
      <//>`
    }`;
}

const NONE = /** @type {Set<string>} */ (new Set());

/** @param {{item: MediaItem, url: Url, name: string, config: any, hidden: Set<string>, label: string}} props */
function Picture({ item, url, name, config, hidden, label }) {
  const [size, setSize] = useState({ width: item.width ?? 0, height: item.height ?? 0 });
  const [failed, setFailed] = useState(false);
  const overlays = overlaysOf(item)
    .filter(({ kind, name }) => !hidden.has(`${kind}/${name}`))
    .sort((a, b) => (a.kind < b.kind ? 1 : a.kind > b.kind ? -1 : 0)); // masks below boxes
  const ready = size.width > 0 && size.height > 0;
  if (failed) return html`<span class="failure">This picture cannot be shown.</span>`;
  return html`<span class="picture">
    <img
      src=${url(String(item.path))}
      alt=${label}
      width=${item.width}
      height=${item.height}
      class=${size.width && size.width < 100 ? "tiny" : ""}
      loading="lazy"
      decoding="async"
      onError=${() => setFailed(true)}
      onLoad=${(/** @type {any} */ { target }) => setSize({ width: target.naturalWidth, height: target.naturalHeight })}
    />
    ${ready && overlays.map((overlay) => html`<${overlay.kind === "masks" ? Mask : Boxes} key=${`${overlay.kind}/${overlay.name}`} overlay=${overlay} url=${url} size=${size} hidden=${hidden} labels=${classLabels(config, name, overlay)} />`)}
  </span>`;
}

/**
 * @typedef {{overlay: Overlay, url: Url, size: {width: number, height: number}, hidden: Set<string>,
 *   labels: Record<string, string>}} OverlayProps
 */

/** @param {OverlayProps} props */
function Boxes({ overlay, url, size, hidden, labels }) {
  const { data } = useFetch(
    async (signal) => {
      if (overlay.data || !overlay.path) return overlay.data;
      return get(url(overlay.path), {}, { signal });
    },
    [overlay.path],
  );
  const boxes = /** @type {any[]} */ (data?.box_data ?? []);
  const names = { ...labels, ...data?.class_labels };
  const unit = Math.max(size.width, size.height) / 180;
  return html`<svg class="picture-boxes" viewBox=${`0 0 ${size.width} ${size.height}`} aria-hidden="true">
    ${boxes.map((box, i) => {
      const place = placeOf(box, size.width, size.height);
      if (!place || hidden.has(`boxes/${overlay.name}/${box.class_id ?? ""}`)) return null;
      const color = classColor(box.class_id ?? 0);
      const scores = Object.entries(box.scores ?? {}).map(([k, v]) => `${k} ${v}`);
      const text = [box.box_caption ?? names[box.class_id] ?? box.class_id, ...scores].join(" ");
      return html`<g key=${i}>
        <title>${text}</title>
        <rect ...${place} fill="none" stroke=${color} stroke-width=${1.5 * unit} />
        ${size.width > 40 && html`<text x=${place.x} y=${Math.max(place.y - 2 * unit, 9 * unit)} font-size=${9 * unit} fill=${color}>${text}</text>`}
      </g>`;
    })}
  </svg>`;
}

/** @param {OverlayProps} props */
function Mask({ overlay, url, size, hidden }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const out = [...hidden].filter((each) => each.startsWith(`masks/${overlay.name}/`)).join();
  useEffect(() => {
    if (!overlay.path) return;
    let current = true;
    const image = new Image();
    image.onload = () => {
      const context = canvas.current?.getContext("2d", { willReadFrequently: true });
      if (!current || !context || !canvas.current) return;
      canvas.current.width = image.naturalWidth;
      canvas.current.height = image.naturalHeight;
      context.drawImage(image, 0, 0);
      const pixels = context.getImageData(0, 0, image.naturalWidth, image.naturalHeight);
      paint(
        pixels.data,
        (number) => number !== 0 && !hidden.has(`masks/${overlay.name}/${number}`),
      );
      context.putImageData(pixels, 0, 0);
    };
    image.src = url(overlay.path);
    return () => {
      current = false;
    };
  }, [overlay.path, out]);
  return html`<canvas class="picture-mask" ref=${canvas} aria-hidden="true" width=${size.width} height=${size.height}></canvas>`;
}

/** Class numbers (the red of each pixel) become colours. @param {Uint8ClampedArray} data @param {(number: number) => boolean} shown */
function paint(data, shown) {
  /** @type {Map<number, number[]>} */
  const known = new Map();
  for (let i = 0; i < data.length; i += 4) {
    const number = data[i];
    let color = known.get(number);
    if (!color) {
      const text = classColor(number);
      color = shown(number)
        ? [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16))
        : [];
      known.set(number, color);
    }
    data[i + 3] = color.length ? 130 : 0;
    if (color.length) [data[i], data[i + 1], data[i + 2]] = color;
  }
}
