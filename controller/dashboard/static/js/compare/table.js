/**
 * Runs side by side: a column a run, a row a name, in sections. Neighbours: differences.js (what is
 * in the rows), css/compare.css.
 */
import { Menu } from "../components/menu.js";
import { StateBadge } from "../components/states.js";
import { number, value } from "../format.js";
import { html, useState } from "../html.js";
import { Link, path } from "../router.js";
import { delta } from "./differences.js";

/**
 * @typedef {import("./differences.js").Difference} Difference
 * @typedef {{id: string, label: string, rows: Difference[] | undefined, note?: any}} Section
 */

const DRAWN = 200;

/**
 * @param {{runs: import("./data.js").Run[], sections: Section[], base: number, onlyDifferent: boolean,
 *   deltas: boolean, search: string, colorOf: (id: string) => string, folded: string[],
 *   onFold: (id: string) => void, onBase: (i: number) => void, onMove: (from: number, to: number) => void,
 *   onRemove: (i: number) => void}} props
 */
export function CompareTable(props) {
  const { runs, sections, base, colorOf, onBase, onMove, onRemove } = props;
  return html`<div class="compare-scroll" tabindex="0" role="region" aria-label="Runs side by side">
    <table class="compare-table">
      <thead><tr>
        <td></td>
        ${runs.map((run, i) => {
          const last = runs.length - 1;
          return html`<th key=${run.id} scope="col">
            <span class="compare-head">
              <span class="swatch" style=${{ background: colorOf(run.id) }} aria-hidden="true"></span>
              <${Link} href=${path("runs", run.id)} title=${run.name}>${run.name}<//>
              <${Menu} label=${`More for ${run.name}`} items=${[
                { label: "Make it the baseline", act: () => onBase(i), disabled: i === base },
                {
                  label: "Move left",
                  act: () => onMove(i, i - 1),
                  disabled: i === 0,
                  above: "line",
                },
                { label: "Move right", act: () => onMove(i, i + 1), disabled: i === last },
                { label: "Take out", act: () => onRemove(i), above: "line" },
              ]} />
            </span>
            <span class="compare-sub"><${StateBadge} state=${run.state} />${i === base && html`<span class="badge">baseline</span>`}</span>
          </th>`;
        })}
      </tr></thead>
      ${sections.map((section) => html`<${SectionRows} key=${section.id} ...${props} section=${section} />`)}
    </table>
  </div>`;
}

/** @param {any} props those of the table, and `section` */
function SectionRows({ runs, section, base, onlyDifferent, deltas, search, folded, onFold }) {
  const [many, setMany] = useState(DRAWN);
  const open = !folded.includes(section.id);
  /** @type {Difference[]} */
  const all = section.rows ?? [];
  const words = search.toLowerCase();
  const fitting = all.filter(
    (row) => (!onlyDifferent || row.differs) && (!words || row.name.toLowerCase().includes(words)),
  );
  const differing = all.filter((row) => row.differs).length;
  const told = section.rows
    ? `${differing} of ${all.length} ${all.length === 1 ? "differs" : "differ"}`
    : "";
  return html`<tbody>
    <tr class="compare-section"><th colspan=${runs.length + 1} scope="rowgroup">
      <button type="button" class="plain" aria-expanded=${open} onClick=${() => onFold(section.id)}>
        <span aria-hidden="true">${open ? "▾" : "▸"}</span> ${section.label} <small class="quiet">${told}</small></button>
    </th></tr>
    ${open && section.note && html`<tr><td colspan=${runs.length + 1} class="quiet compare-note">${section.note}</td></tr>`}
    ${
      open &&
      fitting.slice(0, many).map(
        (row) => html`<tr key=${row.name} class=${row.differs ? "differs" : ""}>
        <th scope="row" title=${row.name}>${row.name}${
          row.goal &&
          html` <span class="quiet" title=${`${row.goal}: the best is marked`}>${row.goal === "minimize" ? "↓" : "↑"}</span>`
        }</th>
        ${row.values.map(
          (each, i) =>
            html`<td key=${runs[i].id} class=${row.best.has(i) ? "best" : ""}><${Cell} given=${each} best=${row.best.has(i)}
              change=${deltas && i !== base ? delta(each, row.values[base], row.goal) : null} /></td>`,
        )}
      </tr>`,
      )
    }
    ${
      open &&
      fitting.length > many &&
      html`<tr><td colspan=${runs.length + 1}><button type="button" onClick=${() => setMany(many + 5 * DRAWN)}>Show more (${fitting.length - many} are left)</button></td></tr>`
    }
    ${
      open &&
      section.rows &&
      !fitting.length &&
      html`<tr><td colspan=${runs.length + 1} class="quiet compare-note">${
        all.length ? (search ? "No name fits the search." : "All the same.") : "Nothing on record."
      }</td></tr>`
    }
  </tbody>`;
}

/** @param {{given: unknown, best: boolean, change: ReturnType<typeof delta>}} props */
function Cell({ given, best, change }) {
  if (given === undefined) return html`<span class="quiet" aria-label="none">–</span>`;
  const text = value(given);
  return html`<span class="compare-value" title=${text.length > 40 ? text : undefined}>${text}</span>${
    best && html` <span class="compare-best" title="The best" aria-label="the best">★</span>`
  }${change && html` <${Change} change=${change} />`}`;
}

/** @param {{change: NonNullable<ReturnType<typeof delta>>}} props */
function Change({ change: { by, part, better } }) {
  const sign = by > 0 ? "+" : "−";
  const name = better === null ? "quiet" : better ? "good" : "failure";
  const percent =
    part === null ? "" : ` (${sign}${number(Number((100 * Math.abs(part)).toPrecision(3)))} %)`;
  return html`<small class=${`compare-delta ${name}`}>${sign}${number(Math.abs(by))}${percent}</small>`;
}
