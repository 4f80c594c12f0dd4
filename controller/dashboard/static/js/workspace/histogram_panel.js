/**
 * Histograms over steps, as a heat map: one run at a time, for two on top of each other say nothing.
 * Neighbours: histograms.js (makes the grid), panel_of.js.
 */
import { get } from "../api.js";
import { useTheme } from "../charts/canvas.js";
import { ColorBar, HeatMap } from "../charts/heat_map.js";
import { Panel } from "../charts/panel.js";
import { linear } from "../charts/scales.js";
import { Failure } from "../components/states.js";
import { useLive } from "../hooks.js";
import { html, useMemo, useRef, useState } from "../html.js";
import { path } from "../router.js";
import { gridOf } from "./histograms.js";
import { useRunsWith } from "./logged.js";

const SAMPLES = 200; // histograms at most
const PAUSE_MS = 3000;

/** @param {import("./panel_of.js").PanelProps} props */
export function HistogramPanel({ panel, runs: all, kind, height, frame }) {
  const [key] = panel.keys;
  const having = useRunsWith(all, key, kind);
  const { runs } = having;
  const [chosen, setChosen] = useState("");
  const run = runs.find(({ id }) => id === chosen) ?? runs[0];
  const { data, error, reload } = useLive(
    run?.live ? [`run/${run.id}`] : [],
    async (signal) => {
      if (!run) return [];
      const query = { key: [key], samples: SAMPLES };
      return (await get(`/api${path("runs", run.id)}/samples`, query, { signal })).rows;
    },
    [run?.id, key],
    PAUSE_MS,
  );
  const last = useRef(/** @type {any[]} */ ([]));
  if (data) last.current = data;
  const rows = data ?? last.current;
  const { dark } = useTheme();
  const found = useMemo(() => gridOf(rows, key), [rows, key]);
  const table = () => [
    ["step", "from", "to", "count"],
    ...(found?.histograms ?? []).flatMap(({ step, counts, edges }) =>
      counts.map((count, i) => [step, edges[i], edges[i + 1], count]),
    ),
  ];
  const shade = useMemo(() => ({ ...linear(0, found?.most || 1), ticks: () => [] }), [found]);
  const choice =
    runs.length > 1 &&
    html`<select aria-label="Run" class="panel-run" value=${run?.id} onChange=${(/** @type {any} */ event) => setChosen(event.target.value)}>
      ${runs.map(({ id, name }) => html`<option key=${id} value=${id}>${name}</option>`)}
    </select>`;
  return html`<${Panel} ...${frame} title=${panel.title} tools=${choice} csv=${table}>
    ${having.error && html`<${Failure} error=${having.error} retry=${having.reload} />`}
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${!having.error && having.ready && !run && html`<p class="quiet panel-says">None of these runs has logged ${key}.</p>`}
    ${!error && run && data && !found && html`<p class="quiet panel-says">${run.name} has logged no histogram as ${key}.</p>`}
    ${
      found &&
      html`<${HeatMap} label=${panel.title} grid=${found.grid} x=${found.x} y=${found.y} xLabel="Step" yLabel=""
        color=${shade} height=${height - 22} flipped=${!dark} />
        <div class="panel-foot"><${ColorBar} color=${linear(0, found.most)} label="part of the values" flipped=${!dark} /></div>`
    }
  <//>`;
}
