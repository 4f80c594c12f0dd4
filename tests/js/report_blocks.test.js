// Panels as text: what is chosen in a dialog becomes a block that the server reads as it was meant.
import assert from "node:assert/strict";
import test from "node:test";
import {
  blockKey,
  newReportAddress,
  panelBlock,
} from "../../controller/dashboard/static/js/report/block_text.js";

test("a block says what was chosen, and nothing that is empty", () => {
  const panel = { kind: "curves", runs: ["a", "b"], metrics: ["val/acc"], title: "", log: [] };
  assert.equal(
    panelBlock(panel),
    '```panel\nkind: curves\nruns: ["a","b"]\nmetrics: ["val/acc"]\n```',
  );
});

test("text that YAML would take for something else is quoted", () => {
  const lines = (value) => panelBlock({ kind: "number", title: value }).split("\n")[2];
  assert.equal(lines("Best of all"), "title: Best of all");
  assert.equal(lines("yes"), 'title: "yes"');
  assert.equal(lines("a: b # c"), 'title: "a: b # c"');
  assert.equal(lines("1e5"), 'title: "1e5"');
  assert.equal(lines('"x"\n- y'), 'title: "\\"x\\"\\n- y"');
});

test("no value ends its block", () => {
  const block = panelBlock({ kind: "number", title: "```\n\n# out" });
  assert.equal(block.split("```").length, 3);
});

test("the address of a report that begins with panels", () => {
  const url = newReportAddress({
    project: "team/p",
    title: "From here",
    panels: [{ kind: "number" }, { kind: "table", limit: 5 }],
  });
  const query = new URL(url, "http://x").searchParams;
  assert.equal(query.get("project"), "team/p");
  assert.equal(
    query.get("text"),
    "```panel\nkind: number\n```\n\n```panel\nkind: table\nlimit: 5\n```",
  );
  assert.equal(newReportAddress({ sweep: "k3j9x2ab" }), "/reports/new?sweep=k3j9x2ab");
});

test("a block is known again wherever it stands", () => {
  assert.equal(blockKey("  kind: a\n\n   runs:\n     - b  "), "kind: a\nruns:\n- b");
});
