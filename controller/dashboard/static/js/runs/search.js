/** The box that searches the runs of a table by name. Neighbour: query.js (what is asked). */
import { html, useEffect, useRef, useState } from "../html.js";

const PAUSE_MS = 150;

/** @param {{q: string, regex: boolean, onChange: (changes: object) => void}} props */
export function Search({ q, regex, onChange }) {
  const [text, setText] = useState(q);
  const timer = useRef(0);
  const said = useRef(q);
  useEffect(() => {
    if (q !== said.current) setText(q);
    said.current = q;
  }, [q]);
  useEffect(() => () => clearTimeout(timer.current), []);
  /** @param {any} event */
  const type = (event) => {
    const next = event.target.value;
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      said.current = next;
      onChange({ q: next });
    }, PAUSE_MS);
  };
  return html`<span class="runs-search">
    <input type="search" data-search placeholder="Search names" aria-label="Search runs by name" value=${text} onInput=${type} />
    <button type="button" aria-pressed=${regex} title="The search is a regular expression" aria-label="Regular expression"
      onClick=${() => onChange({ regex: !regex })}>.*</button>
  </span>`;
}
