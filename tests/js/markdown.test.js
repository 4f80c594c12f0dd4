// What markdown may become: a fixed set of elements, whoever wrote it.
import assert from "node:assert/strict";
import test from "node:test";
import {
  headings,
  LONGEST,
  markdownTree,
  textOf,
} from "../../controller/dashboard/static/js/markdown_tree.js";

/** The tree as text with brackets, so that a test reads at one glance. */
function drawn(node) {
  if (Array.isArray(node)) return node.map(drawn).join("");
  if (typeof node === "string") return node;
  if ("code" in node) return `{${node.lang}: ${node.code}}`;
  const props = Object.entries(node.props).map(([name, value]) => ` ${name}=${value}`);
  return `[${node.tag}${props.join("")}|${drawn(node.children)}]`;
}
const of = (text, how) => drawn(markdownTree(text, how));

function elements(nodes) {
  return nodes.flatMap((node) =>
    typeof node === "object" && "tag" in node ? [node, ...elements(node.children)] : [],
  );
}

test("what people write", () => {
  assert.equal(of("**a** *b* ~~c~~ `d`"), "[p|[strong|a] [em|b] [del|c] [code|d]]");
  assert.equal(of("> a\n\n---"), "[blockquote|[p|a]][hr|]");
  assert.equal(of("3. a\n4. b"), "[ol start=3|[li|a][li|b]]");
  assert.equal(of("```py\nx < 1\n```"), "{py: x < 1}");
  assert.equal(of("AT&amp;T &lt;b&gt; &#8594; `&lt;`"), "[p|AT&T <b> → [code|&lt;]]");
});

test("tables and tasks", () => {
  const table = of("| a | b |\n|--:|---|\n| 1 | *x* |");
  assert.match(table, /\[th class=md-right\|a\]\[th\|b\]/);
  assert.match(table, /\[td class=md-right\|1\]\[td\|\[em\|x\]\]/);
  const boxes = (text) =>
    elements(markdownTree(text))
      .filter(({ tag }) => tag === "input")
      .map(({ props }) => props.checked);
  assert.deepEqual(boxes("- [x] a\n- [ ] b"), [true, false]);
  assert.deepEqual(boxes("- [x] a\n\n- [ ] b"), [true, false]);
});

test("headings have ids of their own, and links find them", () => {
  const tree = markdownTree("# One two\n## *One* two\n### Über\n[go](#one-two)");
  assert.deepEqual(headings(tree), [
    { id: "md-one-two", level: 2, text: "One two" },
    { id: "md-one-two-1", level: 3, text: "One two" },
    { id: "md-über", level: 4, text: "Über" },
  ]);
  assert.match(drawn(tree), /\[a href=#md-one-two\|go\]/);
});

test("HTML is text", () => {
  for (const text of ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a <b>c</b>"]) {
    const tree = markdownTree(text);
    assert.equal(tree.map(textOf).join(""), text);
    assert.deepEqual(new Set(elements(tree).map(({ tag }) => tag)), new Set(["p"]));
  }
});

test("addresses that run something are none", () => {
  const hostile = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java&#10;script:alert(1)",
    "&#106;avascript:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:http://x/y",
  ];
  for (const href of hostile)
    for (const text of [`[x](<${href}>)`, `![x](<${href}>)`, `<${href}>`, `[x][1]\n\n[1]: ${href}`])
      for (const { tag, props } of elements(markdownTree(text)))
        assert.ok(tag !== "img" && (!props.href || /^(https?:|mailto:|\/)/.test(props.href)), text);
});

test("links say how they leave; pictures are ours alone", () => {
  const base = "http://sweeps.lab/reports/r1";
  assert.equal(of("[x](/runs/a)", { base }), "[p|[a href=/runs/a rel=nofollow|x]]");
  assert.equal(of("[x](http://sweeps.lab/a)", { base }), "[p|[a href=/a rel=nofollow|x]]");
  const far = "rel=noopener noreferrer nofollow target=_blank";
  assert.equal(of("[x](//evil.com/a)", { base }), `[p|[a href=http://evil.com/a ${far}|x]]`);
  assert.match(of("![x](/api/a.png)", { base }), /\[img src=\/api\/a\.png alt=x/);
  assert.equal(of("![x](https://e.com/a.png)"), `[p|[a href=https://e.com/a.png ${far}|x]]`);
});

test("text that would take for ever is shown as it is", () => {
  const long = "a_".repeat(LONGEST);
  assert.deepEqual(markdownTree(long).map(textOf), [long]);
  const before = process.cpuUsage(); // by the clock a busy machine takes for ever, too
  for (const text of ["> ", "a_", "[a](", "1. ", "*a **b "]) {
    const repeated = text.repeat(Math.floor(LONGEST / text.length / 2));
    assert.ok(elements(markdownTree(repeated)).length < 3 * LONGEST);
  }
  assert.ok(process.cpuUsage(before).user < 10e6);
});

test("nothing is nested without an end", () => {
  const depth = (nodes) =>
    1 + Math.max(0, ...nodes.map((node) => (node.children ? depth(node.children) : 0)));
  assert.ok(depth(markdownTree(`${"> ".repeat(500)}x`)) < 60);
  assert.ok(depth(markdownTree(`${"*a **b ".repeat(300)}`)) < 60);
});
