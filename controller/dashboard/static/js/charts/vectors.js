/**
 * A pen like a canvas's that writes SVG, and the register of who can draw with it: so that what is
 * drawn on a canvas can be saved as real lines and letters. Texts are escaped.
 * Neighbours: line_plot.js (draws with it), pictures.js (saves).
 */

/**
 * @typedef {{width: number, height: number, paint: (pen: SvgPen) => void}} Drawing in CSS pixels
 * @type {WeakMap<Element, () => Drawing>}
 */
const drawings = new WeakMap();

/** @param {Element} element that shows it @param {() => Drawing} make */
export function offerVector(element, make) {
  drawings.set(element, make);
}

/** @param {Element} element @returns {(() => Drawing) | undefined} */
export function vectorOf(element) {
  return drawings.get(element);
}

/**
 * The part of a canvas's context that our charts use, but for pictures; `finished()` has what was
 * drawn.
 */
export class SvgPen {
  constructor() {
    this.whole = true; // see curves.js
    this.lineWidth = 1;
    this.strokeStyle = "#000";
    this.fillStyle = "#000";
    this.globalAlpha = 1;
    this.lineJoin = "miter";
    this.lineCap = "butt";
    this.font = "11px sans-serif";
    this.textAlign = "left";
    this.textBaseline = "alphabetic";
    this.dash = "";
    this.markup = "";
    this.path = "";
    this.groups = 0;
    /** @type {Record<string, any>[]} */
    this.saved = [];
    this.name = `clip${count++}-`;
    this.clips = 0;
  }

  save() {
    const { lineWidth, strokeStyle, fillStyle, globalAlpha, font, textAlign, textBaseline } = this;
    const { dash, groups } = this;
    const text = { font, textAlign, textBaseline };
    this.saved.push({ lineWidth, strokeStyle, fillStyle, globalAlpha, dash, groups, ...text });
  }

  restore() {
    const before = this.saved.pop();
    if (!before) return;
    this.markup += "</g>".repeat(this.groups - before.groups);
    Object.assign(this, before);
  }

  /** @returns {string} */
  finished() {
    return `${this.markup}${"</g>".repeat(this.groups)}`;
  }

  /** @param {string} attribute of all that follows until `restore` */
  group(attribute) {
    this.markup += `<g ${attribute}>\n`;
    this.groups++;
  }

  /** @param {number} x @param {number} y */
  translate(x, y) {
    this.group(`transform="translate(${short(x)} ${short(y)})"`);
  }

  /** @param {number} angle */
  rotate(angle) {
    this.group(`transform="rotate(${short((180 * angle) / Math.PI)})"`);
  }

  clip() {
    const id = this.name + this.clips++;
    this.markup += `<clipPath id="${id}"><path d="${this.path}"/></clipPath>`;
    this.group(`clip-path="url(#${id})"`);
  }

  beginPath() {
    this.path = "";
  }

  /** @param {number} x @param {number} y */
  moveTo(x, y) {
    this.path += `M${short(x)} ${short(y)}`;
  }

  /** @param {number} x @param {number} y */
  lineTo(x, y) {
    this.path += `${this.path ? "L" : "M"}${short(x)} ${short(y)}`;
  }

  /** @param {number} ax @param {number} ay @param {number} bx @param {number} by
   * @param {number} x @param {number} y */
  bezierCurveTo(ax, ay, bx, by, x, y) {
    this.path += `C${[ax, ay, bx, by, x, y].map(short).join(" ")}`;
  }

  closePath() {
    if (this.path) this.path += "Z";
  }

  /** A whole circle. @param {number} x @param {number} y @param {number} r */
  arc(x, y, r) {
    const half = `a${short(r)} ${short(r)} 0 1 0 `;
    this.path += `M${short(x - r)} ${short(y)}${half}${short(2 * r)} 0${half}${short(-2 * r)} 0Z`;
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  rect(x, y, width, height) {
    this.path += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`;
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  fillRect(x, y, width, height) {
    this.beginPath();
    this.rect(x, y, width, height);
    this.fill();
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  strokeRect(x, y, width, height) {
    this.beginPath();
    this.rect(x, y, width, height);
    this.stroke();
  }

  /** @param {number[]} dash */
  setLineDash(dash) {
    this.dash = dash.join(" ");
  }

  stroke() {
    if (!this.path) return;
    const dash = this.dash ? ` stroke-dasharray="${this.dash}"` : "";
    const width = ` stroke-width="${short(this.lineWidth)}"`;
    this.markup += `<path d="${this.path}" fill="none" stroke="${escaped(this.strokeStyle)}"${width}${dash}${this.alpha("stroke")}/>\n`;
  }

  fill() {
    if (!this.path) return;
    this.markup += `<path d="${this.path}" fill="${escaped(this.fillStyle)}"${this.alpha("fill")}/>\n`;
  }

  /** @param {string} text @param {number} x @param {number} y */
  fillText(text, x, y) {
    const anchor = { center: "middle", right: "end" }[this.textAlign] ?? "start";
    const base = { top: "hanging", middle: "central" }[this.textBaseline] ?? "auto";
    const { size, family, weight } = this.letters();
    const font = ` font-size="${size}" font-family="${escaped(family)}" font-weight="${weight}"`;
    this.markup += `<text x="${short(x)}" y="${short(y)}" fill="${escaped(this.fillStyle)}"${font} text-anchor="${anchor}" dominant-baseline="${base}"${this.alpha("fill")}>${escaped(text)}</text>\n`;
  }

  /** About how wide a text is. @param {string} text */
  measureText(text) {
    return { width: 0.56 * this.letters().size * text.length };
  }

  letters() {
    const [, before = "", size = "11", family = ""] =
      /^(.*?)([\d.]+)px\s+(.*)$/.exec(this.font) ?? [];
    return {
      size: Number(size),
      family: family || "sans-serif",
      weight: /bold|\d00/.exec(before)?.[0] ?? "400",
    };
  }

  /** @param {"stroke" | "fill"} what */
  alpha(what) {
    return this.globalAlpha === 1 ? "" : ` ${what}-opacity="${short(this.globalAlpha)}"`;
  }
}

let count = 0;

/** @param {number} value */
function short(value) {
  return String(Math.round(value * 100) / 100);
}

/** @param {string} text @returns {string} for SVG's text and attributes */
export function escaped(text) {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
