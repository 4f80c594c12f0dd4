/** The text of a report with its panels: on its page, beside its editor, and in a saved file. */
import { Markdown } from "../components/markdown.js";
import { html } from "../html.js";
import { ReportPanel } from "./panel.js";

/** @param {{report: {project: string, text: string}, contents?: boolean}} props */
export function ReportBody({ report, contents = true }) {
  const { project, text } = report;
  /** @param {string} code @param {string} lang */
  const block = (code, lang) =>
    lang.split(/\s/)[0] === "panel"
      ? html`<${ReportPanel} project=${project} text=${code} />`
      : null;
  return html`<${Markdown} class="report-body" text=${text} block=${block} contents=${contents} />`;
}
