/**
 * One report: read, or written (`?edit=1`); `/reports/new` is one that is not kept yet.
 *
 * Neighbours: report/view.js (reads), report/editor.js (writes).
 */
import { get } from "../api.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { useFetch } from "../hooks.js";
import { html } from "../html.js";
import { usePage } from "../page.js";
import { ReportEditor } from "../report/editor.js";
import { ReportView } from "../report/view.js";
import { navigate, path, projectPath, useLocation } from "../router.js";
import { useSession } from "../session.js";

/** @typedef {import("../report/view.js").Report} Report */

/** @param {{match: Record<string, string>}} props */
export default function ReportPage({ match }) {
  return match.report === "new"
    ? html`<${NewReport} />`
    : html`<${OneReport} key=${match.report} id=${match.report} />`;
}

/** @param {{id: string}} props */
function OneReport({ id }) {
  const { session, may } = useSession();
  const asked = useLocation().searchParams.get("edit") === "1";
  const { data, error, reload } = useFetch(
    (signal) => get(path("api", "reports", id), {}, { signal }),
    [id],
  );
  usePage(data?.title ?? "Report", data?.project ?? null);
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  const address = path("reports", id);
  if (asked && !session) return html`<${Loading} />`;
  if (!asked || !may("write"))
    return html`${asked && html`<p class="failure" role="status">${readsOnly(session)}</p>`}
      <${ReportView} report=${data} onChanged=${reload} />`;
  const leave = () => navigate(address);
  return html`<${ReportEditor} report=${data} onSaved=${reload} onLeave=${leave} />`;
}

/** @param {import("../session.js").Session | undefined} session */
function readsOnly(session) {
  return `Your key may ${session?.role ?? "read"} and not write: to write reports, log in with one of the role write.`;
}

/** Begins with what the address says: a project, a title, text with panels; or a sweep. */
function NewReport() {
  const { session, may } = useSession();
  const { searchParams } = useLocation();
  const sweep = searchParams.get("sweep");
  const { data, error, reload } = useFetch(
    async (signal) => {
      const given = sweep ? await get(path("api", "sweeps", sweep, "report"), {}, { signal }) : {};
      return {
        id: "",
        version: 0,
        project: given.project ?? searchParams.get("project") ?? "",
        title: given.title ?? searchParams.get("title") ?? "",
        text: given.text ?? searchParams.get("text") ?? "",
      };
    },
    [sweep, searchParams.get("text")],
  );
  usePage("New report", data?.project ?? null);
  if (session && !may("write"))
    return html`<${Empty} title="Writing needs another key"><p>${readsOnly(session)}</p>
      <p>${"Whoever runs the server makes one: "}<code>sweep server key create ${session.user} --role write</code></p>
    <//>`;
  if (error && !data) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data || !session) return html`<${Loading} />`;
  const saved = (/** @type {Report} */ report) =>
    navigate(`${path("reports", report.id)}?edit=1`, { replace: true });
  const leave = () => navigate(projectPath(data.project, "reports"));
  return html`<${ReportEditor} report=${data} onSaved=${saved} onLeave=${leave} />`;
}
