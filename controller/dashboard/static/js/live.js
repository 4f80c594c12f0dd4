/**
 * What changes on the server, told to whoever shows it: one stream of server-sent events a tab.
 *
 * A topic is "sweep/<id>", "run/<id>", "project/<whole name>", "sweeps" or "server"; its version is
 * an opaque text. The server tells the version of each topic at the start and when it changes; here
 * only news is passed on, so that a dropped connection heals without a fetch too many. While the tab
 * is hidden nothing is held open.
 */
import { address } from "./api.js";

/** @type {Map<string, Set<() => void>>} */
const listeners = new Map();
/** @type {Map<string, string>} */
const versions = new Map();
/** @type {EventSource | null} */
let source = null;
let planned = false;
let opened = "";

/**
 * @param {string[]} topics
 * @param {() => void} onChange is called when any of them changes
 * @returns {() => void} ends it
 */
export function subscribe(topics, onChange) {
  for (const topic of topics) {
    if (!listeners.has(topic)) listeners.set(topic, new Set());
    listeners.get(topic)?.add(onChange);
  }
  plan();
  return () => {
    for (const topic of topics) {
      const those = listeners.get(topic);
      those?.delete(onChange);
      if (those?.size === 0) {
        listeners.delete(topic);
        versions.delete(topic);
      }
    }
    plan();
  };
}

function plan() {
  if (planned) return;
  planned = true;
  queueMicrotask(() => {
    planned = false;
    connect();
  });
}

function connect() {
  const wanted = document.hidden ? [] : [...listeners.keys()].sort();
  const url = wanted.length ? address("/api/events", { topic: wanted }) : "";
  if (url === opened && source?.readyState !== EventSource.CLOSED) return;
  source?.close();
  source = null;
  opened = url;
  if (!url) return;
  source = new EventSource(url);
  source.addEventListener("change", (event) => {
    const { topic, version } = JSON.parse(event.data);
    const before = versions.get(topic);
    versions.set(topic, version);
    if (before === version) return;
    // The first version after a subscription is that of what was just fetched, or newer: look again.
    for (const listener of [...(listeners.get(topic) ?? [])]) listener();
  });
  source.addEventListener("error", () => {
    if (source?.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  });
}

document.addEventListener("visibilitychange", plan);
