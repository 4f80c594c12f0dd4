/**
 * Pictures, sound, films and pages of a run, by key and step. One slider moves all keys; each shows
 * its newest value at or before the step. Only what can be seen is fetched. The step, the search and
 * the size live in the address. Neighbours: components/media.js, logged_values.js.
 */
import { get } from "../api.js";
import { Media } from "../components/media.js";
import { OverlaySwitches } from "../components/overlay_switches.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { number } from "../format.js";
import { useLive } from "../hooks.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { path, useQuery } from "../router.js";
import { mediaOf } from "./logged_values.js";

const ELSEWHERE = ["table", "histogram"]; // in tabs of their own
const SIZES = /** @type {Record<string, string>} */ ({
  small: "7rem",
  medium: "12rem",
  large: "22rem",
});

/** The keys of media, tables and histograms apart. @param {Record<string, any>} summary */
export function mediaKeys(summary) {
  return mediaOf(summary)
    .filter(([, value]) => !ELSEWHERE.some((word) => value._type.includes(word)))
    .map(([key]) => key);
}

/** @param {{run: Record<string, any>}} props */
export function MediaTab({ run }) {
  const [asked, setStep] = useQuery("step");
  const [find, setFind] = useQuery("find");
  const [size, setSize] = useQuery("size", "medium");
  const keys = mediaKeys(run.summary);
  const shown = keys.filter((key) => key.toLowerCase().includes(find.toLowerCase()));
  const api = `/api${path("runs", run.id)}`;
  const { data, error, reload } = useLive(
    [`run/${run.id}`],
    async (signal) =>
      keys.length ? (await get(`${api}/steps`, { key: keys.slice(0, 200) }, { signal })).steps : {},
    [run.id, keys.join("\n")],
    3000,
  );
  const kept = useRef(/** @type {Record<string, number[]> | undefined} */ (undefined));
  if (data) kept.current = data;
  const steps = kept.current;
  if (!keys.length)
    return html`<${Empty} title="No media yet">
      <p>What a script logs as <code>Image</code>, <code>Audio</code>, <code>Video</code>, <code>Html</code> or <code>Object3D</code> shows here:</p>
      <pre>run.log({"examples": opensweep.Image(pixels, caption="a cat")})</pre>
    <//>`;
  if (error && !steps) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!steps) return html`<${Loading} />`;
  const all = [...new Set(Object.values(steps).flat())].sort((a, b) => a - b);
  const wanted = asked === "" ? (all.at(-1) ?? 0) : Number(asked);
  const at = Math.max(lastAtOrBefore(all, wanted), 0);
  /** @param {number} to */
  const move = (to) => {
    const next = Math.min(Math.max(to, 0), all.length - 1);
    setStep(next === all.length - 1 ? "" : String(all[next]));
  };
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    if (/** @type {HTMLElement} */ (event.target).matches("input, select, video, audio, canvas"))
      return;
    const way = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!way) return;
    event.preventDefault();
    move(at + way);
  };
  return html`<section class="media-tab" aria-label="Media" tabindex="-1" onKeyDown=${press} style=${{ "--media-size": Object.hasOwn(SIZES, size) ? SIZES[size] : SIZES.medium }}>
    <div class="media-bar">
      <label class="media-step">Step
        <input type="range" min="0" max=${Math.max(all.length - 1, 0)} value=${at} aria-valuetext=${`step ${all[at]}`}
          onInput=${(/** @type {any} */ event) => move(Number(event.target.value))} />
        <output>${number(all[at] ?? 0)}</output>
      </label>
      <label>Size <select value=${size} onChange=${(/** @type {any} */ event) => setSize(event.target.value)}>
        ${Object.keys(SIZES).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
      </select></label>
      <input type="search" data-search placeholder="Search keys" aria-label="Search keys" value=${find}
        onInput=${(/** @type {any} */ event) => setFind(event.target.value)} />
    </div>
    ${sections(shown).map(
      ([
        name,
        members,
      ]) => html`<section key=${name} class="media-section" aria-label=${name || "Media"}>
        ${name && html`<h2>${name}</h2>`}
        ${members.map((key) => html`<${Panel} key=${key} run=${run} api=${api} name=${key} steps=${steps[key] ?? []} step=${wanted} />`)}
      </section>`,
    )}
    ${!shown.length && html`<p class="quiet">No key fits.</p>`}
  </section>`;
}

/** By the part before the last "/". @param {string[]} keys @returns {[string, string[]][]} */
function sections(keys) {
  /** @type {Map<string, string[]>} */
  const found = new Map();
  for (const key of keys) {
    const name = key.includes("/") ? key.slice(0, key.indexOf("/")) : "";
    found.set(name, [...(found.get(name) ?? []), key]);
  }
  return [...found].sort(([a], [b]) => a.localeCompare(b));
}

/** The place of the last number that is not above `wanted`; -1: there is none. @param {number[]} rising @param {number} wanted */
function lastAtOrBefore(rising, wanted) {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle] <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** @param {{run: Record<string, any>, api: string, name: string, steps: number[], step: number}} props */
function Panel({ run, api, name, steps, step }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const seen = useSeen(place);
  const [hidden, setHidden] = useState(/** @type {Set<string>} */ (new Set()));
  const found = lastAtOrBefore(steps, step);
  const at = steps[found];
  const { value, error } = useValue(api, name, seen ? at : undefined);
  const url = (/** @type {string} */ file) => `${api}/file?path=${encodeURIComponent(file)}`;
  return html`<article class="media-panel card" aria-label=${name} ref=${place}>
    <header>
      <h3>${name}</h3>
      <span class="quiet">${at === undefined ? "nothing at or before this step" : `step ${number(at)}, ${found + 1} of ${number(steps.length)}`}</span>
    </header>
    ${error && html`<${Failure} error=${error} />`}
    ${
      value &&
      at !== undefined &&
      html`<${OverlaySwitches} value=${value} name=${name} config=${run.config} hidden=${hidden} onChange=${setHidden} />
        <${Media} value=${value} url=${url} name=${name} config=${run.config} hidden=${hidden} />`
    }
  </article>`;
}

/** Whether an element has come near the window, once. @param {{current: HTMLElement | null}} place */
function useSeen(place) {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (seen || !place.current) return;
    const observer = new IntersectionObserver(
      (entries) => entries.some((each) => each.isIntersecting) && setSeen(true),
      {
        rootMargin: "300px",
      },
    );
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [seen]);
  return seen;
}

/** The value at a step; while the next one comes, the one before stays. @param {string} api @param {string} key @param {number | undefined} step */
function useValue(api, key, step) {
  const [state, setState] = useState(
    /** @type {{value: any, error: Error | null}} */ ({ value: null, error: null }),
  );
  const known = useRef(/** @type {Map<number, any>} */ (new Map()));
  useEffect(() => {
    if (step === undefined) return;
    const kept = known.current.get(step);
    if (kept) {
      setState({ value: kept, error: null });
      return;
    }
    const control = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const { rows } = await get(
          `${api}/rows`,
          { key: [key], from: step, to: step },
          { signal: control.signal },
        );
        const value = rows.at(-1)?.[key] ?? null;
        known.current.set(step, value);
        if (known.current.size > 300) known.current.delete(known.current.keys().next().value ?? 0);
        setState({ value, error: null });
      } catch (error) {
        if (!control.signal.aborted) setState({ value: null, error: /** @type {Error} */ (error) });
      }
    }, 60); // a slider passes over many steps on its way
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [api, key, step]);
  return state;
}
