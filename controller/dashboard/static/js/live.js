/**
 * What changes on the server, told to whoever shows it: one stream of server-sent events a tab.
 *
 * A topic is "sweep/<id>", "run/<id>", "project/<whole name>", "sweeps", "projects" or "server"; its
 * version is an opaque text. The server tells the version of each topic at the start and when it
 * changes; here only news is passed on, so that a connection that drops heals without a fetch too
 * many. While the tab is hidden nothing is held open. Neighbours: hooks.js (who listens),
 * controller/server/events_api.py (the other end).
 */
import { ApiError, address, get } from "./api.js";
import { frozen } from "./source.js";

const ADD_MS = 20; // components that are drawn together share a connection
const DROP_MS = 2000; // a topic that nobody wants any more may come back with the next page
const HIDDEN_MS = 5000; // a look at another tab is no reason to begin anew
const SILENT_MS = 40_000; // the server speaks every 15 s: the connection is dead (a laptop slept)
const LOST_MS = 3000; // a shorter break is nobody's business
const RETRY_MS = [1000, 30_000];
const LONGEST = 50_000; // characters of topics: of more than go into an address, some are not live
const LATE_S = 1; // how much an answer may be older than its arrival

/**
 * @typedef {() => void} Listener
 * @typedef {{version: string | null, listeners: Map<Listener, number>}} Topic
 * `version`: null until the server has told one; of each listener, since when it listens
 */

/** @type {Map<string, Topic>} */
const topics = new Map();
/** @type {Set<(reachable: boolean) => void>} */
const watchers = new Set();
let reachable = true;
/** @type {EventSource | null} */
let source = null;
/** @type {Set<string>} what `source` was opened for */
let followed = new Set();
let heard = 0; // when the server last spoke
let failures = 0;
/** @type {Map<"connect" | "retry" | "lost" | "watch", ReturnType<typeof setTimeout>>} */
const timers = new Map();

/**
 * @param {string[]} names of topics
 * @param {Listener} onChange is called when any of them changes
 * @returns {() => void} ends it
 */
export function subscribe(names, onChange) {
  if (frozen) return () => {};
  const now = Date.now();
  for (const name of names) {
    const topic = topics.get(name) ?? { version: null, listeners: new Map() };
    topic.listeners.set(onChange, now);
    topics.set(name, topic);
  }
  after("connect", ADD_MS, connect);
  return () => {
    for (const name of names) {
      const topic = topics.get(name);
      topic?.listeners.delete(onChange);
      if (topic?.listeners.size === 0) topics.delete(name);
    }
    if (!timers.has("connect")) after("connect", DROP_MS, connect);
  };
}

/**
 * Is told whether the server can be reached: now, and whenever that changes.
 * @param {(reachable: boolean) => void} watcher @returns {() => void} ends it
 */
export function onConnection(watcher) {
  watchers.add(watcher);
  watcher(reachable);
  return () => {
    watchers.delete(watcher);
  };
}

/** Opens the stream anew where it is not that of the topics that are wanted. */
function connect() {
  const wanted = document.hidden ? [] : fitting([...topics.keys()].sort());
  const open = source !== null && source.readyState !== EventSource.CLOSED;
  if (open && wanted.length === followed.size && wanted.every((name) => followed.has(name))) return;
  close();
  if (!wanted.length) {
    cancel("lost");
    return;
  }
  followed = new Set(wanted);
  heard = Date.now();
  const stream = new EventSource(address("/api/events", { topic: wanted }));
  source = stream;
  stream.addEventListener("open", () => spoke());
  stream.addEventListener("alive", () => spoke());
  stream.addEventListener("change", (event) => {
    spoke();
    const { topic, version, quiet } = JSON.parse(event.data);
    changed(topic, version, quiet);
  });
  stream.addEventListener("error", () => source === stream && failed(stream));
  after("watch", SILENT_MS / 4, watch);
}

/** @param {string[]} names */
function fitting(names) {
  let left = LONGEST;
  return names.filter((name) => {
    left -= name.length + 20;
    return left > 0;
  });
}

function close() {
  source?.close();
  source = null;
  followed = new Set();
  cancel("retry");
  cancel("watch");
}

/**
 * The first version of a topic: who has listened since before the change looks again; for the
 * others nothing can have come in between.
 * @param {string} name @param {string} version @param {number} quiet
 */
function changed(name, version, quiet) {
  const topic = topics.get(name);
  if (!topic || topic.version === version) return;
  const first = topic.version === null;
  topic.version = version;
  const since = first ? Date.now() - 1000 * (quiet - LATE_S) : Number.POSITIVE_INFINITY;
  for (const [listener, began] of [...topic.listeners]) if (began < since) listener();
}

function spoke() {
  heard = Date.now();
  failures = 0;
  cancel("lost");
  tell(true);
}

/** The browser tries again by itself, unless the server has refused. @param {EventSource} stream */
function failed(stream) {
  lose();
  if (stream.readyState !== EventSource.CLOSED) return;
  cancel("watch");
  const [first, last] = RETRY_MS;
  const pause = Math.min(first * 2 ** failures, last) * (0.75 + Math.random() / 2);
  failures += 1;
  after("retry", pause, async () => {
    try {
      await get("/api/session"); // nobody logged in: whoever listens to that is told
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return;
    }
    if (source === stream) connect();
  });
}

function lose() {
  if (!timers.has("lost")) after("lost", LOST_MS, () => tell(false));
}

function watch() {
  if (Date.now() - heard > SILENT_MS) {
    source?.close();
    lose();
    connect();
  } else after("watch", SILENT_MS / 4, watch);
}

/** @param {boolean} now */
function tell(now) {
  if (reachable === now) return;
  reachable = now;
  for (const watcher of [...watchers]) watcher(now);
}

/** @param {"connect" | "retry" | "lost" | "watch"} name @param {number} ms @param {() => void} act */
function after(name, ms, act) {
  cancel(name);
  timers.set(
    name,
    setTimeout(() => {
      timers.delete(name);
      act();
    }, ms),
  );
}

/** @param {"connect" | "retry" | "lost" | "watch"} name */
function cancel(name) {
  clearTimeout(timers.get(name));
  timers.delete(name);
}

document.addEventListener("visibilitychange", () => {
  after("connect", document.hidden ? HIDDEN_MS : 0, connect);
});
addEventListener("online", () => after("connect", 0, connect));
