/** News of the server: what is passed on, what is held open, and what heals by itself. */
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

/** As the browser's, with what it was opened for, and whether it was closed. */
class Source extends EventTarget {
  static CLOSED = 2;
  /** @type {Source[]} */
  static all = [];
  constructor(url) {
    super();
    this.topics = new URL(url, "http://here").searchParams.getAll("topic");
    this.readyState = 0;
    Source.all.push(this);
  }
  close() {
    this.readyState = Source.CLOSED;
  }
  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }
  say(topic, version, quiet = 0) {
    const event = new Event("change");
    event.data = JSON.stringify({ topic, version, quiet });
    this.dispatchEvent(event);
  }
  fail(forGood = false) {
    if (forGood) this.readyState = Source.CLOSED;
    this.dispatchEvent(new Event("error"));
  }
  static get newest() {
    return Source.all.at(-1);
  }
  static get alive() {
    return Source.all.filter((each) => each.readyState !== Source.CLOSED);
  }
}

const page = new EventTarget();
page.hidden = false;
let answer = { ok: true, status: 200 };
mock.timers.enable({ apis: ["setTimeout", "Date"] });
Object.assign(globalThis, {
  EventSource: Source,
  document: page,
  addEventListener: () => undefined,
  fetch: async () => ({ ...answer, json: async () => ({ error: { kind: "x", message: "no" } }) }),
});
const { onConnection, subscribe } = await import("../../controller/dashboard/static/js/live.js");

/** Lets time go by, and promises that it set free. */
async function pass(ms) {
  mock.timers.tick(ms);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

beforeEach(async () => {
  await pass(10_000);
  assert.equal(Source.alive.length, 0, "the test before left something open");
  Source.all = [];
});

test("those that subscribe together share a stream, and hear of their topics alone", async () => {
  const heard = [];
  const ends = [
    subscribe(["run/b", "run/a"], () => heard.push("ab")),
    subscribe(["sweeps"], () => heard.push("sweeps")),
  ];
  await pass(20);
  assert.equal(Source.all.length, 1);
  assert.deepEqual(Source.newest.topics, ["run/a", "run/b", "sweeps"]);
  Source.newest.open();
  for (const topic of Source.newest.topics) Source.newest.say(topic, "1", 1000);
  Source.newest.say("run/a", "2");
  Source.newest.say("run/a", "2");
  Source.newest.say("sweeps", "2");
  assert.deepEqual(heard, ["ab", "sweeps"]);
  for (const end of ends) end();
});

test("who fetched before the stream began looks again, unless nothing can have come since", async () => {
  let looks = 0;
  const end = subscribe(["run/quiet"], () => looks++);
  const other = subscribe(["run/busy"], () => looks++);
  await pass(20);
  Source.newest.say("run/quiet", "1", 3600);
  assert.equal(looks, 0);
  Source.newest.say("run/busy", "1", 0.5);
  assert.equal(looks, 1);
  end();
  other();
});

test("a stream that dropped heals: only what changed meanwhile is news", async () => {
  const heard = [];
  const end = subscribe(["run/a"], () => heard.push("a"));
  const other = subscribe(["run/b"], () => heard.push("b"));
  await pass(20);
  Source.newest.open();
  for (const topic of ["run/a", "run/b"]) Source.newest.say(topic, "1", 1000);
  Source.newest.fail(); // the browser tries again by itself
  Source.newest.open();
  Source.newest.say("run/a", "1", 0);
  Source.newest.say("run/b", "2", 0);
  assert.deepEqual(heard, ["b"]);
  end();
  other();
});

test("a server that refuses is asked again later and later, and the frame is told", async () => {
  const told = [];
  const stop = onConnection((reachable) => told.push(reachable));
  const end = subscribe(["run/a"], () => undefined);
  await pass(20);
  Source.newest.open();
  for (let turn = 0; turn < 5; turn++) {
    Source.newest.fail(true);
    await pass(60_000);
    assert.equal(Source.all.length, turn + 2);
  }
  assert.deepEqual(told, [true, false]);
  Source.newest.open();
  assert.deepEqual(told, [true, false, true]);
  stop();
  end();
});

test("a break of a second is nobody's business", async () => {
  const told = [];
  const stop = onConnection((reachable) => told.push(reachable));
  const end = subscribe(["run/a"], () => undefined);
  await pass(20);
  Source.newest.open();
  Source.newest.fail();
  await pass(1000);
  Source.newest.open();
  await pass(5000);
  assert.deepEqual(told, [true]);
  stop();
  end();
});

test("who is not logged in any more is not asked for ever", async () => {
  answer = { ok: false, status: 401 };
  const end = subscribe(["run/a"], () => undefined);
  await pass(20);
  Source.newest.fail(true);
  await pass(600_000);
  assert.equal(Source.all.length, 1);
  answer = { ok: true, status: 200 };
  end();
});

test("a connection that says nothing for long is dead: a new one is opened", async () => {
  const end = subscribe(["run/a"], () => undefined);
  await pass(20);
  Source.newest.open();
  for (let second = 0; second < 120; second += 15) {
    await pass(15_000);
    Source.newest.dispatchEvent(new Event("alive"));
  }
  assert.equal(Source.all.length, 1);
  await pass(60_000);
  assert.ok(Source.all.length > 1);
  assert.equal(Source.alive.length, 1);
  end();
});

test("a hidden tab holds nothing open, after a moment", async () => {
  const end = subscribe(["run/a"], () => undefined);
  await pass(20);
  page.hidden = true;
  page.dispatchEvent(new Event("visibilitychange"));
  await pass(1000);
  assert.equal(Source.alive.length, 1);
  await pass(5000);
  assert.equal(Source.alive.length, 0);
  page.hidden = false;
  page.dispatchEvent(new Event("visibilitychange"));
  await pass(1);
  assert.equal(Source.alive.length, 1);
  end();
});

test("from page to page for a day: one stream at most, and nothing is left", async () => {
  for (let turn = 0; turn < 2000; turn++) {
    const ends = [
      subscribe([`run/${turn}`, "sweeps"], () => undefined),
      subscribe(["server"], () => undefined),
    ];
    await pass(turn % 2 ? 1000 : 30);
    assert.ok(Source.alive.length <= 1);
    if (turn % 7 === 0) Source.newest.fail(true);
    Source.newest.open();
    for (const end of ends) end();
    if (turn % 100 === 0) Source.all = Source.alive;
  }
  await pass(60_000);
  assert.equal(Source.alive.length, 0);
});
