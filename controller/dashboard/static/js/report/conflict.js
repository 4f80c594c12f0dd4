/** Two people changed one report: shows how the two differ, and asks which is to stay. */
import { Dialog } from "../components/dialog.js";
import { ago } from "../format.js";
import { html } from "../html.js";

/**
 * @param {{mine: {title: string, text: string}, theirs: import("./view.js").Report,
 *   onKeepMine: () => void, onTakeTheirs: () => void, onClose: () => void}} props
 */
export function Conflict({ mine, theirs, onKeepMine, onTakeTheirs, onClose }) {
  return html`<${Dialog} title="Somebody else saved this report" onClose=${onClose}>
    <p>${theirs.editor} saved version ${theirs.version} ${ago(theirs.updated)}, after you had begun.</p>
    <div class="report-two">
      <label>Theirs: ${theirs.title}<textarea readonly rows="12" value=${theirs.text}></textarea></label>
      <label>Yours: ${mine.title}<textarea readonly rows="12" value=${mine.text}></textarea></label>
    </div>
    <div class="actions">
      <button type="button" onClick=${onClose}>Go on writing</button>
      <button type="button" onClick=${onTakeTheirs}>Take theirs, lose mine</button>
      <button type="button" class="danger" onClick=${onKeepMine}>Save mine over theirs</button>
    </div>
  <//>`;
}
