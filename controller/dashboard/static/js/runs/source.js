/**
 * Rows of a long list, fetched as they come into sight, kept while they may be looked at again, and
 * fetched anew when something changed: what was there stays until the new rows are. Pure (`fetch` is
 * handed in). Neighbours: rows.js (lists of runs and groups), components/table.js (asks).
 */

const STEP = 50;
const KEPT = 4000;

/**
 * @template T
 * @typedef {{total: number, rows: T[], runs?: number}} Page `runs`: where the rows are groups of them
 */

/** @template T */
export class Source {
  /**
   * @param {(from: number, limit: number, signal: AbortSignal) => Promise<Page<T>>} fetch
   * @param {() => void} changed is called when there is something new to draw
   */
  constructor(fetch, changed) {
    this.fetch = fetch;
    this.changed = changed;
    this.total = 0;
    this.runs = 0;
    this.loaded = false;
    /** @type {Error | null} */
    this.error = null;
    /** @type {Map<number, {row: T, version: number}>} */
    this.rows = new Map();
    this.version = 0;
    this.asked = -1;
    this.wanted = { from: 0, to: STEP };
    this.control = new AbortController();
    this.busy = false;
    this.failed = -1;
    this.ended = false;
  }

  /** @param {number} index @returns {T | undefined} */
  get(index) {
    return this.rows.get(index)?.row;
  }

  /** These rows are in sight, or will be soon. @param {number} from @param {number} to */
  need(from, to) {
    this.wanted = { from, to: Math.max(to, from + 1) };
    this.look();
  }

  /** Something changed: what is in sight is fetched anew. */
  stale() {
    this.version++;
    this.look();
  }

  /** Nobody looks any more. */
  end() {
    this.ended = true;
    this.control.abort();
  }

  /** @returns {{from: number, to: number} | null} what has to be fetched */
  missing() {
    const to = this.loaded ? Math.min(this.wanted.to, this.total) : this.wanted.to;
    let first = -1;
    let last = -1;
    for (let i = this.wanted.from; i < to; i++) {
      if (this.rows.get(i)?.version === this.version) continue;
      if (first < 0) first = i;
      last = i;
    }
    if (first < 0) {
      // An empty list has no row that could be old: its length is what may have changed.
      if (this.asked === this.version) return null;
      return { from: 0, to: STEP };
    }
    return {
      from: STEP * Math.floor(first / STEP),
      to: STEP * Math.ceil((last + 1) / STEP),
    };
  }

  async look() {
    if (this.busy || this.ended || this.failed === this.version) return;
    const span = this.missing();
    if (!span) return;
    this.busy = true;
    const { version } = this;
    try {
      const page = await this.fetch(span.from, span.to - span.from, this.control.signal);
      if (this.ended) return;
      page.rows.forEach((row, i) => {
        this.rows.set(span.from + i, { row, version });
      });
      this.total = page.total;
      this.runs = page.runs ?? page.total;
      this.asked = version;
      this.loaded = true;
      this.error = null;
      this.forget();
    } catch (error) {
      if (this.ended) return;
      this.error = /** @type {Error} */ (error);
      this.failed = version;
    } finally {
      this.busy = false;
    }
    this.changed();
    if (!this.error) this.look();
  }

  /** Rows that are no more, and those far from what is looked at. */
  forget() {
    const { from, to } = this.wanted;
    const room = this.rows.size > KEPT ? KEPT / 4 : Number.POSITIVE_INFINITY;
    for (const index of this.rows.keys())
      if (index >= this.total || index < from - room || index > to + room) this.rows.delete(index);
  }
}
