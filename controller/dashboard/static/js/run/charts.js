/**
 * The metrics of one run as panels, the same as on the charts page of its project: what it logged, or
 * what its machine did. Neighbour: workspace/panels.js.
 */
import { html, useMemo } from "../html.js";
import { useJsonQuery, useQuery } from "../router.js";
import { useRunColors } from "../runs/run_colors.js";
import { Panels } from "../workspace/panels.js";

const LIVE = ["running", "queued", "pending"];

/** @param {{run: Record<string, any>, kind?: "history" | "system"}} props */
export function RunCharts({ run, kind = "history" }) {
  const [view, setView] = useJsonQuery(
    "view",
    /** @type {import("../workspace/layout.js").View} */ ({}),
  );
  const [search, setSearch] = useQuery("panels");
  const [full, setFull] = useQuery("full");
  const color = useRunColors()(run.id);
  const live = LIVE.includes(run.state);
  const runs = useMemo(
    () => [{ id: run.id, name: run.name, color, live }],
    [run.id, run.name, color, live],
  );
  const text = JSON.stringify(view);
  const stable = useMemo(() => view, [text]);
  return html`<${Panels}
    runs=${runs}
    kind=${kind}
    view=${stable}
    onView=${setView}
    search=${search}
    onSearch=${setSearch}
    cursor=${`run-${kind}`}
    full=${full || null}
    onFull=${(/** @type {string | null} */ id) => setFull(id ?? "")}
    linkTo=${(/** @type {string} */ panel) => {
      const link = new URL(location.href);
      link.searchParams.set("full", panel);
      return link.pathname + link.search;
    }}
  />`;
}
