/**
 * A panel of a report: asks the server what its block means, follows what it shows, and draws it.
 *
 * While somebody types, what was there stays until the new answer has come. A block that is wrong
 * says so in its place, and the rest of the report is not disturbed. Neighbours: the views beside
 * it, one a kind; controller/reports/panels.py (the answers).
 */
import { post } from "../api.js";
import { useLive } from "../hooks.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { frozen } from "../source.js";
import { blockKey } from "./block_text.js";
import { CurvesView } from "./curves_view.js";
import { MediaView } from "./media_view.js";
import { NumberView } from "./number_view.js";
import { SweepView } from "./sweep_view.js";
import { BestView, CompareView, TableView } from "./table_views.js";

/** @type {Record<string, (props: {answer: any}) => any>} */
const VIEWS = {
  curves: CurvesView,
  table: TableView,
  compare: CompareView,
  best: BestView,
  media: MediaView,
  number: NumberView,
  objective: SweepView,
  parallel: SweepView,
  importance: SweepView,
  correlation: SweepView,
  slices: SweepView,
  contour: SweepView,
};
const TYPING_MS = 350;
const FOLLOW_MS = 2000;
const KEPT = 100;

/** @type {Map<string, any>} answers by project and text: a report that is typed asks only for news */
const kept = new Map();

/** @param {{project: string, text: string}} props `text`: of the block */
export function ReportPanel({ project, text }) {
  const settled = useSettled(text);
  const name = JSON.stringify([project, settled]);
  const topics = kept.get(name)?.topics ?? [];
  const { data, error } = useLive(
    topics,
    async (signal) => {
      const asked = frozen ? blockKey(settled) : settled;
      const answer = await post("/api/panels", { project, text: asked }, { signal });
      keep(name, answer);
      return answer;
    },
    [name],
    FOLLOW_MS,
  );
  const last = useRef(/** @type {any} */ (undefined));
  const answer = data ?? kept.get(name) ?? last.current;
  last.current = answer;
  const problem = answer?.problem ?? (data ? "" : error?.message);
  if (problem)
    return html`<div class="report-panel report-wrong" role="alert">
      <p><strong>This panel cannot be shown.</strong> ${problem}</p>
      <pre>${settled}</pre>
    </div>`;
  if (!answer) return html`<div class="report-panel report-waits" aria-busy="true"></div>`;
  const View = VIEWS[answer.panel.kind];
  return html`<div class=${`report-panel report-${answer.panel.kind}`}>
    <${View} key=${answer.panel.kind} answer=${answer} />
  </div>`;
}

/** The text once nobody has changed it for a moment. @param {string} text */
function useSettled(text) {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    if (text === settled) return;
    const timer = setTimeout(() => setSettled(text), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, settled]);
  return settled;
}

/** @param {string} name @param {any} answer */
function keep(name, answer) {
  kept.delete(name);
  kept.set(name, answer);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) break;
    kept.delete(oldest);
  }
}
