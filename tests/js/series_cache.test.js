// Charts that want the same share a request; what is known is asked for from its cursor on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nameOf, SeriesCache } from "../../controller/dashboard/static/js/charts/series_cache.js";

const LOOK = { kind: "history", x: "_step", from: null, to: null, points: 512 };
const NAME = nameOf(LOOK);
const answer = (query, points = 2) =>
  query.runs.flatMap((run) =>
    query.keys.map((key) => ({
      ...{ run, key, n: points, bin: 1, keep: 0, cursor: `c-${run}-${key}` },
      x: Float64Array.from({ length: points }, (_, i) => i),
      y: Float64Array.from({ length: points }, () => 5),
    })),
  );

function server(answers = answer) {
  const asked = [];
  const cache = new SeriesCache((query, { signal }) => {
    asked.push(query);
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("aborted")));
      setTimeout(() => resolve(answers(query)), 1);
    });
  }, 10_000);
  return { cache, asked };
}

const wanted = (cache, runs, keys, again = false) =>
  new Promise((resolve, reject) =>
    cache.want({
      look: LOOK,
      runs,
      keys,
      again,
      told: (error) => (error ? reject(error) : resolve()),
    }),
  );

test("charts of the same runs share a request, and ask for nothing twice", async () => {
  const { cache, asked } = server();
  await Promise.all([wanted(cache, ["a", "b"], ["loss"]), wanted(cache, ["a", "b"], ["acc"])]);
  assert.deepEqual(
    asked.map(({ runs, keys }) => [runs, keys]),
    [
      [
        ["a", "b"],
        ["loss", "acc"],
      ],
    ],
  );
  await wanted(cache, ["a", "b", "c"], ["loss"]);
  assert.deepEqual(asked[1].runs, ["c"]);
  assert.equal(cache.get(NAME, "c", "loss").y[1], 5);
});

test("what has come is put behind what is right still", async () => {
  let turn = 0;
  const { cache, asked } = server((query) => {
    const [first] = answer(query, 3);
    return turn++
      ? [{ ...first, keep: 2, x: Float64Array.of(7, 8), y: Float64Array.of(1, 2) }]
      : [first];
  });
  await wanted(cache, ["a"], ["loss"]);
  await wanted(cache, ["a"], ["loss"], true);
  assert.deepEqual(asked[1].after, ["c-a-loss"]);
  assert.deepEqual([...cache.get(NAME, "a", "loss").x], [0, 1, 7, 8]);
});

test("a request that nobody wants any more is aborted; one that somebody wants is not", async () => {
  const { cache, asked } = server();
  let told = 0;
  const one = cache.want({
    look: LOOK,
    runs: ["a"],
    keys: ["loss"],
    again: false,
    told: () => told++,
  });
  const both = wanted(cache, ["a"], ["loss"]);
  const other = cache.want({
    look: LOOK,
    runs: ["b"],
    keys: ["loss"],
    again: false,
    told: () => told++,
  });
  await Promise.resolve();
  one();
  other();
  await both;
  assert.equal(told, 0);
  assert.equal(asked.length, 2);
  assert.equal(cache.get(NAME, "b", "loss"), undefined);
});

test("what was not looked at for longest is let go", async () => {
  const { cache } = server((query) => answer(query, 100));
  for (const run of "abcdefgh") await wanted(cache, [run], ["loss"]);
  assert.ok(cache.bytes <= 10_000 && cache.kept.size < 8);
  assert.equal(cache.get(NAME, "a", "loss"), undefined);
  assert.ok(cache.get(NAME, "h", "loss"));
});

test("an error reaches who asked, and later ones are served", async () => {
  let fail = true;
  const { cache } = server((query) => {
    if (fail) throw new Error("no such run");
    return answer(query);
  });
  cache.fetch = async (query) => {
    if (fail) throw new Error("no such run");
    return answer(query);
  };
  await assert.rejects(wanted(cache, ["a"], ["loss"]), /no such run/);
  fail = false;
  await wanted(cache, ["a"], ["loss"]);
  assert.ok(cache.get(NAME, "a", "loss"));
});
