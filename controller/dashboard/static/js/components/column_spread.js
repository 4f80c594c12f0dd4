/** How the values of a table's column are spread, among the rows that fit. Neighbour: data_table.js. */
import { get } from "../api.js";
import { number } from "../format.js";
import { useFetch } from "../hooks.js";
import { html } from "../html.js";
import { Failure, Loading } from "./states.js";

/** @param {{column: string, source: import("./data_table.js").Source, query: any, onClose: () => void}} props */
export function ColumnSpread({ column, source, query, onClose }) {
  const { data, error, reload } = useFetch(
    (signal) => get(`${source.api}/table`, { ...query, of: column }, { signal }),
    [column, JSON.stringify(query)],
  );
  return html`<section class="card column-spread" aria-label=${`Values of ${column}`}>
    <header><h3>${column}</h3><button type="button" onClick=${onClose}>Close</button></header>
    ${error ? html`<${Failure} error=${error} retry=${reload} />` : data ? html`<${Spread} data=${data} />` : html`<${Loading} />`}
  </section>`;
}

/** @param {{data: any}} props */
function Spread({ data }) {
  const missing = data.missing ? `, ${number(data.missing)} empty` : "";
  if (data.bins) {
    const most = Math.max(...data.bins.map((/** @type {number[]} */ each) => each[2]), 1);
    const step = 360 / data.bins.length;
    return html`<p class="quiet">${number(data.numbers)} numbers, mean ${number(data.mean)}${missing}</p>
      <figure class="histogram">
        <svg viewBox="0 0 360 90" role="img" aria-label=${`Histogram of ${data.bins.length} bins`}>
          ${data.bins.map(
            (/** @type {number[]} */ [low, high, count], /** @type {number} */ i) =>
              html`<rect key=${i} x=${i * step} y=${90 - (count / most) * 90} width=${Math.max(step - 1, 0.5)} height=${(count / most) * 90}><title>${`${number(low)} to ${number(high)}: ${number(count)}`}</title></rect>`,
          )}
        </svg>
        <figcaption class="histogram-ends"><span>${number(data.bins[0][0])}</span><span>${number(data.bins.at(-1)[1])}</span></figcaption>
      </figure>`;
  }
  const most = Math.max(...data.values.map((/** @type {any[]} */ each) => each[1]), 1);
  return html`<p class="quiet">${number(data.distinct)} different values${missing}</p>
    <ul class="spread-values">
      ${data.values.map(
        (/** @type {[string, number]} */ [word, count]) => html`<li key=${word}>
          <span>${word || "(empty text)"}</span>
          <meter min="0" max=${most} value=${count} aria-label=${`${word}: ${count}`}></meter>
          <span>${number(count)}</span>
        </li>`,
      )}
    </ul>`;
}
