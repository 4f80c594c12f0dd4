/** Which boxes and masks are drawn over pictures: a switch for each set and each class that has a name. */
import { html } from "../html.js";
import { classColor } from "./image_view.js";
import { classLabels, itemsOf, overlaysOf } from "./media_items.js";

/**
 * @param {{value: import("./media_items.js").MediaValue, name: string, config: any,
 *   hidden: Set<string>, onChange: (hidden: Set<string>) => void}} props
 */
export function OverlaySwitches({ value, name, config, hidden, onChange }) {
  /** @type {Map<string, {id: string, label: string, classes: [string, string][]}>} */
  const groups = new Map();
  for (const overlay of itemsOf(value).flatMap(overlaysOf)) {
    const id = `${overlay.kind}/${overlay.name}`;
    const classes = Object.entries(classLabels(config, name, overlay));
    const drawn = classes.filter(([number]) => overlay.kind === "boxes" || number !== "0");
    const kind = overlay.kind === "boxes" ? "boxes" : "mask";
    if (!groups.has(id)) groups.set(id, { id, label: `${overlay.name} (${kind})`, classes: drawn });
  }
  if (!groups.size) return null;
  /** @param {string} id */
  const turn = (id) => {
    const next = new Set(hidden);
    if (!next.delete(id)) next.add(id);
    onChange(next);
  };
  return html`<div class="overlay-switches" role="group" aria-label=${`What is drawn over ${name}`}>
    ${[...groups.values()].map(
      ({ id, label, classes }) => html`<span key=${id} class="overlay-group">
        <label><input type="checkbox" checked=${!hidden.has(id)} onChange=${() => turn(id)} /> ${label}</label>
        ${
          !hidden.has(id) &&
          classes.map(
            ([number, word]) => html`<label key=${number}>
              <input type="checkbox" checked=${!hidden.has(`${id}/${number}`)} onChange=${() => turn(`${id}/${number}`)} />
              <span class="class-swatch" style=${{ background: classColor(Number(number)) }}></span>${word}
            </label>`,
          )
        }
      </span>`,
    )}
  </div>`;
}
