/** One question asked again and again: races, failures, and how often. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Fetching, paced } from "../../controller/dashboard/static/js/fetching.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** A server whose answers come when the test says so. */
class Server {
  asked = [];
  load = (signal) => new Promise((resolve, reject) => this.asked.push({ signal, resolve, reject }));
  async answer(value) {
    this.asked.at(-1).resolve(value);
    await settle();
  }
  async refuse(status) {
    this.asked.at(-1).reject(Object.assign(new Error(`refused: ${status}`), { status }));
    await settle();
  }
}

async function settle() {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

function begin() {
  const server = new Server();
  const states = [];
  const fetching = new Fetching(server.load, (state) => states.push(state));
  fetching.ask();
  return { server, fetching, states, last: () => states.at(-1) };
}

test("what is there stays while it is asked anew", async () => {
  const { server, fetching, last } = begin();
  assert.deepEqual(last(), { loading: true });
  await server.answer("one");
  assert.deepEqual(last(), { data: "one", loading: false });
  fetching.reload();
  assert.deepEqual(last(), { data: "one", loading: true });
  await server.answer("two");
  assert.deepEqual(last(), { data: "two", loading: false });
});

test("changes while an answer is awaited lead to one more question, and do not starve this one", async () => {
  const { server, fetching, last } = begin();
  for (let turn = 0; turn < 10; turn++) fetching.reload();
  assert.equal(server.asked.length, 1);
  await server.answer("old");
  assert.equal(last().data, "old");
  assert.equal(server.asked.length, 2);
  await server.answer("new");
  assert.equal(server.asked.length, 2);
  assert.deepEqual(last(), { data: "new", loading: false });
});

test("an answer that nobody waits for is dropped", async () => {
  const { server, fetching, states } = begin();
  fetching.end();
  assert.ok(server.asked[0].signal.aborted);
  const before = states.length;
  await server.answer("late");
  fetching.reload();
  assert.equal(states.length, before);
  assert.equal(server.asked.length, 1);
});

test("a server that is away is asked again by itself; what was there stays, with the error", async () => {
  const { server, fetching, last } = begin();
  await server.answer("one");
  fetching.reload();
  await server.refuse(0);
  assert.equal(last().data, "one");
  assert.match(last().error.message, /refused/);
  for (const [pause, count] of [
    [1000, 3],
    [2000, 4],
    [4000, 5],
  ]) {
    mock.timers.tick(pause - 1);
    assert.equal(server.asked.length, count - 1);
    mock.timers.tick(1);
    assert.equal(server.asked.length, count);
    await server.refuse(503);
  }
  mock.timers.tick(8000);
  await server.answer("two");
  assert.deepEqual(last(), { data: "two", loading: false });
});

test("what the server refuses for good is not asked again by itself", async () => {
  const { server, last } = begin();
  await server.refuse(404);
  mock.timers.tick(1e6);
  assert.equal(server.asked.length, 1);
  assert.equal(last().error.status, 404);
});

test("after the end nothing is asked, whatever was planned", async () => {
  const { server, fetching } = begin();
  await server.refuse(0);
  fetching.end();
  mock.timers.tick(1e6);
  assert.equal(server.asked.length, 1);
});

test("many calls lead to one act, after the pause, and the last call counts", () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  const clock = mock.method(performance, "now", () => now);
  const pass = (ms) => {
    now += ms;
    mock.timers.tick(ms);
  };
  let acts = 0;
  const { call, end } = paced(() => acts++, 500);
  for (let turn = 0; turn < 10; turn++) call();
  pass(499);
  assert.equal(acts, 0, "it was only just begun");
  pass(1);
  assert.equal(acts, 1);
  call();
  pass(499);
  assert.equal(acts, 1);
  pass(1);
  assert.equal(acts, 2);
  pass(5000);
  call();
  pass(0);
  assert.equal(acts, 3);
  call();
  end();
  pass(5000);
  assert.equal(acts, 3);
  clock.mock.restore();
});
