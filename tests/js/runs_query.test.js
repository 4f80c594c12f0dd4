// What addresses of the runs table say, its filters, its columns, and how its rows are fetched.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fields, moved, usual } from "../../controller/dashboard/static/js/runs/columns.js";
import {
  operatorsFor,
  read,
  shown,
  told,
  typed,
  write,
} from "../../controller/dashboard/static/js/runs/filters.js";
import {
  apiParams,
  asFilter,
  groupFilter,
  keepQuery,
  readOrder,
  readQuery,
  turned,
  writeOrder,
  writeQuery,
} from "../../controller/dashboard/static/js/runs/query.js";
import { Source } from "../../controller/dashboard/static/js/runs/source.js";

test("an address holds the whole query, and a broken one none of it", () => {
  const params = new URLSearchParams("tab=x");
  const query = {
    q: "a b",
    regex: true,
    filters: '{"a":1}',
    order: "-config.lr",
    group: ["config.opt"],
    hidden: ["r,1"],
    pinned: [],
  };
  writeQuery(params, query);
  assert.deepEqual(readQuery(new URLSearchParams(params.toString())), query);
  assert.equal(new URLSearchParams(keepQuery(params)).get("tab"), null);
  assert.equal(new URLSearchParams(keepQuery(params)).get("hidden"), '["r,1"]');
  writeQuery(params, { q: "", regex: false, filters: "", order: "", group: [], hidden: [] });
  assert.equal(params.toString(), "tab=x");
  assert.deepEqual(readQuery(new URLSearchParams("group=[1,&hidden=7&pinned=[1]")).group, []);
});

test("a search by a regular expression joins the filter", () => {
  const query = readQuery(new URLSearchParams('q=^a&regex=1&filters={"state":"failed"}'));
  const asked = apiParams(query, "", [{ sweep: null }]);
  assert.equal(asked.project, "uncategorized");
  assert.equal(asked.search, "");
  assert.deepEqual(JSON.parse(asked.filters), {
    $and: [{ state: "failed" }, { sweep: null }, { display_name: { $regex: "^a", $options: "i" } }],
  });
  assert.equal(apiParams({ ...query, filters: "{broken" }, "p").filters, "{broken");
  assert.equal(apiParams(readQuery(new URLSearchParams("q=x")), "p").search, "x");
});

test("search and filter are one filter in a report", () => {
  const asked = (/** @type {string} */ text) => asFilter(readQuery(new URLSearchParams(text)));
  assert.equal(asked(""), undefined);
  assert.equal(asked("filters={"), undefined);
  assert.deepEqual(asked('filters={"state":"failed"}'), { state: "failed" });
  assert.deepEqual(asked("q=a.b"), { display_name: { $regex: "a\\.b", $options: "i" } });
  assert.deepEqual(asked('q=x&filters={"a":1}'), {
    $and: [{ a: 1 }, { display_name: { $regex: "x", $options: "i" } }],
  });
});

test("clicks on heads turn orders", () => {
  const up = turned([], "a", false);
  const down = turned(up, "a", false);
  assert.equal(writeOrder(up), "a");
  assert.equal(writeOrder(down), "-a");
  assert.equal(writeOrder(turned(down, "a", false)), "");
  assert.equal(writeOrder(turned(down, "b", true)), "-a,b");
  assert.equal(writeOrder(turned(readOrder("-a, +b"), "a", true)), "b");
  assert.equal(writeOrder(turned(readOrder("a,b"), "c", false)), "c");
});

test("filters are written as the API takes them, and read back", () => {
  for (const text of [
    '{"state":"failed"}',
    '{"$and":[{"config.lr":{"$gt":0.1}},{"tags":{"$in":["a","b"]}}]}',
    '{"$or":[{"display_name":{"$regex":"^x"}},{"notes":{"$not":{"$regex":"y"}}}]}',
    '{"$and":[{"summary.loss":{"$exists":false}},{"config.x":null},{"config.y":{"$ne":3}}]}',
    '{"config.nested":{"$eq":{"a":1}}}',
  ]) {
    const filter = read(text);
    assert.ok(filter, text);
    assert.equal(write(filter), text);
  }
  assert.deepEqual(read('{"a":{"$gt":1,"$lt":2}}')?.conditions.length, 2);
  assert.deepEqual(read(" "), { join: "and", conditions: [] });
});

test("what a list of conditions cannot say stays text", () => {
  for (const text of [
    "{",
    "[1]",
    '{"$nor":[{"a":1}]}',
    '{"$and":[{"$or":[{"a":1}]}]}',
    '{"$or":[{"a":1,"b":2}]}',
    '{"a":{"$in":3}}',
    '{"a":{"$regex":"x","$options":"i"}}',
  ])
    assert.equal(read(text), null, text);
});

test("what is typed becomes a value of the field's kind", () => {
  assert.equal(typed("1e-3", ["number"]), 0.001);
  assert.equal(typed("1e-3", ["text"]), "1e-3");
  assert.equal(typed("true", ["flag", "number"]), true);
  assert.equal(typed("true", ["text"]), "true");
  assert.equal(typed("NaN", ["number"]), "NaN");
  assert.equal(typed(" x ", []), " x ");
  assert.match(typed("2026-01-31T12:00", ["time"]), /^2026-01-3\dT\d\d:00:00\.000\+00:00$/);
  assert.equal(shown(typed("2026-01-31T12:00", ["time"]), ["time"]), "2026-01-31T12:00");
  assert.equal(shown([1], []), "[1]");
  assert.equal(told({ field: "config.lr", op: "gte", value: 0.1 }, "lr"), "lr ≥ 0.1");
  assert.equal(told({ field: "tags", op: "lacks", value: "" }, "Tags"), "Tags missing");
  assert.ok(operatorsFor(["text"]).every(({ op }) => op !== "gt"));
  assert.ok(operatorsFor([]).some(({ op }) => op === "gt"));
});

test("a group's runs are found by its values", () => {
  assert.deepEqual(groupFilter(["config.a", "tags"], [undefined, ["x"]]), {
    $and: [{ "config.a": { $eq: null } }, { tags: { $eq: ["x"] } }],
  });
});

test("columns that nobody chose are those that most runs have", () => {
  const known = [
    { name: "config.lr", runs: 9, kinds: ["number"] },
    { name: "config._private", runs: 9, kinds: ["number"] },
    { name: "summary.picture", runs: 9, kinds: ["media"] },
    { name: "summary.val/acc", runs: 9, kinds: ["number"] },
    { name: "metadata.tags", runs: 9, kinds: ["list"] },
  ];
  const chosen = usual(known);
  assert.deepEqual(chosen.slice(-2), ["config.lr", "summary.val/acc"]);
  assert.equal(chosen[0], "state");
  assert.ok(!chosen.includes("username"));
  assert.ok(
    usual([...known, { name: "metadata.username", runs: 1, kinds: ["text"] }]).includes("username"),
  );
  const all = fields(known);
  assert.equal(all.find(({ name }) => name === "summary.val/acc")?.label, "val/acc");
  assert.ok(all.every(({ name }) => name !== "metadata.tags"));
  assert.deepEqual(moved(["a", "b", "c"], 0, 2), ["b", "c", "a"]);
});

test("what the sweeps are after comes before other columns", () => {
  const number = (/** @type {string} */ name) => ({ name, runs: 9, kinds: ["number"] });
  const names = [
    "summary.epoch",
    "summary.val/acc",
    "summary.val_loss",
    "summary.err.min",
    "config.lr",
  ];
  const known = names.map(number);
  const shown = usual(known, ["val_loss", "val.acc", "err", "gone"]).filter((each) =>
    each.includes("."),
  );
  const first = ["summary.val_loss", "summary.val/acc", "summary.err.min"];
  assert.deepEqual(shown, [...first, "config.lr", "summary.epoch"]);
});

/** @param {string[]} list @param {{calls: number[][]}} [log] */
function sourceOf(list, log = { calls: [] }) {
  /** @type {(() => void)[]} */
  const waiting = [];
  const source = new Source(
    async (from, limit) => {
      log.calls.push([from, limit]);
      return { total: list.length, rows: list.slice(from, from + limit) };
    },
    () => {
      for (const each of waiting.splice(0)) each();
    },
  );
  const next = () => new Promise((done) => waiting.push(() => done(undefined)));
  return { source, next, log };
}

test("rows are fetched as they are needed, and no more", async () => {
  const { source, next, log } = sourceOf(Array.from({ length: 300 }, (_, i) => `r${i}`));
  source.need(0, 40);
  await next();
  assert.equal(source.total, 300);
  assert.equal(source.get(49), "r49");
  assert.equal(source.get(50), undefined);
  source.need(30, 80);
  await next();
  assert.equal(source.get(80), "r80");
  source.need(0, 90);
  assert.deepEqual(log.calls, [
    [0, 50],
    [50, 50],
  ]);
});

test("what changed is fetched anew, and what is gone goes", async () => {
  const list = ["a", "b"];
  const { source, next, log } = sourceOf(list);
  source.need(0, 10);
  await next();
  list.unshift("new");
  source.stale();
  assert.equal(source.get(0), "a", "it stays until the new one is there");
  await next();
  assert.deepEqual(
    [0, 1, 2].map((i) => source.get(i)),
    ["new", "a", "b"],
  );
  list.length = 0;
  source.stale();
  await next();
  assert.equal(source.total, 0);
  assert.equal(source.get(0), undefined);
  list.push("first");
  source.stale();
  await next();
  assert.equal(source.get(0), "first");
  assert.equal(log.calls.length, 4);
});

test("an error is told, and the next change asks again", async () => {
  let broken = true;
  /** @type {() => void} */
  let done = () => {};
  const source = new Source(
    async () => {
      if (broken) throw new Error("no such field");
      return { total: 1, rows: ["a"] };
    },
    () => done(),
  );
  const next = () => new Promise((resolve) => (done = () => resolve(undefined)));
  source.need(0, 10);
  await next();
  assert.equal(source.error?.message, "no such field");
  broken = false;
  source.stale();
  await next();
  assert.equal(source.error, null);
  assert.equal(source.get(0), "a");
});
