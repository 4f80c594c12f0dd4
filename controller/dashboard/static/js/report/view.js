/** A report as it is read, and what can be done with it. */

import { copyText } from "../components/copying.js";
import { Menu } from "../components/menu.js";
import { ago, time } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { Link, navigate, path, projectPath } from "../router.js";
import { useSession } from "../session.js";
import { ReportBody } from "./body.js";
import { DeleteReport } from "./delete.js";

/** @typedef {{id: string, project: string, title: string, text: string, author: string,
 *   editor: string, version: number, created: number, updated: number}} Report */

/** @param {{report: Report, onChanged: () => void}} props */
export function ReportView({ report, onChanged }) {
  const { may } = useSession();
  const [leaving, setLeaving] = useState(false);
  useEffect(() => {
    const back = () => !document.hidden && onChanged();
    document.addEventListener("visibilitychange", back);
    return () => document.removeEventListener("visibilitychange", back);
  }, []);
  const address = path("reports", report.id);
  const edited = report.editor !== report.author ? `, changed by ${report.editor}` : ", changed";
  const copy = () =>
    copyText(new URL(address, location.href).href, "The address of this report is copied.");
  return html`<article class="report">
    <header class="report-head">
      <div>
        <h1>${report.title}</h1>
        <p class="quiet">by ${report.author}${edited} <span title=${time(report.updated)}>${ago(report.updated)}</span></p>
      </div>
      <div class="report-buttons">
        <button type="button" onClick=${copy}>Copy the address</button>
        <a class="button" href=${`${path("api", "reports", report.id)}/page`} download>Save as one file</a>
        ${may("write") && html`<${Link} class="button primary" href=${`${address}?edit=1`}>Edit<//>`}
        <${Menu} label="More" items=${[
          { label: "Print", act: () => print() },
          may("write") && { label: "Delete…", danger: true, act: () => setLeaving(true) },
        ]} />
      </div>
    </header>
    <${ReportBody} report=${report} />
    ${!report.text.trim() && html`<p class="quiet">Nothing is written here yet.</p>`}
    ${
      leaving &&
      html`<${DeleteReport} report=${report} onClose=${() => setLeaving(false)}
        onDeleted=${() => navigate(projectPath(report.project, "reports"))} />`
    }
  </article>`;
}
