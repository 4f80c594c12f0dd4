/**
 * What every chart of a sweep's page is given, and how trials look in all of them.
 *
 * States differ in shape and in colour (Okabe and Ito's, told apart with any colour vision).
 * Neighbours: charts.js (makes the view), charts/*.js (each draws one of it).
 */
import { useTheme } from "../charts/canvas.js";
import { fitted } from "../charts/scales.js";
import { viridis } from "../colors.js";
import { number, value } from "../format.js";
import { html, useCallback, useRef } from "../html.js";
import { telling } from "./results.js";

/**
 * @typedef {import("./trial_columns.js").Trials} Trials
 * @typedef {import("./selection.js").Chosen} Chosen
 * @typedef {import("./selection.js").Brush} Brush
 * @typedef {object} View
 * @property {any} sweep as the API tells it
 * @property {import("./parameters.js").Space} space
 * @property {Trials} trials
 * @property {import("./parameters.js").Axis[]} axes of the parameters that vary
 * @property {string} metric the objective's name
 * @property {boolean} maximize
 * @property {Chosen} chosen
 * @property {Uint8Array | null} passes which trials all brushes let through; null: all
 * @property {Looks} looks
 * @property {(brushes: Record<string, Brush>) => void} brush by axis; an empty one takes it away
 * @property {(number: number | string, more?: boolean) => void} pick
 * @property {Record<string, any>} settings of this chart, as the address has them
 * @property {(settings: Record<string, any>) => void} set changes some of them
 * @typedef {{colors: string[], shapes: string[]}} Looks one entry a trial
 */

/** @type {Record<string, {shape: string, color: string}>} */
export const STATES = {
  finished: { shape: "dot", color: "#0072b2" },
  stopped: { shape: "ring", color: "#e69f00" },
  failed: { shape: "cross", color: "#d55e00" },
  running: { shape: "triangle", color: "#009e73" },
  canceled: { shape: "square", color: "#8a8f94" },
};
/** Brighter kin on dark ground. */
const ON_DARK = { finished: "#56b4e9", running: "#2fc79a", failed: "#ff7f50", stopped: "#f0b840" };
const OTHER = { shape: "square", color: "#8a8f94" };

/** @param {string} state @param {boolean} dark @returns {{shape: string, color: string}} */
export function lookOf(state, dark) {
  const look = STATES[state] ?? OTHER;
  const bright = /** @type {Record<string, string>} */ (ON_DARK)[state];
  return dark && bright ? { ...look, color: bright } : look;
}

/** @param {Trials} trials @param {boolean} [dark] @returns {Looks} */
export function looksOf(trials, dark = false) {
  const looks = trials.states.map((state) => lookOf(state, dark));
  return { colors: looks.map((look) => look.color), shapes: looks.map((look) => look.shape) };
}

/** The objective, or what a running trial has reached. @param {Trials} trials */
export function newestValues(trials) {
  return trials.objectives.map((objective, i) =>
    Number.isNaN(objective) ? trials.values[i] : objective,
  );
}

/** The scale along which objectives are coloured. @param {ArrayLike<number>} objectives
 * @param {boolean} maximize @param {boolean} [byLog] */
export function colorScale(objectives, maximize, byLog = false) {
  const range = telling(objectives, maximize);
  return fitted(byLog ? "log" : "linear", range ?? [], 0);
}

/**
 * From an objective to a colour, so that the best is what stands out most from the ground: dark on
 * light, bright on dark.
 * @param {import("../charts/scales.js").Scale} scale @param {boolean} maximize @param {boolean} dark
 * @returns {{part: (objective: number) => number, color: (objective: number) => string, flipped: boolean}}
 */
export function shadeOf(scale, maximize, dark) {
  const flipped = maximize !== dark;
  const part = (/** @type {number} */ objective) => {
    const place = Math.min(Math.max(scale.place(objective), 0), 1);
    return flipped ? 1 - place : place;
  };
  return {
    part,
    flipped,
    color: (objective) => (Number.isNaN(part(objective)) ? OTHER.color : viridis(part(objective))),
  };
}

/** A sentence for who does not see the chart. @param {View} view @param {number} best its index */
export function summaryOf({ trials, metric }, best) {
  const count = `${trials.count.toLocaleString("en-US")} ${trials.count === 1 ? "trial" : "trials"}`;
  if (best < 0) return `${count}, none with a value of ${metric} yet`;
  return `Best ${metric} ${number(trials.objectives[best])} at trial ${trials.numbers[best]}; ${count}`;
}

/**
 * What a tip says of trial i, as a function that stays the same while trials come and go.
 * @param {View} view @param {readonly string[]} [first] axes that come first
 * @returns {(i: number) => any}
 */
export function useFacts(view, first) {
  const latest = useRef({ view, first });
  latest.current = { view, first };
  return useCallback((i) => factsOf(latest.current.view, i, latest.current.first), []);
}

const MOST_FACTS = 9;

/**
 * What a tip says of a trial.
 * @param {View} view @param {number} i @param {readonly string[]} [first] axes that come first
 */
function factsOf({ trials, metric, axes }, i, first = []) {
  const names = [...new Set([...first, ...axes.map((axis) => axis.name)])].filter(
    (name) => name in trials.params,
  );
  const objective = Number.isNaN(trials.objectives[i]) ? trials.values[i] : trials.objectives[i];
  const why = trials.details[i] || (trials.reasons[i] === "ok" ? "" : trials.reasons[i]);
  return html`<strong>Trial ${trials.numbers[i]}</strong> · ${trials.states[i]}
    <dl class="trial-facts">
      ${!Number.isNaN(objective) && html`<dt>${metric}</dt><dd>${number(objective)}</dd>`}
      ${names
        .slice(0, MOST_FACTS)
        .map((name) => html`<dt>${name}</dt><dd>${value(trials.params[name][i])}</dd>`)}
    </dl>
    ${why && html`<p class="trial-why">${why}</p>`}`;
}

/** The states that there are, each with its mark. @param {{trials: Trials}} props */
export function StateLegend({ trials }) {
  const there = Object.keys(STATES).filter((state) => trials.states.includes(state));
  return html`<ul class="state-legend" aria-label="Marks">
    ${there.map((state) => html`<li key=${state}><${Mark} state=${state} /> ${state}</li>`)}
  </ul>`;
}

/** The mark of a state. @param {{state: string}} props */
export function Mark({ state }) {
  const { shape, color } = lookOf(state, useTheme().dark);
  const line = { fill: "none", stroke: color, "stroke-width": 1.8 };
  return html`<svg class="state-mark" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
    ${
      shape === "dot"
        ? html`<circle cx="6" cy="6" r="4" fill=${color} />`
        : shape === "ring"
          ? html`<circle cx="6" cy="6" r="3.6" ...${line} />`
          : shape === "cross"
            ? html`<path d="M2 2 L10 10 M10 2 L2 10" ...${line} />`
            : shape === "triangle"
              ? html`<path d="M6 1.5 L11 10 L1 10 Z" fill=${color} />`
              : html`<rect x="2.5" y="2.5" width="7" height="7" ...${line} />`
    }
  </svg>`;
}
