/**
 * Horizontal bars with an interval each: shares, correlations. Elements, not a canvas: there are few,
 * and a screen reader reads them as a table.
 */
import { html } from "../html.js";
import { short } from "./scales.js";

/**
 * @typedef {{label: string, value: number, low?: number, high?: number, color?: string,
 *   title?: string}} Item low..high: where the value probably lies
 */

/**
 * @param {{label: string, items: readonly Item[], from?: number, to?: number,
 *   format?: (value: number) => string, onPick?: (label: string) => void}} props
 * from, to: the ends of the axis; the usual ones hold 0 and every interval
 */
export function Bars({ label, items, from, to, format = short, onPick }) {
  const ends = items.flatMap((item) => [item.value, item.low ?? 0, item.high ?? 0]);
  const low = from ?? Math.min(0, ...ends);
  const high = to ?? Math.max(1e-9, ...ends);
  const part = (/** @type {number} */ value) =>
    (100 * (Math.min(Math.max(value, low), high) - low)) / (high - low);
  return html`<table class="bars" aria-label=${label}>
    <tbody>
      ${items.map(
        (item) => html`<tr key=${item.label} title=${item.title}>
          <th scope="row">
            ${
              onPick
                ? html`<button type="button" class="plain" onClick=${() => onPick(item.label)}>${item.label}</button>`
                : item.label
            }
          </th>
          <td class="bars-track">
            <div class="bars-place">
              <span class="bars-bar" style=${{
                left: `${part(Math.min(item.value, 0))}%`,
                width: `${part(Math.max(item.value, 0)) - part(Math.min(item.value, 0))}%`,
                background: item.color,
              }}></span>
              ${low < 0 && html`<span class="bars-zero" style=${{ left: `${part(0)}%` }}></span>`}
              ${
                item.low !== undefined &&
                item.high !== undefined &&
                html`<span class="bars-interval" style=${{
                  left: `${part(item.low)}%`,
                  width: `${part(item.high) - part(item.low)}%`,
                }}></span>`
              }
            </div>
          </td>
          <td class="bars-value">
            ${format(item.value)}
            ${
              item.low !== undefined &&
              item.high !== undefined &&
              html` <span class="quiet">${format(item.low)} to ${format(item.high)}</span>`
            }
          </td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}
