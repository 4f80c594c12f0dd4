/**
 * A line chart on a canvas: axes by uPlot, curves by curves.js (each has x of its own, which uPlot
 * would have to join), and above them a second canvas for what follows the pointer. It draws only
 * while it is in sight. Neighbours: line_chart.js (the component), pointing.js (finds what the
 * pointer is at), ranges.js, ticks.js, cursors.js.
 */
import uPlot from "uplot";
import { follow, point } from "./cursors.js";
import { axis, dot, drawCurve, drawCurves, pixel, valueAt } from "./curves.js";
import { axesOf, FONT, paintAxes } from "./line_axes.js";
import { pointAt } from "./pointing.js";
import { xRange, yRange } from "./ranges.js";
import { offerVector } from "./vectors.js";

/**
 * @typedef {import("./curves.js").Curve} Curve
 * @typedef {import("./ranges.js").Range} Range
 * @typedef {import("./pointing.js").Reading} Reading
 * @typedef {{x?: number, y?: number, label: string, color?: string}} Mark a line across the chart
 * @typedef {object} Plotted what is drawn
 * @property {Curve[]} series
 * @property {string} xLabel
 * @property {string} yLabel
 * @property {"linear" | "log" | "time" | "duration"} xScale time: seconds since the epoch
 * @property {"linear" | "log"} yScale
 * @property {Range | null} xRange null: all
 * @property {Range | null} yRange null: what there is
 * @property {boolean} outliers leave out of the range what is beyond the 5th and 95th percentile
 * @property {string} group of the synced cursor
 * @property {Mark[]} marks
 * @property {string | null} highlight
 * @property {import("./canvas.js").Theme} colors
 * @typedef {object} Told
 * @property {(reading: Reading | null) => void} onRead the pointer is elsewhere
 * @property {(range: Range | null) => void} onZoom
 * @property {(id: string) => void} onPick
 */

const DOUBLE_MS = 280; // a click may be the first of two
const CLICK = 4; // CSS pixels: a drag that is shorter is a click

export class LinePlot {
  /** @param {HTMLElement} element @param {Told} told */
  constructor(element, told) {
    this.element = element;
    this.told = told;
    /** @type {Plotted | null} */
    this.plotted = null;
    /** @type {uPlot | null} */
    this.plot = null;
    this.built = "";
    /** @type {Range | null} */
    this.zoomY = null;
    /** @type {{x: Range, y: Range}} */
    this.ranges = { x: [0, 1], y: [0, 1] };
    /** @type {{x: number | null, id: string | null, py: number | null}} */
    this.cursor = { x: null, id: null, py: null };
    /** @type {{x: number, y: number, tall: boolean, toX: number, toY: number} | null} */
    this.drag = null;
    this.overlay = document.createElement("canvas");
    this.overlay.className = "line-overlay";
    this.picking = 0;
    this.bare = true; // nothing is drawn above the curves
    this.dirty = false;
    const { top, bottom } = element.getBoundingClientRect();
    this.near = bottom > -300 && top < innerHeight + 300;
    const seen = new IntersectionObserver(
      ([entry]) => {
        this.near = entry.isIntersecting;
        if (this.near && this.dirty) this.draw();
      },
      { rootMargin: "300px" },
    );
    const sized = new ResizeObserver(() => this.resize());
    seen.observe(element);
    sized.observe(element);
    this.unfollow = () => {};
    this.group = "";
    this.ends = [() => seen.disconnect(), () => sized.disconnect(), () => this.unfollow()];
    const printed = () => {
      this.near = true; // paper shows what is out of sight, too
      if (this.dirty) this.draw();
    };
    addEventListener("beforeprint", printed);
    this.ends.push(() => removeEventListener("beforeprint", printed));
    offerVector(element, () => ({
      width: element.clientWidth,
      height: element.clientHeight,
      paint: (pen) => this.paintVector(pen),
    }));
  }

  destroy() {
    for (const end of this.ends) end();
    clearTimeout(this.picking);
    this.plot?.destroy();
    this.plot = null;
  }

  /** @param {Plotted} plotted */
  set(plotted) {
    if (plotted.group !== this.group) {
      this.unfollow();
      this.group = plotted.group;
      this.unfollow = follow(plotted.group, this.follow);
    }
    this.plotted = plotted;
    this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!this.plot || !width || !height) return this.draw();
    if (width !== this.plot.width || height !== this.plot.height) {
      this.plot.setSize({ width, height });
      this.paintOverlay();
    }
  }

  draw() {
    const { plotted, element } = this;
    const hidden = !this.near || !element.clientWidth || !element.clientHeight;
    if (!plotted || hidden) {
      this.dirty = true;
      return;
    }
    this.dirty = false;
    const x = plotted.xRange ?? xRange(plotted.series, plotted.xScale === "log");
    const how = { log: plotted.yScale === "log", outliers: plotted.outliers };
    this.ranges = {
      x,
      y: this.zoomY ?? plotted.yRange ?? yRange(plotted.series, x, how),
    };
    const { xScale, yScale, xLabel, yLabel, colors } = plotted;
    const form = JSON.stringify([xScale, yScale, xLabel, yLabel, colors]);
    if (form !== this.built) this.build(form);
    else this.plot?.setData(this.corners());
    this.paintOverlay();
  }

  /** @returns {uPlot.AlignedData} what uPlot takes the ranges from */
  corners() {
    return [this.ranges.x, this.ranges.y];
  }

  /** @param {string} form */
  build(form) {
    this.plot?.destroy();
    this.built = form;
    const plotted = /** @type {Plotted} */ (this.plotted);
    const { clientWidth: width, clientHeight: height } = this.element;
    this.plot = new uPlot(
      {
        width,
        height,
        padding: [8, 12, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: {
            time: plotted.xScale === "time",
            distr: plotted.xScale === "log" ? 3 : 1,
            range: () => this.ranges.x,
          },
          y: { distr: plotted.yScale === "log" ? 3 : 1, range: () => this.ranges.y },
        },
        series: [{}, { paths: () => null, points: { show: false } }],
        axes: axesOf(plotted),
        hooks: { draw: [(u) => this.paint(u)] },
      },
      this.corners(),
      this.element,
    );
    this.plot.over.append(this.overlay);
    this.listen(this.plot.over);
  }

  /** @param {number} left @param {number} top @param {number} width @param {number} height
   * @param {number} ratio @returns {import("./curves.js").View} */
  view(left, top, width, height, ratio) {
    const plotted = /** @type {Plotted} */ (this.plotted);
    const { x, y } = this.ranges;
    return {
      x: axis(plotted.xScale === "log", x[0], x[1], left, left + width),
      y: axis(plotted.yScale === "log", y[0], y[1], top + height, top),
      left,
      right: left + width,
      ratio,
    };
  }

  /** @param {uPlot} u */
  paint(u) {
    const { left, top, width, height } = u.bbox;
    this.paintClipped(u.ctx, this.view(left, top, width, height, devicePixelRatio), top, height);
  }

  /** @param {any} pen @param {import("./curves.js").View} view @param {number} top
   * @param {number} height */
  paintClipped(pen, view, top, height) {
    const plotted = /** @type {Plotted} */ (this.plotted);
    pen.save();
    pen.beginPath();
    pen.rect(view.left, top, view.right - view.left, height);
    pen.clip();
    for (const mark of plotted.marks) this.paintMark(pen, mark, view, top, height);
    drawCurves(pen, plotted.series, view);
    pen.restore();
  }

  /** @param {any} pen @param {Mark} mark @param {import("./curves.js").View} view
   * @param {number} top @param {number} height */
  paintMark(pen, mark, view, top, height) {
    const { ratio, left, right } = view;
    const { colors } = /** @type {Plotted} */ (this.plotted);
    pen.strokeStyle = pen.fillStyle = mark.color ?? colors.quiet;
    pen.lineWidth = ratio;
    pen.setLineDash([4 * ratio, 3 * ratio]);
    pen.font = FONT.replace("11", String(10 * ratio));
    pen.textBaseline = "top";
    pen.beginPath();
    if (mark.x !== undefined) {
      const px = pixel(view.x, mark.x);
      pen.moveTo(px, top);
      pen.lineTo(px, top + height);
      pen.textAlign = "left";
      pen.fillText(mark.label, px + 3 * ratio, top + 2 * ratio);
    }
    if (mark.y !== undefined) {
      const py = pixel(view.y, mark.y);
      pen.moveTo(left, py);
      pen.lineTo(right, py);
      pen.textAlign = "right";
      pen.fillText(mark.label, right - 3 * ratio, py + 2 * ratio);
    }
    pen.stroke();
    pen.setLineDash([]);
  }

  // -- above the curves: what follows the pointer --------------------------------------------

  paintOverlay() {
    const { plot, plotted, overlay, cursor } = this;
    if (!plot || !plotted) return;
    const id = cursor.id ?? plotted.highlight;
    const bare = id === null && cursor.x === null && !this.drag;
    if (bare && this.bare) return; // most of the time
    this.bare = bare;
    const { clientWidth: width, clientHeight: height } = plot.over;
    const ratio = devicePixelRatio;
    const pen = /** @type {CanvasRenderingContext2D} */ (overlay.getContext("2d"));
    if (
      overlay.width !== Math.round(width * ratio) ||
      overlay.height !== Math.round(height * ratio)
    ) {
      overlay.width = Math.round(width * ratio);
      overlay.height = Math.round(height * ratio);
    } else pen.clearRect(0, 0, overlay.width, overlay.height);
    const view = this.view(0, 0, width * ratio, height * ratio, ratio);
    const curve = id === null ? undefined : plotted.series.find((each) => each.id === id);
    if (curve) {
      drawCurve(pen, { ...curve, color: plotted.colors.ground }, view, 4.2);
      drawCurve(pen, curve, view, 2.2);
    }
    if (cursor.x !== null) {
      const px = pixel(view.x, cursor.x);
      pen.strokeStyle = plotted.colors.quiet;
      pen.lineWidth = ratio;
      pen.beginPath();
      pen.moveTo(px, 0);
      pen.lineTo(px, height * ratio);
      pen.stroke();
      const reading = curve && pointAt([curve], cursor.x, null, view);
      if (curve && reading?.items.length) {
        const [at] = reading.items;
        pen.fillStyle = curve.color;
        dot(pen, pixel(view.x, at.x), pixel(view.y, at.y), 4 * ratio);
      }
    }
    if (this.drag) {
      const { x, y, toX, toY, tall } = this.drag;
      pen.fillStyle = plotted.colors.accent;
      pen.globalAlpha = 0.18;
      if (tall) pen.fillRect(0, y * ratio, width * ratio, (toY - y) * ratio);
      else pen.fillRect(x * ratio, 0, (toX - x) * ratio, height * ratio);
      pen.globalAlpha = 1;
    }
  }

  /** @type {import("./cursors.js").Listener} */
  follow = ({ x, id }) => {
    this.cursor = { x, id, py: null };
    if (this.near) this.paintOverlay();
  };

  /** The pointer is at a place; null: it left. @param {number | null} x @param {number | null} py */
  read(x, py) {
    const { plot, plotted } = this;
    if (!plot || !plotted) return;
    const view = this.view(0, 0, plot.over.clientWidth, plot.over.clientHeight, 1);
    const reading = x === null ? null : pointAt(plotted.series, x, py, view);
    this.cursor = { x: reading?.x ?? null, id: reading?.nearest ?? null, py };
    this.paintOverlay();
    point(plotted.group, { x: this.cursor.x, id: this.cursor.id }, this.follow);
    this.told.onRead(
      reading && !this.drag ? { ...reading, px: pixel(view.x, reading.x), py } : null,
    );
  }

  /** Moves the cursor by keys. @param {number} by parts of the width */
  step(by) {
    const [low, high] = this.ranges.x;
    const scale = axis(this.plotted?.xScale === "log", low, high, 0, 1);
    const at = this.cursor.x === null ? (by > 0 ? 0 : 1) : pixel(scale, this.cursor.x) + by;
    this.read(valueAt(scale, Math.min(Math.max(at, 0), 1)), null);
  }

  /** @param {HTMLElement} over */
  listen(over) {
    over.style.touchAction = "pan-y";
    let planned = 0;
    let newest = { x: 0, y: 0 };
    const look = () => {
      planned = 0;
      if (this.drag) {
        this.drag.toX = newest.x;
        this.drag.toY = newest.y;
      }
      const { plotted } = this;
      if (!plotted || !this.plot) return;
      const view = this.view(0, 0, over.clientWidth, over.clientHeight, 1);
      this.read(valueAt(view.x, newest.x), newest.y);
    };
    over.addEventListener("pointermove", (event) => {
      newest = { x: event.offsetX, y: event.offsetY };
      planned ||= requestAnimationFrame(look);
    });
    over.addEventListener("pointerleave", () => {
      cancelAnimationFrame(planned);
      planned = 0;
      if (!this.drag) this.read(null, null);
    });
    over.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const { offsetX: x, offsetY: y } = event;
      this.drag = { x, y, tall: event.shiftKey || event.altKey, toX: x, toY: y };
      over.setPointerCapture(event.pointerId);
    });
    over.addEventListener("pointerup", (event) => this.dropped(event.offsetX, event.offsetY));
    over.addEventListener("pointercancel", () => {
      this.drag = null;
      this.paintOverlay();
    });
    over.addEventListener("dblclick", () => {
      clearTimeout(this.picking);
      this.zoomY = null;
      this.told.onZoom(null);
      this.draw();
    });
  }

  /** The end of a drag, or a click. @param {number} toX @param {number} toY */
  dropped(toX, toY) {
    const { drag, plot } = this;
    this.drag = null;
    if (!drag || !plot) return;
    const { clientWidth: width, clientHeight: height } = plot.over;
    const view = this.view(0, 0, width, height, 1);
    const [from, to, whole] = drag.tall ? [drag.y, toY, height] : [drag.x, toX, width];
    if (Math.abs(to - from) < CLICK) {
      const { id } = this.cursor;
      clearTimeout(this.picking);
      if (id !== null) this.picking = setTimeout(() => this.told.onPick(id), DOUBLE_MS);
      return this.paintOverlay();
    }
    const ends = [Math.max(Math.min(from, to), 0), Math.min(Math.max(from, to), whole)];
    if (drag.tall) {
      this.zoomY = [valueAt(view.y, ends[1]), valueAt(view.y, ends[0])];
      return this.draw();
    }
    this.zoomY = null;
    this.told.onZoom([valueAt(view.x, ends[0]), valueAt(view.x, ends[1])]);
    this.paintOverlay();
  }

  // -- as SVG --------------------------------------------------------------------------------

  /** @param {import("./vectors.js").SvgPen} pen */
  paintVector(pen) {
    const { plot, plotted } = this;
    if (!plot || !plotted) return;
    const ratio = devicePixelRatio;
    const [left, top, width, height] = ["left", "top", "width", "height"].map(
      (name) => plot.bbox[/** @type {"left"} */ (name)] / ratio,
    );
    const view = this.view(left, top, width, height, 1);
    paintAxes(pen, plot, plotted, { left, top, width, height }, view);
    this.paintClipped(pen, view, top, height);
  }
}
