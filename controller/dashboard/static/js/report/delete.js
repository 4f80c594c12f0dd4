/** Asks before a report is deleted. */
import { remove } from "../api.js";
import { Confirm } from "../components/dialog.js";
import { html } from "../html.js";
import { path } from "../router.js";

/** @param {{report: {id: string, title: string}, onClose: () => void, onDeleted: () => void}} props */
export function DeleteReport({ report, onClose, onDeleted }) {
  const act = async () => {
    await remove(path("api", "reports", report.id));
    onDeleted();
  };
  return html`<${Confirm} title="Delete this report?" action="Delete" danger act=${act} onClose=${onClose}>
    <p><strong>${report.title}</strong> is gone for everybody, and cannot be brought back. What it shows
      (runs and sweeps) stays.</p>
  <//>`;
}
