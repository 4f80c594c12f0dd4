/**
 * Charts as files: SVG of real lines and letters, and PNG of that.
 * Neighbours: panel.js (asks), vectors.js (the pen), canvas.js (who drew what), csv.js.
 */
import { drawingOf, theme } from "./canvas.js";
import { escaped, SvgPen, vectorOf } from "./vectors.js";

const HEAD = 30; // CSS pixels for the title
const ROW = 16; // for a line of the legend
const PNG_RATIO = 2; // device pixels in one of CSS, at least
const SHAPES = "path, line, rect, circle, polyline, polygon, text, tspan, ellipse, g";
const LOOK =
  "fill stroke stroke-width stroke-dasharray opacity fill-opacity stroke-opacity font-size font-family font-weight text-anchor dominant-baseline";

/** @param {HTMLElement} body of a panel @param {string} title @returns {Promise<Blob>} */
export async function pngOf(body, title) {
  const drawn = new Blob([svgText(body, title)], { type: "image/svg+xml" });
  const url = URL.createObjectURL(drawn);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const ratio = Math.max(devicePixelRatio, PNG_RATIO);
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth * ratio;
    canvas.height = image.naturalHeight * ratio;
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is empty"))));
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** @param {HTMLElement} body of a panel @param {string} title @returns {Blob} */
export function svgOf(body, title) {
  return new Blob([svgText(body, title)], { type: "image/svg+xml" });
}

/** @param {HTMLElement} body @param {string} title */
function svgText(body, title) {
  const colors = theme();
  const outer = body.getBoundingClientRect();
  const width = Math.ceil(outer.width);
  const names = [...body.querySelectorAll(".line-legend .line-name")];
  const legend = legendOf(names, width, colors);
  const top = HEAD + legend.height;
  const inside = [...body.querySelectorAll("*")].map((each) => {
    const at = each.getBoundingClientRect();
    if (!at.width || !at.height) return "";
    const markup = markupOf(each);
    const [x, y] = [at.left - outer.left, at.top - outer.top - legend.above(body)];
    return (
      markup && `<g transform="translate(${x.toFixed(1)} ${(top + y).toFixed(1)})">${markup}</g>`
    );
  });
  const height = Math.ceil(outer.height - legend.above(body) + top);
  const font = escaped(colors.font.replace(/^[\d.]+px\s+/, ""));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="${width}" height="${height}" fill="${escaped(colors.ground)}"/>
<text x="12" y="20" fill="${escaped(colors.text)}" font-size="14" font-weight="600" font-family="${font}">${escaped(title)}</text>
${legend.markup}${inside.join("")}</svg>
`;
}

/** What an element shows itself, as SVG; "": nothing. @param {Element} element */
function markupOf(element) {
  const vector = vectorOf(element);
  if (vector) {
    const pen = new SvgPen();
    vector().paint(pen);
    return pen.finished();
  }
  if (element instanceof HTMLCanvasElement) {
    return element.closest(".line-place") ? "" : canvasMarkup(element);
  }
  if (element instanceof SVGSVGElement) return copied(element);
  return "";
}

/** A canvas: drawn anew in lines, or where that cannot be (it shows a picture) as it is.
 * @param {HTMLCanvasElement} canvas */
function canvasMarkup(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  try {
    const pen = new SvgPen();
    drawingOf(canvas)?.(/** @type {any} */ (pen), width, height);
    return pen.finished();
  } catch {
    return `<image href="${canvas.toDataURL()}" width="${width}" height="${height}"/>`;
  }
}

/** An SVG element as it looks here: what our style sheets say is written into it.
 * @param {SVGSVGElement} element */
function copied(element) {
  const copy = /** @type {SVGSVGElement} */ (element.cloneNode(true));
  const { width, height } = element.getBoundingClientRect();
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  const theirs = [...copy.querySelectorAll(SHAPES)];
  for (const [i, each] of [...element.querySelectorAll(SHAPES)].entries()) {
    const style = getComputedStyle(each);
    for (const name of LOOK.split(" ")) theirs[i].setAttribute(name, style.getPropertyValue(name));
    theirs[i].removeAttribute("style");
  }
  return new XMLSerializer().serializeToString(copy);
}

/** @param {Element[]} names @param {number} width @param {import("./canvas.js").Theme} colors */
function legendOf(names, width, colors) {
  const font = escaped(colors.font.replace(/^[\d.]+px\s+/, ""));
  let [x, row, markup] = [12, 0, ""];
  for (const each of names) {
    const text = each.textContent?.trim() ?? "";
    const swatch = each.querySelector(".swatch");
    const color = swatch ? getComputedStyle(swatch).backgroundColor : colors.text;
    const wide = 22 + 6.3 * text.length;
    if (x > 12 && x + wide > width) [x, row] = [12, row + 1];
    const y = HEAD + ROW * row + 9;
    markup += `<rect x="${x}" y="${y - 5}" width="10" height="3" fill="${escaped(color)}"/>`;
    markup += `<text x="${x + 14}" y="${y}" fill="${escaped(colors.text)}" font-size="11" font-family="${font}">${escaped(text)}</text>\n`;
    x += wide;
  }
  return {
    markup,
    height: names.length ? ROW * (row + 1) : 0,
    /** What the legend takes within the panel. @param {HTMLElement} body */
    above: (body) => body.querySelector(".line-legend")?.getBoundingClientRect().height ?? 0,
  };
}

/** @param {string} name @param {Blob} content */
export function save(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
