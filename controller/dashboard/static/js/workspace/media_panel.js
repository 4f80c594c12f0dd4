/**
 * Media of the shown runs side by side, with one slider for the step; tables as tables. Neighbours:
 * components/media.js (draws one), panel_of.js.
 */
import { get } from "../api.js";
import { Panel } from "../charts/panel.js";
import { DataTable } from "../components/data_table.js";
import { Media } from "../components/media.js";
import { tableFiles } from "../components/media_items.js";
import { Failure } from "../components/states.js";
import { number } from "../format.js";
import { useFetch, useLive } from "../hooks.js";
import { html, useRef, useState } from "../html.js";
import { path } from "../router.js";
import { useRunsWith } from "./logged.js";

const MOST = 8; // runs side by side
const PAUSE_MS = 3000;

/** @param {import("./panel_of.js").PanelProps} props */
export function MediaPanel({ panel, runs: all, kind, height, frame }) {
  const [key] = panel.keys;
  const having = useRunsWith(all, key, kind);
  const { runs } = having;
  const [step, setStep] = useState(/** @type {number | null} */ (null));
  const shown = runs.slice(0, MOST);
  const { data, error, reload } = useLive(
    shown.filter((run) => run.live).map(({ id }) => `run/${id}`),
    async (signal) =>
      Promise.all(
        shown.map(async ({ id }) => {
          const found = await get(`/api${path("runs", id)}/steps`, { key: [key] }, { signal });
          return /** @type {number[]} */ (found.steps[key] ?? []);
        }),
      ),
    [shown.map(({ id }) => id).join("\n"), key],
    PAUSE_MS,
  );
  const last = useRef(/** @type {number[][]} */ ([]));
  if (data) last.current = data;
  const steps = data ?? last.current;
  const every = [...new Set(steps.flat())].sort((a, b) => a - b);
  const newest = every.length - 1;
  const at = step === null ? newest : Math.max(placeOf(every, step), 0);
  return html`<${Panel} ...${frame} title=${panel.title}>
    ${having.error && html`<${Failure} error=${having.error} retry=${having.reload} />`}
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${!having.error && having.ready && !runs.length && html`<p class="quiet panel-says">None of these runs has logged ${key}.</p>`}
    ${
      every.length > 1 &&
      html`<label class="setting media-step">Step
        <input type="range" min="0" max=${newest} value=${at} aria-valuetext=${String(every[at])}
          onInput=${(/** @type {any} */ event) => setStep(Number(event.target.value) === newest ? null : every[Number(event.target.value)])} />
        <output>${number(every[at])}</output></label>`
    }
    <div class="panel-scroll media-runs" style=${{ maxHeight: frame.full ? undefined : `${height - 24}px` }}>
      ${shown.map((run, i) => {
        const mine = (steps[i] ?? [])[placeOf(steps[i] ?? [], every[at] ?? 0)];
        return (
          mine !== undefined &&
          html`<${OfRun} key=${run.id} run=${run} name=${key} step=${mine} alone=${shown.length === 1} />`
        );
      })}
    </div>
    ${runs.length > MOST && html`<p class="quiet panel-says">The first ${MOST} of ${runs.length} runs.</p>`}
  <//>`;
}

/** The place of the last number that is not above another; -1: there is none.
 * @param {number[]} rising @param {number} most */
function placeOf(rising, most) {
  let at = rising.length - 1;
  while (at >= 0 && rising[at] > most) at--;
  return at;
}

/** @param {{run: import("./curves_of.js").Run, name: string, step: number, alone: boolean}} props */
function OfRun({ run, name, step, alone }) {
  const api = `/api${path("runs", run.id)}`;
  const { data, error, reload } = useFetch(
    async (signal) => {
      const query = { key: [name], from: step, to: step };
      return (await get(`${api}/rows`, query, { signal })).rows.at(-1)?.[name] ?? null;
    },
    [api, name, step],
  );
  const last = useRef(/** @type {any} */ (null));
  if (data) last.current = data;
  const files = last.current && tableFiles(last.current);
  const url = (/** @type {string} */ file) => `${api}/file?path=${encodeURIComponent(file)}`;
  return html`<figure class="media-run">
    ${!alone && html`<figcaption><i class="run-color" style=${{ background: run.color }}></i>${run.name} <span class="quiet">step ${number(step)}</span></figcaption>`}
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${
      last.current &&
      (files
        ? html`<${DataTable} key=${files.join("\n")} label=${name} source=${{ api, paths: files }} />`
        : html`<${Media} value=${last.current} url=${url} name=${name} />`)
    }
  </figure>`;
}
