/**
 * Text in markdown, as elements: notes, descriptions, reports. What it may become is decided in
 * markdown_tree.js; nothing is ever read as HTML.
 */
import { Fragment, html, useEffect, useMemo, useRef } from "../html.js";
import { headings, markdownTree } from "../markdown_tree.js";
import { navigate } from "../router.js";
import { asset, home } from "../source.js";

/** @typedef {import("../markdown_tree.js").Node} Node */

/**
 * @param {{text: string | null | undefined, block?: (code: string, lang: string, nth: number) => any,
 *   contents?: boolean, prefix?: string, class?: string}} props
 * `block` may draw a fenced block by its language (a report's panels); null: drawn as code.
 * `contents`: a table of contents where there are three headings or more.
 */
export function Markdown({ text, block, contents = false, prefix = "md-", class: more = "" }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const tree = useMemo(
    () => markdownTree(text ?? "", { base: baseAddress(), prefix }),
    [text, prefix],
  );
  useEffect(() => {
    const wanted = decodeURIComponent(location.hash.slice(1));
    if (!wanted.startsWith(prefix)) return;
    const found = document.getElementById(wanted);
    if (found && place.current?.contains(found)) found.scrollIntoView();
  }, []);
  const listed = contents ? headings(tree) : [];
  const draw = drawing(block);
  return html`<div class=${`markdown ${more}`} ref=${place}>
    ${
      listed.length > 2 &&
      html`<nav class="md-contents" aria-label="Contents">
        <ul>${listed.map(
          ({ id, level, text }) =>
            html`<li class=${`md-level-${level}`}><a href=${`#${id}`} onClick=${follow}>${text}</a></li>`,
        )}</ul>
      </nav>`
    }
    ${tree.map(draw)}
  </div>`;
}

/** Where relative addresses start; a page from a file has the server that it came from. */
function baseAddress() {
  return location.protocol.startsWith("http") ? location.href : "http://page.invalid/";
}

/** @param {((code: string, lang: string, nth: number) => any) | undefined} block */
function drawing(block) {
  let nth = 0;
  /** @param {Node} node @returns {any} */
  const draw = (node) => {
    if (typeof node === "string") return node;
    if ("code" in node) {
      const made = block?.(node.code, node.lang, nth++);
      return made ?? html`<pre class="md-code" tabindex="0"><code>${node.code}</code></pre>`;
    }
    if (node.tag === "img") return html`<${Picture} ...${node.props} />`;
    const within = node.tag === "a" ? { href: home(node.props.href), onClick: follow } : {};
    return html`<${node.tag} ...${node.props} ...${within}>${node.children.map(draw)}<//>`;
  };
  /** @param {Node} node */
  return (node) => html`<${Fragment}>${draw(node)}<//>`;
}

/** @param {{src: string, alt: string}} props */
function Picture({ src, ...more }) {
  const found = asset(src);
  return found
    ? html`<img src=${found} ...${more} />`
    : html`<a href=${home(src)} rel="nofollow">${more.alt || src}</a>`;
}

/** A link within our pages does not load the document again. @param {MouseEvent} event */
function follow(event) {
  const link = /** @type {HTMLAnchorElement} */ (event.currentTarget);
  const href = link.getAttribute("href") ?? "";
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0)
    return;
  if (href.startsWith("#")) {
    const target = document.getElementById(decodeURIComponent(href.slice(1)));
    if (!target) return;
    event.preventDefault();
    history.replaceState(null, "", href);
    target.scrollIntoView();
  } else if (href.startsWith("/")) {
    event.preventDefault();
    navigate(href);
  }
}
