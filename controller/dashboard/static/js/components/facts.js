/** Names with values, in two columns; what is not known is left out. And a clock for what runs. */
import { html, useEffect, useState } from "../html.js";

/** @param {{facts: ([string, any] | false | null | undefined | "")[]}} props */
export function Facts({ facts }) {
  const known = /** @type {[string, any][]} */ (
    facts.filter((each) => each && each[1] !== null && each[1] !== undefined && each[1] !== "")
  );
  return html`<dl class="facts">
    ${known.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

/** Seconds since the epoch, each second anew while `ticks`. @param {boolean} ticks */
export function useNow(ticks) {
  const [now, setNow] = useState(Date.now() / 1000);
  useEffect(() => {
    if (!ticks) return;
    const timer = setInterval(() => !document.hidden && setNow(Date.now() / 1000), 1000);
    return () => clearInterval(timer);
  }, [ticks]);
  return now;
}
