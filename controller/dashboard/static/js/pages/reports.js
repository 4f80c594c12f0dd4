/** The reports of a project. */
import { get } from "../api.js";
import { Menu } from "../components/menu.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { ago, time } from "../format.js";
import { useFetch } from "../hooks.js";
import { html, useState } from "../html.js";
import { usePage } from "../page.js";
import { newReportAddress } from "../report/block_text.js";
import { DeleteReport } from "../report/delete.js";
import { Link, path, projectOf, useQuery } from "../router.js";
import { useSession } from "../session.js";

/** @typedef {{id: string, project: string, title: string, author: string, editor: string,
 *   version: number, created: number, updated: number}} Report */

/** @param {{match: Record<string, string>}} props */
export default function ReportsPage({ match }) {
  const project = projectOf(match);
  usePage("Reports");
  const { may } = useSession();
  const [words, setWords] = useQuery("search");
  const [leaving, setLeaving] = useState(/** @type {Report | null} */ (null));
  const { data, error, reload } = useFetch(
    (signal) => get("/api/reports", { project: project || "uncategorized" }, { signal }),
    [project],
  );
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  /** @type {Report[]} */
  const all = data.reports;
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = all.filter(({ title, author }) => {
    const text = `${title} ${author}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
  const begin =
    may("write") &&
    html`<${Link} class="button primary" href=${newReportAddress({ project })}>New report<//>`;
  return html`<div class="reports">
    <div class="reports-head">
      <h1>Reports</h1>
      ${
        all.length > 0 &&
        html`<input type="search" placeholder="Search titles and authors" aria-label="Search reports"
          value=${words} onInput=${(/** @type {any} */ event) => setWords(event.target.value)} />`
      }
      ${begin}
    </div>
    ${
      all.length === 0 &&
      html`<${Empty} title="No reports yet">
        <p>A report is text with live panels: curves, tables, charts of sweeps. Others open it by its
          address, and it can be saved as one file.</p>
        ${may("write") && html`<p>Begin one here, or with “Report” on the page of a sweep or of runs.</p>`}
      <//>`
    }
    ${all.length > 0 && !shown.length && html`<p class="quiet">No report has these words.</p>`}
    ${
      shown.length > 0 &&
      html`<table class="reports-list">
        <thead>
          <tr><th>Title</th><th>By</th><th>Changed</th><td></td></tr>
        </thead>
        <tbody>
          ${shown.map(
            (report) => html`<tr key=${report.id}>
              <td><${Link} href=${path("reports", report.id)}>${report.title}<//></td>
              <td>${report.author}</td>
              <td title=${time(report.updated)}>${ago(report.updated)}${
                report.editor !== report.author &&
                html` <span class="quiet">by ${report.editor}</span>`
              }</td>
              <td><${Menu} label=${`More about ${report.title}`} items=${[
                { label: "Save as one file", href: `/api/reports/${report.id}/page` },
                may("write") && { label: "Delete…", danger: true, act: () => setLeaving(report) },
              ]} /></td>
            </tr>`,
          )}
        </tbody>
      </table>`
    }
    ${
      leaving &&
      html`<${DeleteReport} report=${leaving} onClose=${() => setLeaving(null)} onDeleted=${reload} />`
    }
  </div>`;
}
