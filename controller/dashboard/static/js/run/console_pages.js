/**
 * The lines of a console that a page holds: those near what is looked at, as spans, fetched by pages.
 * Lines that no cursor can reach any more ("settled") never change; the others are asked for again.
 * Knows no elements. Neighbours: console.js (draws), components/ansi_text.js (spans).
 */
import { PLAIN, parse } from "../components/ansi_text.js";

export const PAGE = 500;
const KEPT = 40;

/**
 * @typedef {{first: number, lines: string[], style: string, total: number, settled: number,
 *   starts: Record<string, number>, over: boolean, lanes: string[]}} Answer see console_lines.Page
 * @typedef {import("../components/ansi_text.js").Span[]} Line
 */

export class ConsolePages {
  /**
   * @param {(first: number | null, limit: number) => Promise<Answer>} fetch
   * @param {() => void} onChange
   */
  constructor(fetch, onChange) {
    this.fetch = fetch;
    this.onChange = onChange;
    this.total = 0;
    this.settled = 0;
    this.over = false;
    this.known = false;
    /** @type {string[]} */
    this.lanes = [];
    /** At these lines a further attempt began. @type {Map<number, number>} */
    this.starts = new Map();
    /** @type {Error | null} */
    this.error = null;
    /** @type {Map<number, Line[]>} */
    this.pages = new Map();
    /** @type {Set<number>} */
    this.asked = new Set();
  }

  /** The end, and how much there is; then whatever is new. */
  async refresh() {
    const from = this.known ? Math.floor(this.settled / PAGE) * PAGE : null;
    await this.#ask(from, 2 * PAGE, true);
  }

  /** @param {number} line @returns {Line | undefined} */
  line(line) {
    return this.pages.get(Math.floor(line / PAGE))?.[line % PAGE];
  }

  /** Lines from..to (without) are, or will soon be, in sight. @param {number} from @param {number} to */
  need(from, to) {
    const last = Math.floor(Math.min(to, this.total) - 1) / PAGE;
    for (let page = Math.floor(from / PAGE); page <= last; page++) {
      const held = this.pages.get(page);
      if (held && held.length >= Math.min(PAGE, this.total - page * PAGE)) {
        this.pages.delete(page); // the ones asked for longest ago go first
        this.pages.set(page, held);
      } else if (!this.asked.has(page)) {
        this.asked.add(page);
        this.#ask(page * PAGE, PAGE).finally(() => this.asked.delete(page));
      }
    }
  }

  /** @param {number | null} first @param {number} limit @param {boolean} [tail] */
  async #ask(first, limit, tail = false) {
    try {
      const answer = await this.fetch(first, limit);
      if (tail) this.#forget(Math.floor(this.settled / PAGE));
      this.#take(answer);
      this.error = null;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      this.error = error instanceof Error ? error : new Error(String(error));
    }
    this.onChange();
  }

  /** Pages that may have changed. @param {number} from */
  #forget(from) {
    for (const page of [...this.pages.keys()]) if (page >= from) this.pages.delete(page);
  }

  /** @param {Answer} answer */
  #take(answer) {
    this.total = answer.total;
    this.settled = Math.max(this.settled, answer.settled);
    this.over = answer.over;
    this.lanes = answer.lanes;
    this.starts = new Map(Object.entries(answer.starts).map(([line, n]) => [Number(line), n]));
    this.known = true;
    let style = parse(answer.style).style ?? PLAIN;
    const end = answer.first + answer.lines.length;
    /** @type {Line[]} */
    let page = [];
    for (let i = 0; i < answer.lines.length; i++) {
      const parsed = parse(answer.lines[i], style);
      style = parsed.style;
      page.push(parsed.spans);
      const next = answer.first + i + 1;
      if (next % PAGE && next < end) continue;
      const begin = next - page.length;
      if (begin % PAGE === 0 && (next % PAGE === 0 || next === this.total))
        this.pages.set(begin / PAGE, page);
      page = [];
    }
    for (const old of this.pages.keys()) if (this.pages.size > KEPT) this.pages.delete(old);
  }
}
