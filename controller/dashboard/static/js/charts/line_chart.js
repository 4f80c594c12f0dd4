/**
 * Curves over a common axis: `<LineChart label series=${[{id, label, color, x, y}]} />`.
 *
 * Dragging zooms along x (with Shift along y), a double click shows all again, a click picks a
 * curve. Arrow keys move the cursor, Enter picks, Escape lets go. Each curve has x of its own.
 * Neighbours: line_plot.js (draws), curves.js (what a curve is), panel.js (a frame around it).
 */
import { number } from "../format.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../html.js";
import { useTheme } from "./canvas.js";
import { LinePlot } from "./line_plot.js";
import { secondsText } from "./ticks.js";

/**
 * @typedef {import("./line_plot.js").Plotted} Plotted
 * @typedef {import("./pointing.js").Reading} Reading
 * @typedef {object} LineChartProps
 * @property {string} label what the chart shows, for those who do not see it
 * @property {import("./curves.js").Curve[]} series
 * @property {string} [xLabel]
 * @property {string} [yLabel]
 * @property {Plotted["xScale"]} [xScale]
 * @property {Plotted["yScale"]} [yScale]
 * @property {[number, number] | null} [xRange] with it, `onZoom` must change it; without: the
 *   chart keeps its zoom itself
 * @property {[number, number] | null} [yRange]
 * @property {(range: [number, number] | null) => void} [onZoom]
 * @property {boolean} [outliers] leave what is beyond the 5th and 95th percentile out of the range
 * @property {string} [group] name of the synced cursor
 * @property {number} [height] in CSS pixels
 * @property {Plotted["marks"]} [marks]
 * @property {(id: string) => void} [onPick]
 * @property {string | null} [highlight]
 * @property {boolean} [legend] names above the chart
 * @property {boolean} [waiting] the curves are on their way: nothing is drawn yet
 */

/** @type {any[]} */
const NONE = [];
const LISTED = 12; // curves in the list at the cursor
const NAMED = 10; // curves in the legend

/** @param {LineChartProps} props */
export function LineChart(props) {
  const { label, series, xLabel = "", yLabel = "", xScale = "linear", yScale = "linear" } = props;
  const {
    group = "",
    height = 240,
    marks = NONE,
    highlight = null,
    outliers = false,
    waiting = false,
  } = props;
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {LinePlot | null} */ (null));
  const current = useRef(props);
  current.current = props;
  const colors = useTheme();
  const [reading, setReading] = useState(/** @type {Reading | null} */ (null));
  const [zoom, setZoom] = useState(/** @type {[number, number] | null} */ (null));
  const range = props.xRange === undefined ? zoom : props.xRange;

  useLayoutEffect(() => {
    const element = /** @type {HTMLElement} */ (place.current);
    const made = new LinePlot(element, {
      onRead: setReading,
      onZoom: (next) => {
        setZoom(next);
        current.current.onZoom?.(next);
      },
      onPick: (id) => current.current.onPick?.(id),
    });
    plot.current = made;
    return () => made.destroy();
  }, []);
  useLayoutEffect(() => {
    if (waiting) return;
    plot.current?.set({
      series,
      xLabel,
      yLabel,
      xScale,
      yScale,
      xRange: range ?? null,
      yRange: props.yRange ?? null,
      outliers,
      group,
      marks,
      highlight,
      colors,
    });
  }, [
    ...[series, xLabel, yLabel, xScale, yScale, range?.[0], range?.[1]],
    ...[props.yRange?.[0], props.yRange?.[1], outliers, group, marks, highlight, colors, waiting],
  ]);

  /** @param {KeyboardEvent} event */
  const press = (event) => {
    const far = event.shiftKey ? 0.1 : 0.01;
    if (event.key === "ArrowLeft") plot.current?.step(-far);
    else if (event.key === "ArrowRight") plot.current?.step(far);
    else if (event.key === "Enter" && reading?.nearest) props.onPick?.(reading.nearest);
    else if (event.key === "Escape" && reading) plot.current?.read(null, null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const says = useMemo(() => described(series, xLabel), [series, xLabel]);
  return html`<div class="line-chart" style=${{ "--chart-height": `${height}px` }}>
    ${props.legend && html`<${Legend} series=${series} onPick=${props.onPick} />`}
    <div class="line-place" ref=${place} tabindex="0" aria-busy=${waiting} role="group" aria-roledescription="line chart"
      aria-label=${`${label}. ${says}`} onKeyDown=${press}
      onBlur=${() => plot.current?.read(null, null)}></div>
    ${reading && html`<${Values} reading=${reading} place=${place} xScale=${xScale} xLabel=${xLabel} />`}
  </div>`;
}

/** @param {{series: LineChartProps["series"], onPick?: (id: string) => void}} props */
function Legend({ series, onPick }) {
  const shown = series.slice(0, NAMED);
  return html`<ul class="line-legend" aria-label="Curves">
    ${shown.map(
      ({ id, label, color }) => html`<li key=${id} title=${label}>
        <button type="button" class="line-name" disabled=${!onPick} onClick=${() => onPick?.(id)}>
          <i class="swatch" style=${{ background: color }} aria-hidden="true"></i>${label}
        </button>
      </li>`,
    )}
    ${series.length > NAMED && html`<li class="quiet">+${series.length - NAMED}</li>`}
  </ul>`;
}

/**
 * What the curves are at the cursor, the highest first.
 * @param {{reading: Reading, place: {current: HTMLElement | null}, xScale: string, xLabel: string}} props
 */
function Values({ reading, place, xScale, xLabel }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const [element, over] = [box.current, place.current?.querySelector(".u-over")];
    if (!element || !over || !place.current) return;
    const outer = /** @type {HTMLElement} */ (place.current.parentElement).getBoundingClientRect();
    const inner = over.getBoundingClientRect();
    const px = inner.left - outer.left + (reading.px ?? 0);
    const right = px + 14 + element.offsetWidth <= outer.width;
    const left = right ? px + 14 : Math.max(px - 14 - element.offsetWidth, 0);
    element.style.transform = `translate(${left}px, ${inner.top - outer.top + 4}px)`;
  });
  // What stands still is read out; what follows a pointer would be read without end.
  const [told, setTold] = useState("");
  const { items, nearest } = reading;
  const place_ = items.findIndex((each) => each.id === nearest);
  const first = Math.max(Math.min(place_ - Math.floor(LISTED / 2), items.length - LISTED), 0);
  const shown = items.slice(first, first + LISTED);
  const at = xText(reading.x, xScale);
  useEffect(() => {
    const timer = setTimeout(() => {
      const best = items[place_];
      setTold(`${xLabel || "x"} ${at}${best ? `: ${best.label} ${number(best.y)}` : ""}`);
    }, 300);
    return () => clearTimeout(timer);
  }, [reading]);
  return html`<div class="line-values" ref=${box}>
    <p><span class="quiet">${xLabel || "x"}</span> ${at}</p>
    <ol aria-hidden="true">
      ${first > 0 && html`<li class="quiet">${first} higher</li>`}
      ${shown.map(
        (each) => html`<li key=${each.id} class=${each.id === nearest ? "nearest" : ""}>
          <i class="swatch" style=${{ background: each.color }}></i>
          <span class="line-label">${each.label}</span>
          <span class="line-value">${number(each.y)}</span>
        </li>`,
      )}
      ${first + LISTED < items.length && html`<li class="quiet">${items.length - first - LISTED} lower</li>`}
    </ol>
    <p class="only-heard" role="status">${told}</p>
  </div>`;
}

/** @param {number} x @param {string} scale */
function xText(x, scale) {
  if (scale === "time") return new Date(1000 * x).toLocaleString();
  if (scale === "duration") return secondsText(x, Math.abs(x) < 10 ? 0.01 : 1);
  return number(Math.abs(x) >= 100 ? Math.round(x) : Number(x.toPrecision(4)));
}

/** The chart in a sentence. @param {LineChartProps["series"]} series @param {string} xLabel */
function described(series, xLabel) {
  const ends = series.flatMap(({ label, x, y }) => {
    let i = y.length - 1;
    while (i >= 0 && !Number.isFinite(y[i])) i--;
    return i < 0 ? [] : [{ label, x: x[i], y: y[i] }];
  });
  if (!ends.length) return "Nothing is drawn.";
  const count = `${series.length} ${series.length === 1 ? "curve" : "curves"} over ${xLabel || "x"}.`;
  const [low, high] = ends.reduce(
    ([a, b], each) => [each.y < a.y ? each : a, each.y > b.y ? each : b],
    [ends[0], ends[0]],
  );
  if (ends.length === 1) return `${count} ${low.label} ends at ${number(low.y)}.`;
  return `${count} At the end ${high.label} is highest with ${number(high.y)}, ${low.label} lowest with ${number(low.y)}.`;
}
