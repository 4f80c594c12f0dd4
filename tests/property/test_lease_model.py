"""Every interleaving of two agents, the controller and a few faults, over the real Lua scripts.

One trial. The scripts run in a real Valkey; the database is the few rules of
`controller/store/attempts.py` (which `test_trial_life.py` holds the real store to); agents and
controller are the steps that agent/beat.py, agent/attempt.py, controller/loop.py and
controller/driver.py take, one message a step, so that anything may come between two of them. All
states that can be reached are visited. In each of them:

- no two agents hold one attempt, and the end is recorded once, by the newest attempt;
- a holder that was fenced out and asks again is never told that all is well;
- the trial can still end, and everybody can come to rest, if no more faults come (nothing is lost,
  nobody trains for nothing for ever).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import redis

from controller.broker import Broker
from sweeps.errors import Fenced
from sweeps.protocol.live import Claim, Live

SWEEP, TRIAL, EPOCH = "s", "s-1", "epoch"
NAMES = "ab"
FAULTS = 3
LOST_LIMIT = 1
"""As in sweeps/retry.py, but sooner: after one lost attempt the trial is queued again, after two
it is given up."""


class Redis(NamedTuple):
    """What `Live` keeps of the trial. `lease`: None, "good" or "over"."""

    marked: bool = False  # with the controller's epoch
    token: int = 0  # 0: no such key
    state: str = ""
    agent: str = ""
    lease: str | None = None


class Agent(NamedTuple):
    """A slot: idle; popped (it took the job); claimed; running; ended (its result is in the
    outbox); told (the server knows; the lease is still there)."""

    phase: str = "idle"
    token: int = 0


class Controller(NamedTuple):
    """`handed`: whether it put the newest attempt into the queue, None: not known. `doing`: its
    next step, with the attempt that it is about."""

    handed: bool | None = None
    doing: str = ""
    token: int = 0


class State(NamedTuple):
    """In the database: the newest attempt's token, its state, its agent; how many were lost before;
    what the trial came to. Elsewhere: Redis, jobs in the queue, the agents a and b, the controller.
    """

    newest: int = 1
    held: str = "queued"
    holder: str = ""
    lost: int = 0
    over: str = ""
    redis: Redis = Redis(marked=True)
    jobs: frozenset[int] = frozenset()
    agents: tuple[Agent, Agent] = (Agent(), Agent())
    controller: Controller = Controller()
    faults: int = FAULTS

    def agent(self, i: int, phase: str, token: int = 0) -> State:
        agents = list(self.agents)
        agents[i] = Agent(phase, token)
        return self._replace(agents=(agents[0], agents[1]))

    def does(self, step: str, token: int = 0) -> State:
        return self._replace(controller=self.controller._replace(doing=step, token=token))

    def end(self, token: int, state: str) -> State | None:
        """The store's `end_attempt`; None: Fenced (or a repeat, which changes nothing either)."""
        if token != self.newest or self.held not in ("queued", "running"):
            return None
        if state == "finished":
            return self._replace(held=state, over=state)
        if self.lost == LOST_LIMIT:
            return self._replace(held=state, over="failed")
        return self._replace(lost=self.lost + 1).queue_next()

    def queue_next(self) -> State:
        handed = None if self.controller.handed is None else False
        controller = self.controller._replace(handed=handed)
        return self._replace(
            newest=self.newest + 1, held="queued", holder="", controller=controller
        )

    def start(self, token: int, agent: str) -> State | None:
        """The store's `start_attempt`; None: Fenced."""
        if token != self.newest or (self.held, self.holder) not in (
            ("queued", ""),
            ("running", agent),
        ):
            return None
        return self._replace(held="running", holder=agent)

    def dies(self, i: int) -> State:
        """Its agent is no more; the next one in its place has another id."""
        name = NAMES[i]
        redis_ = self.redis._replace(agent="gone") if self.redis.agent == name else self.redis
        return self._replace(redis=redis_, holder="gone" if self.holder == name else self.holder)

    def mirrored(self) -> State:
        """The agents have no other difference than their names."""
        swap = {"a": "b", "b": "a"}
        return self._replace(
            holder=swap.get(self.holder, self.holder),
            redis=self.redis._replace(agent=swap.get(self.redis.agent, self.redis.agent)),
            agents=(self.agents[1], self.agents[0]),
        )


class Scripts:
    """The real scripts, each run once for each state of Redis and each call."""

    def __init__(self, connection: redis.Redis) -> None:
        self._connection, self._live = connection, Live(connection, lease_s=3600)
        self._known: dict[tuple[Redis, tuple[object, ...]], tuple[object, Redis]] = {}

    def __call__(self, state: State, *call: object) -> tuple[object, State]:
        key = (state.redis, call)
        if key not in self._known:
            self._write(state.redis)
            self._known[key] = (self._run(*call), self._read())
        answer, after = self._known[key]
        return answer, state._replace(redis=after)

    def _run(self, what: str, token: int = 0, agent: str = "") -> object:
        live = self._live
        if what == "claim":
            return live.claim(TRIAL, token, agent)
        if what == "renew":
            return live.renew(TRIAL, token, agent).status
        if what == "finish":
            return live.finish(TRIAL, token)
        if what == "expired":
            return tuple(expired.token for expired in live.expired())
        try:
            state = "running" if agent else "queued"
            return live.project(TRIAL, token, SWEEP, epoch=EPOCH, state=state, agent_id=agent)
        except Fenced:
            return None

    def _write(self, held: Redis) -> None:
        self._connection.flushall()
        if held.marked:
            self._live.set_epoch(EPOCH)
        if held.token:
            fields = {"token": held.token, "state": held.state, "agent": held.agent, "sweep": SWEEP}
            self._connection.hset(f"sweep:attempt:{TRIAL}", mapping=fields)
        if held.lease is not None:
            score = 1 if held.lease == "over" else 4e12
            self._connection.zadd("sweep:leases", {TRIAL: score})

    def _read(self) -> Redis:
        held = self._live.attempt(TRIAL)
        score = self._connection.zscore("sweep:leases", TRIAL)
        return Redis(
            marked=self._live.epoch() == EPOCH,
            token=int(held.get("token", 0)),
            state=held.get("state", ""),
            agent=held.get("agent", ""),
            lease=None if score is None else "over" if score == 1 else "good",
        )


class Model:
    """What may happen next, and what must never be."""

    def __init__(self, scripts: Scripts) -> None:
        self._run = scripts

    def steps(self, state: State) -> Iterator[State]:
        """What anybody may do next, faults apart."""
        for i in range(len(NAMES)):
            yield from self._agent(state, i)
        yield from self._controller(state)
        if state.redis.lease == "good" and not any(
            state.redis.agent == name and agent.token == state.redis.token
            for name, agent in zip(NAMES, state.agents, strict=True)
        ):
            yield state._replace(redis=state.redis._replace(lease="over"))

    def mishaps(self, state: State) -> Iterator[State]:
        """Faults, and what nobody may rely on: that a script ends which nobody waits for."""
        for i, agent in enumerate(state.agents):
            if agent.phase == "running":
                yield state.agent(i, "ended", agent.token)
        if not state.faults:
            return
        state = state._replace(faults=state.faults - 1)
        yield state._replace(redis=Redis(), jobs=frozenset())  # wiped
        yield state._replace(controller=Controller())  # kill -9
        if state.redis.lease == "good":  # its holder is frozen or cut off, and goes on later
            yield state._replace(redis=state.redis._replace(lease="over"))
        if not state.controller.doing and Agent("popped", state.newest) in state.agents:
            yield from self._reconcile(state)  # just before its claim
        for i, agent in enumerate(state.agents):
            if agent.phase in ("popped", "claimed", "running", "told"):  # kill -9
                yield state.dies(i).agent(i, "idle")
            elif agent.phase == "ended":  # the next agent there finds its outbox
                yield state.dies(i)
            if agent.phase == "popped":  # the answer to its claim is lost on the way
                yield self._run(state, "claim", agent.token, NAMES[i])[1]

    def _agent(self, state: State, i: int) -> Iterator[State]:
        phase, token = state.agents[i]
        if phase == "idle":
            for job in state.jobs:
                yield state._replace(jobs=state.jobs - {job}).agent(i, "popped", job)
        elif phase == "popped":
            claim, after = self._run(state, "claim", token, NAMES[i])
            yield after.agent(i, "claimed", token) if claim is Claim.OK else after.agent(i, "idle")
        elif phase == "claimed":
            started = state.start(token, NAMES[i])
            if started is None:
                yield self._run(state, "finish", token)[1].agent(i, "idle")
            else:
                yield started.agent(i, "running", token)
            yield from self._renew(state, i)
        elif phase == "running":
            if state.start(token, NAMES[i]) is not None:
                yield state.agent(i, "ended", token)
            yield from self._renew(state, i)
        elif phase == "ended":
            told = state.end(token, "finished") or state
            yield told  # the answer is lost; it is said again
            yield told.agent(i, "told", token)
        elif phase == "told":
            yield self._run(state, "finish", token)[1].agent(i, "idle")

    def _renew(self, state: State, i: int) -> Iterator[State]:
        token = state.agents[i].token
        status, after = self._run(state, "renew", token, NAMES[i])
        owns = state.start(token, NAMES[i]) is not None
        if status is Claim.OK:
            assert token == state.redis.token, "a fenced holder was told that all is well"
            yield after
        elif status is Claim.FENCED:
            assert not owns, "the owner was told that it is fenced"
            yield after.agent(i, "idle")
        elif not owns:
            yield after.agent(i, "idle")  # Redis knows nothing of it: the server is asked

    def _controller(self, state: State) -> Iterator[State]:
        doing, token = state.controller.doing, state.controller.token
        done, anew = state.does(""), state._replace(controller=Controller())
        if not doing:
            yield from self._tick(state)
        elif doing == "reap":
            ends = not state.over and token == state.newest
            yield self._run(state.does("lose" if ends else "", token), "finish", token)[1]
        elif doing == "lose":
            yield done.end(token, "lost") or done
        elif doing == "look":  # it has read the queue; now it reads the attempt
            lies = state.redis.token != token or state.redis.state == "queued"
            if state.controller.handed is None and token == state.newest:
                done = done._replace(controller=Controller(handed=True))
            yield done.does("requeue", token) if lies else done
        elif doing == "requeue":
            if token != state.newest or state.held != "queued" or state.over:
                yield anew  # Fenced
            else:
                yield state.queue_next().does("project", token + 1)
        elif doing == "project":
            answer, after = self._run(state, "project", token)
            yield anew if answer is None else after.does("push", token)
        elif doing == "push":
            handed = token == state.newest or state.controller.handed
            yield done._replace(jobs=state.jobs | {token}, controller=Controller(handed))

    def _tick(self, state: State) -> Iterator[State]:
        if not state.redis.marked:
            marked = state.redis._replace(marked=True)
            yield state._replace(redis=marked, controller=Controller())
            return
        expired, after = self._run(state, "expired")
        assert isinstance(expired, tuple)
        yield after
        for token in expired:
            yield after.does("reap", token)
        if not state.over and Agent("popped", state.newest) not in state.agents:
            yield from self._reconcile(state)

    def _reconcile(self, state: State) -> Iterator[State]:
        handed = state.controller.handed
        if state.held == "running":
            yield self._run(state, "project", state.newest, state.holder)[1]
        elif handed is False:
            yield state.does("project", state.newest)
        elif state.newest not in state.jobs:
            yield state.does("look", state.newest)
        elif handed is None:
            yield state._replace(controller=Controller(handed=True))

    def check(self, state: State) -> None:
        holders = [
            agent.token for agent in state.agents if agent.phase in ("claimed", "running", "ended")
        ]
        assert len(holders) == len(set(holders)), "two agents hold one attempt"

    @staticmethod
    def at_rest(state: State) -> bool:
        """The trial is over, and nobody holds anything."""
        idle = state.agents == (Agent(), Agent()) and not state.controller.doing
        return bool(state.over) and idle and not state.redis.token and state.redis.lease is None


@pytest.fixture
def scripts(tmp_path: Path) -> Iterator[Scripts]:
    broker = Broker(tmp_path / "broker", "test")
    broker.launch()
    try:
        yield Scripts(broker.connect())
    finally:
        broker.close()


def test_every_interleaving(scripts: Scripts) -> None:
    model = Model(scripts)
    first = State()
    before: dict[State, list[State]] = {first: []}  # from where a step that must come leads there
    came: dict[State, State | None] = {first: None}
    stack = [first]
    while stack:
        state = stack.pop()
        try:
            model.check(state)
            good = [min(each, each.mirrored(), key=repr) for each in model.steps(state)]
            bad = [min(each, each.mirrored(), key=repr) for each in model.mishaps(state)]
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{_way(came, state)}") from None
        for after in [*good, *bad]:
            if after not in before:
                before[after] = []
                came[after] = state
                stack.append(after)
        for after in good:
            before[after].append(state)
    resting = [state for state in before if model.at_rest(state)]
    ends = set(resting)
    while resting:
        for state in before[resting.pop()]:
            if state not in ends:
                ends.add(state)
                resting.append(state)
    stuck = min((state for state in before if state not in ends), default=None, key=_length(came))
    assert stuck is None, f"from here nobody comes to rest:\n{_way(came, stuck)}"
    assert len(before) > 10_000, "so many at least: the model still does something"


def _length(came: dict[State, State | None]) -> Callable[[State], int]:
    return lambda state: len(_way(came, state).splitlines())


def _way(came: dict[State, State | None], state: State) -> str:
    """How a state was come to, oldest first."""
    way: list[str] = []
    at: State | None = state
    while at is not None:
        way.append(str(at))
        at = came[at]
    return "\n".join(reversed(way))
