/**
 * Which parameters matter, and in which direction: functional ANOVA and rank correlation, as the
 * server works them out (sweeps/analysis), each with how sure it is.
 */
import { get } from "../../api.js";
import { Bars } from "../../charts/bars.js";
import { Panel } from "../../charts/panel.js";
import { Empty, Failure, Loading } from "../../components/states.js";
import { value } from "../../format.js";
import { useChanges, useFetch } from "../../hooks.js";
import { html, useEffect } from "../../html.js";
import { tooFew, valuesOf } from "../results.js";

/**
 * @typedef {import("../view.js").View} View
 * @typedef {{ordered: boolean, at: any[], mean: number[], low: number[], high: number[]}} Marginal
 * @typedef {{names: string[], share: number, low: number, high: number}} Pair
 * @typedef {{trials: number, of: string, stale: boolean, needs: number, problem: string | null,
 *   explained: number | null, pairs: Pair[],
 *   parameters: {name: string, share: number, low: number, high: number, noise: number, marginal: Marginal}[],
 *   correlations: {name: string, has_value: boolean, value: any, rho: number, low: number, high: number, trials: number}[]}} Analysis
 */

const OVER = ["finished", "canceled", "failed"];
const PAUSE_MS = 10_000;
/** Of so few trials that each changes what is said. */
const PAUSE_OF_FEW_MS = 2000;

/**
 * @param {string} sweep its id @param {string} of "value" or "rank"
 * @param {number} known trials with a value that the page knows: an answer of fewer is behind
 */
export function useAnalysis(sweep, of, known) {
  const fetched = useFetch(
    (signal) =>
      /** @type {Promise<Analysis>} */ (
        get(`/api/sweeps/${encodeURIComponent(sweep)}/importance`, { of }, { signal })
      ),
    [sweep, of],
  );
  const few = (fetched.data?.needs ?? 0) > 0;
  const pause = few ? PAUSE_OF_FEW_MS : PAUSE_MS;
  useChanges([`sweep/${sweep}`], fetched.reload, pause);
  const behind = few && known > (fetched.data?.trials ?? 0);
  const again = fetched.data?.stale || behind;
  useEffect(() => {
    if (!again) return;
    const timer = setTimeout(fetched.reload, pause);
    return () => clearTimeout(timer);
  }, [fetched.data, fetched.error, again]);
  return fetched;
}

/** @typedef {import("../../hooks.js").Fetched<Analysis>} Fetched */

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** @param {{view: View, analysis: Fetched, onSlice: (name: string) => void}} props */
export function ImportanceChart({ view, analysis, onSlice }) {
  const { data } = analysis;
  const of = view.settings.of === "rank" ? "rank" : "value";
  const tools = html`<select aria-label="Importance for" value=${of}
    onChange=${(/** @type {any} */ e) => view.set({ of: e.target.value })}>
    <option value="value">for the value</option><option value="rank">for the rank</option></select>`;
  const items = (data?.parameters ?? []).map((each) => ({
    label: each.name,
    value: each.share,
    low: each.low,
    high: each.high,
    color: each.low > each.noise ? undefined : "var(--quiet)",
    title: `Shuffled objectives show up to ${percent(each.noise)}`,
  }));
  const pairs = (data?.pairs ?? []).filter((pair) => pair.share >= 0.02).slice(0, 3);
  const rows = () => [
    ["parameters", "share", "low", "high", "by chance"],
    ...(data?.parameters ?? []).map((p) => [p.name, p.share, p.low, p.high, p.noise]),
    ...(data?.pairs ?? []).map((p) => [p.names.join(" × "), p.share, p.low, p.high, null]),
  ];
  return html`<${Panel} title="Importance" tools=${tools} csv=${rows}>
    <${Answer} view=${view} analysis=${analysis}>
      ${
        items.length > 0 &&
        html`<${Bars} label="Share of the variance of the objective" items=${items} from=${0} to=${1} format=${percent} onPick=${onSlice} />
        ${
          pairs.length > 0 &&
          html`<p class="chart-foot">Together, beyond each alone: ${pairs.map((pair) => `${pair.names.join(" × ")} ${percent(pair.share)}`).join(", ")}</p>`
        }
        <p class="chart-foot quiet">${sureness(data)}</p>`
      }
    <//>
  <//>`;
}

/** @param {Analysis | undefined} data */
function sureness(data) {
  if (!data) return "";
  const explained = data.explained ?? 0;
  const sure =
    explained >= 0.7
      ? "a good model"
      : explained >= 0.35
        ? "a fair model"
        : "a poor model: take it as a hint";
  return `Of ${data.trials.toLocaleString("en-US")} trials. The forest explains ${percent(Math.max(explained, 0))} of the variance of trials that it has not seen (${sure}). Marks: the middle 90 % of resamples; grey: not more than chance shows.`;
}

/** @param {{view: View, analysis: Fetched}} props */
export function CorrelationChart({ view, analysis }) {
  const { data } = analysis;
  const items = (data?.correlations ?? []).slice(0, 14).map((each) => ({
    label: each.has_value ? `${each.name} = ${value(each.value)}` : each.name,
    value: each.rho,
    low: each.low,
    high: each.high,
    color: each.low > 0 ? "#0072b2" : each.high < 0 ? "#d55e00" : "var(--quiet)",
    title: `${each.trials} trials`,
  }));
  const rows = () => [
    ["parameter", "value", "rank correlation", "low", "high", "trials"],
    ...(data?.correlations ?? []).map((c) => [
      c.name,
      c.has_value ? value(c.value) : "",
      c.rho,
      c.low,
      c.high,
      c.trials,
    ]),
  ];
  const fixed = (/** @type {number} */ rho) => (rho > 0 ? "+" : "") + rho.toFixed(2);
  return html`<${Panel} title=${`Correlation with ${view.metric}`} csv=${rows}>
    <${Answer} view=${view} analysis=${analysis} anyway>
      ${
        items.length
          ? html`<${Bars} label=${`Rank correlation with ${view.metric}`} items=${items} from=${-1} to=${1} format=${fixed} />
            <p class="chart-foot quiet">Spearman's; marks: 95 % intervals; grey: may as well be nothing.</p>`
          : html`<${Empty} title="Nothing to correlate yet"><p>It takes five ended trials that differ.</p><//>`
      }
    <//>
  <//>`;
}

/** @param {{view: View, analysis: Fetched, anyway?: boolean, children?: any}} props */
function Answer({ view, analysis, anyway = false, children }) {
  const { data, error } = analysis;
  if (error && !data) return html`<${Failure} error=${error} retry=${analysis.reload} />`;
  if (!data) return html`<${Loading} what="Working it out" />`;
  if (data.problem) return html`<${Empty} title="No analysis"><p>${data.problem}</p><//>`;
  if (data.needs && !anyway) {
    const { title, why } = tooFew(data, valuesOf(view.trials), OVER.includes(view.sweep.state));
    return title
      ? html`<${Empty} title=${title}><p>${why}</p><//>`
      : html`<${Loading} what="Working it out" />`;
  }
  if (!data.parameters.length && !anyway)
    return html`<${Empty} title="Nothing varies"><p>All trials have the same parameters, or the same objective.</p><//>`;
  return children;
}
