/**
 * Two texts, and the lines in which they differ: `<Diff before after names=${["a", "b"]} />`.
 * What is the same is folded, and of long texts a part is drawn. Neighbour: line_diff.js.
 */
import { html, useMemo, useState } from "../html.js";
import { diffLines, parts } from "./line_diff.js";

/** Characters of both texts together: more is not compared. */
const MOST = 4_000_000;
/** Lines that are drawn without being asked for. */
const DRAWN = 2000;
const SIGNS = { same: " ", out: "−", in: "+" };
const WORDS = { same: "", out: "taken out", in: "put in" };

/** @param {{before: string, after: string, names: [string, string]}} props */
export function Diff({ before, after, names }) {
  const large = before.length + after.length > MOST;
  const diff = useMemo(() => (large ? null : diffLines(before, after)), [before, after]);
  const [opened, setOpened] = useState(/** @type {Set<number>} */ (new Set()));
  const [many, setMany] = useState(DRAWN);
  if (!diff) return html`<p class="quiet">These texts are too long to be compared here.</p>`;
  if (!diff.in && !diff.out) return html`<p class="quiet">No line differs.</p>`;
  let left = many;
  const blocks = parts(diff.lines).map((part, i) => {
    if (part.kind === "same" && !opened.has(i))
      return html`<tbody key=${i}><tr class="diff-fold"><td colspan="4">
        <button type="button" onClick=${() => setOpened(new Set([...opened, i]))}>${part.lines.length.toLocaleString("en-US")} lines that are the same</button>
      </td></tr></tbody>`;
    const shown = part.lines.slice(0, Math.max(left, 0));
    left -= part.lines.length;
    return (
      shown.length > 0 &&
      html`<tbody key=${i}>${shown.map((line) => html`<${DiffLine} line=${line} />`)}</tbody>`
    );
  });
  return html`<div class="diff">
    <p class="diff-head"><span class="diff-out">− ${names[0]}</span> <span class="diff-in">+ ${names[1]}</span>
      <span class="quiet">${diff.out} out, ${diff.in} in${diff.coarse ? "; they have so little in common that one is shown after the other" : ""}</span></p>
    <div class="diff-scroll" tabindex="0" role="region" aria-label=${`Differences of ${names[0]} and ${names[1]}`}>
      <table>${blocks}</table>
    </div>
    ${left < 0 && html`<button type="button" onClick=${() => setMany(many + 5 * DRAWN)}>Show more (${(-left).toLocaleString("en-US")} lines are left)</button>`}
  </div>`;
}

/** @param {{line: import("./line_diff.js").Line}} props */
function DiffLine({ line }) {
  return html`<tr class=${`diff-${line.kind}`}>
    <td class="diff-number">${line.before || ""}</td>
    <td class="diff-number">${line.after || ""}</td>
    <td class="diff-sign" aria-label=${WORDS[line.kind]}>${SIGNS[line.kind]}</td>
    <td class="diff-text">${line.text}</td>
  </tr>`;
}
