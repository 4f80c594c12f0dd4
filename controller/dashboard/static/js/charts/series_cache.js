/**
 * Series of the server, kept within a bound and asked for together.
 *
 * What several charts want in the same moment goes out as few requests: charts of the same runs and
 * the same look share them, some keys at a time, so that the first charts are there early. Whoever
 * gives up takes his wish back; a request that nobody wants any more is aborted. What is known
 * already is asked for from its cursor on. No Preact in here. Neighbours: series_data.js (the hook),
 * api.js (the server).
 */

/**
 * @typedef {{kind: "history" | "system", x: string, from: number | null, to: number | null,
 *   points: number}} Look
 * @typedef {{run: string, key: string, x: Float64Array, y: Float64Array, bin: number,
 *   cursor: string}} Kept
 * @typedef {{look: Look, name: string, runs: string[], keys: string[], told: (error?: Error) => void,
 *   again: boolean}} Wish
 *   `again`: also what is known, for something has come
 * @typedef {{wishes: Set<Wish>, control: AbortController}} Flight
 * @typedef {(query: any, options: {signal: AbortSignal}) => Promise<import("../api.js").Series[]>} Fetch
 */

const MOST_BYTES = 96 << 20;
const AT_ONCE = 3; // requests; the others of the page need connections, too
const SERIES = 300; // in a request

export class SeriesCache {
  /** @param {Fetch} fetch @param {number} [mostBytes] */
  constructor(fetch, mostBytes = MOST_BYTES) {
    this.fetch = fetch;
    this.mostBytes = mostBytes;
    this.bytes = 0;
    /** @type {Map<string, Kept>} what was used last is last */
    this.kept = new Map();
    /** @type {Set<Wish>} */
    this.waiting = new Set();
    /** @type {{wishes: Set<Wish>, look: Look, name: string, runs: string[], keys: string[]}[]} */
    this.queue = [];
    /** @type {Set<Flight>} */
    this.flying = new Set();
    this.planned = false;
  }

  /** @param {string} name of the look @param {string} run @param {string} key */
  get(name, run, key) {
    const id = placeOf(name, run, key);
    const found = this.kept.get(id);
    if (found) {
      this.kept.delete(id);
      this.kept.set(id, found);
    }
    return found;
  }

  /**
   * @param {Omit<Wish, "name">} wish `told` is called each time that something of it has come, and
   *   with an error when it cannot be had
   * @returns {() => void} takes it back
   */
  want(wish) {
    const mine = { ...wish, name: nameOf(wish.look) };
    this.waiting.add(mine);
    if (!this.planned) {
      this.planned = true;
      queueMicrotask(() => this.gather());
    }
    return () => this.drop(mine);
  }

  /** @param {Wish} wish */
  drop(wish) {
    this.waiting.delete(wish);
    for (const each of this.queue) each.wishes.delete(wish);
    this.queue = this.queue.filter((each) => each.wishes.size);
    for (const flight of this.flying) {
      if (flight.wishes.delete(wish) && !flight.wishes.size) flight.control.abort();
    }
  }

  /** Makes requests of what waits. */
  gather() {
    this.planned = false;
    /** @type {Map<string, {look: Look, name: string, runs: string[], keys: Map<string, Set<Wish>>}>} */
    const groups = new Map();
    for (const wish of this.waiting) {
      for (const key of wish.keys) {
        const lacking = wish.again
          ? wish.runs
          : wish.runs.filter((run) => !this.kept.has(placeOf(wish.name, run, key)));
        if (!lacking.length) continue;
        const id = JSON.stringify([wish.name, lacking]);
        const group = groups.get(id) ?? { ...wish, runs: lacking, keys: new Map() };
        groups.set(id, group);
        group.keys.set(key, (group.keys.get(key) ?? new Set()).add(wish));
      }
    }
    this.waiting.clear();
    for (const { look, name, runs, keys } of groups.values()) {
      const names = [...keys.keys()];
      const each = Math.max(Math.floor(SERIES / runs.length), 1);
      for (let from = 0; from < names.length; from += each) {
        const some = names.slice(from, from + each);
        const wishes = new Set(some.flatMap((key) => [...(keys.get(key) ?? [])]));
        this.queue.push({ wishes, look, name, runs, keys: some });
      }
    }
    this.go();
  }

  go() {
    while (this.flying.size < AT_ONCE && this.queue.length) {
      const next = /** @type {SeriesCache["queue"][0]} */ (this.queue.shift());
      const flight = { wishes: next.wishes, control: new AbortController() };
      this.flying.add(flight);
      this.send(next, flight.control.signal).then(
        () => this.landed(flight),
        (error) => this.landed(flight, error),
      );
    }
  }

  /** @param {SeriesCache["queue"][0]} asked @param {AbortSignal} signal */
  async send({ look, name, runs, keys }, signal) {
    const { kind, x, from, to, points } = look;
    const after = runs.flatMap((run) =>
      keys.map((key) => this.kept.get(placeOf(name, run, key))?.cursor ?? ""),
    );
    /** @type {any} */
    const query = { runs, keys, x, points, kind };
    if (from !== null) query.from = from;
    if (to !== null) query.to = to;
    if (after.some(Boolean)) query.after = after;
    for (const got of await this.fetch(query, { signal })) this.take(name, got);
  }

  /** @param {string} name @param {import("../api.js").Series} got */
  take(name, { run, key, x, y, bin, keep, cursor }) {
    const id = placeOf(name, run, key);
    const before = this.kept.get(id);
    if (before && keep === before.x.length && !x.length) {
      before.cursor = cursor;
      return;
    }
    // Copied: an array that points into the answer would keep all of the answer.
    const whole = { x: joined(before?.x, keep, x), y: joined(before?.y, keep, y) };
    this.forget(id);
    this.kept.set(id, { run, key, ...whole, bin, cursor });
    this.bytes += 16 * whole.x.length + 400;
    for (const oldest of this.kept.keys()) {
      if (this.bytes <= this.mostBytes) break;
      this.forget(oldest);
    }
  }

  /** @param {string} id */
  forget(id) {
    const found = this.kept.get(id);
    if (found && this.kept.delete(id)) this.bytes -= 16 * found.x.length + 400;
  }

  /** @param {Flight} flight @param {Error} [error] */
  landed(flight, error) {
    this.flying.delete(flight);
    this.go();
    if (!flight.control.signal.aborted) for (const wish of flight.wishes) wish.told(error);
  }
}

/** @param {Look} look @returns {string} */
export function nameOf({ kind, x, from, to, points }) {
  return JSON.stringify([kind, x, from, to, points]);
}

/** @param {string} name @param {string} run @param {string} key */
function placeOf(name, run, key) {
  return `${name}\n${run}\n${key}`;
}

/** @param {Float64Array | undefined} before @param {number} keep @param {Float64Array} more */
function joined(before, keep, more) {
  const found = new Float64Array(keep + more.length);
  if (before) found.set(before.subarray(0, keep));
  found.set(more, keep);
  return found;
}
