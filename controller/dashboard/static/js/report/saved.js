/** The start of a report that was saved as one file: it opens without a server, and asks nobody. */
import { time } from "../format.js";
import { html, render } from "../html.js";
import { frozen, home } from "../source.js";
import { ReportBody } from "./body.js";

function SavedReport() {
  const { report, saved } = /** @type {import("../source.js").Frozen} */ (frozen);
  const where = report.id ? `/reports/${report.id}` : "";
  return html`<main class="saved">
    <article class="report">
      <header class="report-head">
        <div>
          <h1>${report.title}</h1>
          <p class="quiet">${report.author ? `by ${report.author}, ` : ""}saved ${time(saved)}${
            where && html` from <a href=${home(where)} rel="noopener noreferrer">its live page</a>`
          }</p>
        </div>
      </header>
      <${ReportBody} report=${report} />
    </article>
  </main>`;
}

render(html`<${SavedReport} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
