/**
 * One question to the server, asked again and again: what is there stays until there is better, an
 * answer that nobody waits for any more is dropped, and what failed because the server was away is
 * asked again by itself. And how often something is done at most. Pure but for the clock. Neighbour:
 * hooks.js, which binds both to components.
 */

const AGAIN_MS = [1000, 30_000];
const AWAY = new Set([0, 502, 503, 504]);

/**
 * @template T
 * @typedef {{data?: T, error?: Error, loading: boolean}} State
 * `error` is that of the last try; `data` stays what it was then
 */

/** @template T */
export class Fetching {
  /**
   * @param {(signal: AbortSignal) => Promise<T>} load
   * @param {(state: State<T>) => void} show is told of each change
   */
  constructor(load, show) {
    this.load = load;
    this.show = show;
    /** @type {State<T>} */
    this.state = { loading: false };
    this.control = new AbortController();
    this.again = false;
    this.failures = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** Asks; while an answer is awaited, once more after that: a busy topic must not starve a slow
   * question. */
  reload() {
    if (this.control.signal.aborted) return;
    if (this.state.loading) this.again = true;
    else this.ask();
  }

  /** Nobody wants to know any more. */
  end() {
    this.control.abort();
    clearTimeout(this.timer);
  }

  async ask() {
    const { signal } = this.control;
    clearTimeout(this.timer);
    this.again = false;
    this.tell({ ...this.state, loading: true });
    try {
      const data = await this.load(signal);
      if (signal.aborted) return;
      this.failures = 0;
      this.tell({ data, loading: false });
    } catch (thrown) {
      if (signal.aborted) return;
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.tell({ ...this.state, error, loading: false });
      this.plan(error);
      return;
    }
    if (this.again) this.ask();
  }

  /** @param {Error & {status?: number}} error */
  plan(error) {
    const [first, last] = AGAIN_MS;
    if (!this.again && !AWAY.has(error.status ?? -1)) return;
    this.timer = setTimeout(() => this.reload(), Math.min(first * 2 ** this.failures, last));
    this.failures += 1;
  }

  /** @param {State<T>} state */
  tell(state) {
    this.state = state;
    this.show(state);
  }
}

/**
 * `call` leads to `act`: soon, but `pauseMs` after the last time (or after now) at the earliest, and
 * once for all calls meanwhile.
 * @param {() => void} act @param {number} pauseMs
 * @returns {{call: () => void, end: () => void}}
 */
export function paced(act, pauseMs) {
  let last = performance.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return {
    call() {
      timer ??= setTimeout(
        () => {
          timer = undefined;
          last = performance.now();
          act();
        },
        Math.max(last + pauseMs - performance.now(), 0),
      );
    },
    end() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
