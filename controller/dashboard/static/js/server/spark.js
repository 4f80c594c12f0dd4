/** A curve as small as a word. */
import { html } from "../html.js";

const WIDTH = 240;
const HEIGHT = 36;

/** @param {{values: number[], label: string}} props */
export function Spark({ values, label }) {
  const most = Math.max(...values, 1);
  const step = WIDTH / Math.max(values.length - 1, 1);
  const points = values.map(
    (value, i) =>
      `${(i * step).toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`,
  );
  const newest = values.at(-1) ?? 0;
  return html`<svg class="spark" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img"
    aria-label=${`${label}: now ${newest.toFixed(1)}, at most ${most.toFixed(1)}`}>
    <line x1="0" x2=${WIDTH} y1=${HEIGHT - 1} y2=${HEIGHT - 1} />
    <polyline points=${points.join(" ")} />
  </svg>`;
}
