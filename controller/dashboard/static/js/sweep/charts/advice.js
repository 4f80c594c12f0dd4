/**
 * What now? The configuration that is probably the best, where to look next, and whether more trials
 * pay, as the server works it out (sweeps/analysis/advice.py). It is asked when the panel comes into
 * view. Neighbour: advice_words.js.
 */
import { get } from "../../api.js";
import { Panel } from "../../charts/panel.js";
import { Copy } from "../../components/code.js";
import { Empty, Failure, Loading } from "../../components/states.js";
import { flat, value } from "../../format.js";
import { useChanges, useFetch } from "../../hooks.js";
import { html, useEffect, useRef, useState } from "../../html.js";
import {
  endsOf,
  gainOf,
  luckOf,
  noiseOf,
  percent,
  placeOf,
  rough,
  verdictOf,
} from "../advice_words.js";
import { tooFew, valuesOf } from "../results.js";

/**
 * @typedef {import("../view.js").View} View
 * @typedef {import("../advice_words.js").Advice} Advice
 */

const OVER = ["finished", "canceled", "failed"];
const PAUSE_MS = 10_000;
const SHOWN = 5;
const AHEAD = [5, 10, 20, 50];

/** @param {{view: View}} props */
export function AdvicePanel({ view }) {
  const more = AHEAD.includes(view.settings.more) ? view.settings.more : 10;
  const tools = html`<select aria-label="Trials ahead" value=${more}
    onChange=${(/** @type {any} */ e) => view.set({ more: Number(e.target.value) })}>
    ${AHEAD.map((each) => html`<option value=${each}>${each} more trials</option>`)}</select>`;
  const room = useRef(/** @type {HTMLElement | null} */ (null));
  const seen = useSeen(room);
  return html`<${Panel} title="What now?" tools=${tools}>
    <div class="advice" ref=${room}>
      ${seen ? html`<${Asked} view=${view} more=${more} />` : html`<p class="quiet">It is worked out as it comes into view.</p>`}
    </div>
  <//>`;
}

/** Whether it has been in view. @param {{current: HTMLElement | null}} room */
function useSeen(room) {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (seen || !room.current) return;
    const watch = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
    });
    watch.observe(room.current);
    return () => watch.disconnect();
  }, [seen]);
  return seen;
}

/** @param {{view: View, more: number}} props */
function Asked({ view, more }) {
  const { sweep, trials } = view;
  const { data, error, reload } = useFetch(
    (signal) =>
      /** @type {Promise<Advice>} */ (
        get(`/api/sweeps/${encodeURIComponent(sweep.id)}/advice`, { trials: more }, { signal })
      ),
    [sweep.id, more],
  );
  useChanges([`sweep/${sweep.id}`], reload, PAUSE_MS);
  const known = valuesOf(trials);
  const behind = (data?.needs ?? 0) > 0 && known > (data?.trials ?? 0);
  const again = data?.stale || behind;
  useEffect(() => {
    if (!again) return;
    const timer = setTimeout(reload, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [data, error, again]);
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} what="Working it out" />`;
  if (data.problem) return html`<${Empty} title="No advice"><p>${data.problem}</p><//>`;
  if (data.needs) {
    const { title, why } = tooFew(data, known, OVER.includes(sweep.state));
    return title
      ? html`<${Empty} title=${title}><p>${why}</p><//>`
      : html`<${Loading} what="Working it out" />`;
  }
  return html`<${Best} view=${view} advice=${data} />
    <${Region} advice=${data} />
    <${Gain} view=${view} advice=${data} />`;
}

/** @param {{view: View, advice: Advice}} props */
function Best({ view, advice }) {
  const [first] = advice.best;
  const luck = luckOf(advice);
  return html`<section aria-label="Believed best">
    <h4>Believed best</h4>
    <p class="advice-value">${rough(first.value)}
      ${" "}<span class="quiet">95 %: ${rough(first.low)} to ${rough(first.high)}</span></p>
    <p class="sweep-config">${Object.entries(flat(first.config)).map(
      ([name, each]) =>
        html`<span key=${name}><span class="quiet">${name}</span> ${value(each)}</span>`,
    )}</p>
    <table class="advice-table">
      <thead><tr><th scope="col">trial</th><th scope="col">${view.metric}</th><th scope="col">probably</th><th scope="col">best</th></tr></thead>
      <tbody>${advice.best.slice(0, SHOWN).map(
        (each) => html`<tr key=${each.number}>
          <td><button type="button" class="quiet-button" title=${each.numbers.join(", ")}
            onClick=${() => view.pick(each.number)}>${each.number}${each.numbers.length > 1 ? ` (+${each.numbers.length - 1})` : ""}</button></td>
          <td>${rough(each.seen)}</td>
          <td title=${`68 %: ${rough(each.inner_low)} to ${rough(each.inner_high)}`}>${rough(each.value)}</td>
          <td>${percent(each.chance)}</td></tr>`,
      )}</tbody>
    </table>
    ${luck && html`<p><strong>${luck}</strong></p>`}
    <p class="quiet">${noiseOf(advice)}</p>
  </section>`;
}

/** @param {{advice: Advice}} props */
function Region({ advice: { region } }) {
  if (!region) return null;
  const parts = region.parameters.map((part) => ({ name: part.name, place: placeOf(part) }));
  const known = parts.filter((part) => part.place !== null);
  return html`<section aria-label="Where to look next">
    <h4>Where to look next</h4>
    ${
      known.length
        ? html`<dl class="advice-region">${known.map(
            ({ name, place }) => html`<div key=${name}><dt>${name}</dt><dd>${place}</dd></div>`,
          )}</dl>`
        : html`<p>It is not known well enough to narrow any range.</p>`
    }
    ${endsOf(region.parameters).map((each) => html`<p key=${each}><strong>${each}</strong></p>`)}
    ${
      region.yaml &&
      html`<p class="quiet">Each holds the best with 80 %. As YAML:
        ${" "}<${Copy} text=${region.yaml} label="Copy the region as YAML for a sweep file" /></p>`
    }
  </section>`;
}

/** @param {{view: View, advice: Advice}} props */
function Gain({ view, advice: { gain } }) {
  if (!gain) return null;
  return html`<section aria-label="Stop now or go on">
    <h4>Stop now or go on?</h4>
    <p class="advice-value">${verdictOf(gain)}</p>
    ${gainOf(gain, view.metric).map((each) => html`<p key=${each}>${each}</p>`)}
  </section>`;
}
