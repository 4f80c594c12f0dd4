/**
 * Markdown as a tree of elements that are harmless: what components/markdown.js draws. Pure.
 *
 * Text that anybody wrote is read by marked's lexer alone; its HTML writer is never used. An element
 * is one of a fixed set, each with attributes that are made here: raw HTML stays text, an address is
 * kept only if it leads by http, https or mailto, or within our pages, and a picture is shown only
 * if it is ours. Text that is too long, too deep or that the lexer cannot read is shown as it is.
 */
import { Lexer } from "marked";

/**
 * @typedef {{tag: string, props: Record<string, any>, children: Node[]}} Element
 * @typedef {{code: string, lang: string}} CodeBlock fenced: whoever draws may make something of it
 * @typedef {string | Element | CodeBlock} Node
 * @typedef {{base?: string, prefix?: string}} How
 * `base`: the address that relative ones start from; `prefix`: before the ids of headings
 */

export const LONGEST = 200_000;
const LONGEST_PARAGRAPH = 8_000;
const DEEPEST = 24;
const FAR = "noopener noreferrer nofollow";

/** @param {string} text @param {How} [how] @returns {Node[]} */
export function markdownTree(text, how = {}) {
  if (text.length > LONGEST) return [plain(text)];
  try {
    const reader = new Reader(how.base ?? "http://page.invalid/", how.prefix ?? "md-");
    return reader.all(new BoundedLexer({ gfm: true }).lex(text), 0);
  } catch (error) {
    if (error instanceof RangeError) return [plain(text)]; // nested too deep for the lexer itself
    throw error;
  }
}

/** The headings of a tree, for a table of contents.
 * @param {Node[]} tree @returns {{id: string, level: number, text: string}[]} */
export function headings(tree) {
  return tree.flatMap((node) => {
    const level = typeof node === "object" && "tag" in node && /^h([1-6])$/.exec(node.tag)?.[1];
    if (!level) return [];
    const element = /** @type {Element} */ (node);
    return [{ id: element.props.id, level: Number(level), text: textOf(element) }];
  });
}

/** @param {Node} node @returns {string} */
export function textOf(node) {
  if (typeof node === "string") return node;
  return "code" in node ? node.code : node.children.map(textOf).join("");
}

/** @param {string} text @returns {Element} */
const plain = (text) => element("pre", { class: "md-plain" }, [text]);

/** @param {string} tag @param {Record<string, any>} props @param {Node[]} children @returns {Element} */
const element = (tag, props, children) => ({ tag, props, children });

const MARKS = { strong: "strong", em: "em", del: "del", blockquote: "blockquote", paragraph: "p" };

/** A paragraph costs the lexer the square of its length: one that nobody would read stays text. */
class BoundedLexer extends Lexer {
  /** @param {string} text @param {any[]} [tokens] */
  inlineTokens(text, tokens = []) {
    if (text.length <= LONGEST_PARAGRAPH) return super.inlineTokens(text, tokens);
    tokens.push({ type: "text", raw: text, text, escaped: false });
    return tokens;
  }
}

class Reader {
  /** @param {string} base @param {string} prefix */
  constructor(base, prefix) {
    this.base = new URL(base);
    this.prefix = prefix;
    /** @type {Map<string, number>} */
    this.slugs = new Map();
  }

  /** @param {any[]} tokens @param {number} depth @returns {Node[]} */
  all(tokens, depth) {
    return tokens.flatMap((token) => this.one(token, depth + 1));
  }

  /** What is inside of a token. @param {any} token @param {number} depth */
  inside(token, depth) {
    if (depth > DEEPEST) return [unescaped(token.raw ?? token.text ?? "")];
    return token.tokens ? this.all(token.tokens, depth) : [unescaped(token.text ?? "")];
  }

  /** @param {any} token of marked @param {number} depth @returns {Node | Node[]} */
  one(token, depth) {
    switch (token.type) {
      case "space":
      case "def":
        return [];
      case "text":
        return this.inside(token, depth);
      case "escape":
        return token.text;
      case "html":
        return token.block ? element("p", { class: "md-raw" }, [token.raw.trimEnd()]) : token.raw;
      case "br":
      case "hr":
        return element(token.type, {}, []);
      case "codespan":
        return element("code", {}, [token.text]);
      case "code":
        return { code: token.text, lang: (token.lang ?? "").trim() };
      case "heading":
        return this.heading(token, depth);
      case "link":
        return this.link(token.href, this.inside(token, depth), token.title);
      case "image":
        return this.image(token);
      case "list":
        return this.list(token, depth);
      case "table":
        return this.table(token, depth);
    }
    const tag = MARKS[/** @type {keyof typeof MARKS} */ (token.type)];
    return tag ? element(tag, {}, this.inside(token, depth)) : unescaped(token.raw);
  }

  /** @param {any} token @param {number} depth */
  heading(token, depth) {
    const children = this.inside(token, depth);
    const words = children.map(textOf).join("").toLowerCase();
    const slug = words
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s+/g, "-")
      .slice(0, 80);
    const seen = this.slugs.get(slug) ?? 0;
    this.slugs.set(slug, seen + 1);
    const id = `${this.prefix}${slug}${seen ? `-${seen}` : ""}`;
    // The page has its own h1: what is written within it stands below.
    return element(`h${Math.min(token.depth + 1, 6)}`, { id }, children);
  }

  /** @param {string} href @param {Node[]} children @param {string} [title] @returns {Node | Node[]} */
  link(href, children, title) {
    const safe = safeAddress(unescaped(href), this.base);
    if (!safe) return children;
    /** @type {Record<string, any>} */
    const props = title ? { title: unescaped(title) } : {};
    if (safe.startsWith("#")) props.href = `#${this.prefix}${safe.slice(1)}`;
    else if (safe.startsWith("/")) Object.assign(props, { href: safe, rel: "nofollow" });
    else Object.assign(props, { href: safe, rel: FAR, target: "_blank" });
    return element("a", props, children);
  }

  /** @param {any} token */
  image(token) {
    const text = unescaped(token.text ?? "");
    const safe = safeAddress(unescaped(token.href), this.base);
    if (!safe?.startsWith("/")) return this.link(token.href, [text || token.href], token.title);
    const title = token.title ? { title: unescaped(token.title) } : {};
    return element("img", { src: safe, alt: text, loading: "lazy", ...title }, []);
  }

  /** @param {any} token @param {number} depth */
  list(token, depth) {
    const start = token.ordered && token.start !== 1 ? { start: token.start } : {};
    const items = token.items.map((/** @type {any} */ item) => {
      // The lexer says of a task's box in its own token as well: only ours is drawn.
      const tokens = item.tokens.filter((/** @type {any} */ each) => each.type !== "checkbox");
      const children = depth > DEEPEST ? [unescaped(item.raw)] : this.inItem(tokens, depth);
      if (!item.task) return element("li", {}, children);
      const box = { type: "checkbox", disabled: true, checked: Boolean(item.checked) };
      const name = item.checked ? "done" : "to do";
      const input = element("input", { ...box, "aria-label": name }, []);
      return element("li", { class: "md-task" }, [input, " ", ...children]);
    });
    return element(token.ordered ? "ol" : "ul", start, items);
  }

  /** @param {any[]} tokens @param {number} depth */
  inItem(tokens, depth) {
    return tokens.flatMap((token) => {
      if (token.type !== "paragraph" || !token.tokens?.some(isBox))
        return this.one(token, depth + 1);
      const rest = token.tokens.filter((/** @type {any} */ each) => !isBox(each));
      return this.one({ ...token, tokens: rest }, depth + 1);
    });
  }

  /** @param {any} token @param {number} depth */
  table(token, depth) {
    /** @param {any[]} cells @param {string} tag */
    const row = (cells, tag) =>
      element(
        "tr",
        {},
        cells.map((cell, i) => {
          const align = token.align[i];
          return element(tag, align ? { class: `md-${align}` } : {}, this.inside(cell, depth));
        }),
      );
    const head = element("thead", {}, [row(token.header, "th")]);
    const rows = token.rows.map((/** @type {any[]} */ cells) => row(cells, "td"));
    const table = element("table", {}, [head, element("tbody", {}, rows)]);
    return element(
      "div",
      { class: "md-table", tabindex: 0, role: "region", "aria-label": "table" },
      [table],
    );
  }
}

/** @param {any} token */
const isBox = (token) => token.type === "checkbox";

/**
 * An address as it may be followed: "#part" or "/path" within our pages, or a whole one by http,
 * https or mailto; null for any other.
 * @param {string} href @param {URL} base
 */
export function safeAddress(href, base) {
  const trimmed = href.trim();
  if (trimmed.startsWith("#")) return trimmed;
  let url;
  try {
    url = new URL(trimmed, base);
  } catch {
    return null;
  }
  if (url.protocol === "mailto:") return url.href;
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  return url.origin === base.origin ? url.pathname + url.search + url.hash : url.href;
}

/** @type {Record<string, string>} those that people write */
const NAMED = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
  copy: "©",
  hellip: "…",
  mdash: "—",
  ndash: "–",
  times: "×",
  plusmn: "±",
  deg: "°",
  middot: "·",
  larr: "←",
  rarr: "→",
};

/** Text with its character references (`&amp;`, `&#8594;`) read. @param {string} text */
export function unescaped(text) {
  return text.replace(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,8}));/gi,
    (whole, ten, hex, name) => {
      if (name) return NAMED[name] ?? whole;
      const point = ten ? Number(ten) : Number.parseInt(hex, 16);
      return point && point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    },
  );
}
