"""The controller's loop over a real Valkey and a real database, for tests that play its agents."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from benchmarks.fake_slots import DONE, FakeSlots
from controller import record
from controller.broker import Broker
from controller.loop import Loop
from controller.queue import TrialQueue
from controller.store.chunk_records import Chunk, ChunkKind
from controller.store.records import SweepRecord, TrialRecord
from controller.store.store import Store, open_store
from sweeps.protocol.chunks import encode, pack_points
from sweeps.protocol.live import AgentBeat, Claim, Live
from sweeps.trial import Outcome, SweepState

Script = Callable[[TrialRecord, int], tuple[Outcome, Mapping[str, Any]]]

GRID = """
program: train.py
method: grid
metric: {name: loss}
parameters:
  a: {values: [1, 2, 3, 4, 5, 6]}
  b: {values: [10, 20, 30, 40, 50]}
"""
BAYES = """
program: train.py
method: bayes
metric: {name: loss, goal: minimize}
parameters:
  x: {min: -5.0, max: 5.0}
  kind: {values: [a, b]}
run_cap: 24
seed: 7
"""


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 30) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.02)
    return value


class World:
    """A database and a Valkey, and loops and agents over them as a test needs."""

    def __init__(self, store: Store, connection: redis.Redis) -> None:
        self.store, self.connection = store, connection
        self.live = Live(connection)
        self.loops: list[Loop] = []
        self.agents: list[FakeSlots] = []

    def loop(self, name: str = "server-1", **settings: Any) -> Loop:
        loop = Loop(
            self.store, Live(self.connection), TrialQueue(self.connection), name, **settings
        )
        loop.start()
        self.loops.append(loop)
        return loop

    def create(self, yaml: str) -> SweepRecord:
        sweep, _ = record.create_sweep(self.store, yaml, origin={})
        return sweep

    def agent(
        self, sweep: SweepRecord, script: Script, slots: int = 4, name: str = "fake"
    ) -> FakeSlots:
        agent = FakeSlots(
            self.store, self.connection, sweep.id, slots, script, self.wake, agent_id=name
        )
        agent.start()
        self.agents.append(agent)
        return agent

    def wake(self) -> None:
        for loop in self.loops:
            loop.wake()

    def log(self, trial: TrialRecord, token: int, seq: int, step: int, *values: float) -> None:
        """Rows of history with the objective, in one chunk, as an agent ships them."""
        points = list(enumerate(values, step))
        chunk = Chunk(
            trial.id,
            token,
            ChunkKind.HISTORY,
            seq,
            first=step,
            last=points[-1][0],
            rows=len(points),
            data=encode([(step, 0.0, {"loss": value}) for step, value in points]),
            objective=pack_points(points),
        )
        self.store.add_chunk(chunk)
        self.wake()

    def state(self, sweep: SweepRecord) -> SweepState:
        return self.store.get_sweep(sweep.id).state

    def over(self, sweep: SweepRecord, timeout_s: float = 60) -> SweepRecord:
        wait_for(lambda: self.state(sweep).over, f"the end of sweep {sweep.id}", timeout_s)
        return self.store.get_sweep(sweep.id)

    def free_slots(self, sweep: SweepRecord, free: int, agent: str = "by-hand") -> None:
        """What an agent that the test plays itself says of itself."""
        self.live.beat(AgentBeat(agent, sweep.id, free), ring=True)


@contextmanager
def valkey(folder: Path) -> Iterator[redis.Redis]:
    """A connection to a Valkey of the test's own."""
    broker = Broker(folder / "broker", "test")
    broker.launch()
    try:
        yield broker.connect()
    finally:
        broker.close()


@contextmanager
def loop_world(folder: Path, connection: redis.Redis) -> Iterator[World]:
    with open_store(f"sqlite:///{folder / 'opensweep.db'}") as store:
        world = World(store, connection)
        try:
            yield world
        finally:
            for agent in world.agents:
                agent.close()
            for loop in world.loops:
                loop.close()


def take(world: World, sweep: SweepRecord, number: int = 1, agent: str = "by-hand") -> TrialRecord:
    """Claims and starts a trial, as an agent does."""
    trial_id = f"{sweep.id}-{number}"
    held = wait_for(
        lambda: (
            world.live.attempt(trial_id).get("state") == "queued" and world.live.attempt(trial_id)
        ),
        f"{trial_id} in the queue",
    )
    token = int(held["token"])
    assert world.live.claim(trial_id, token, agent) is Claim.OK
    return world.store.start_attempt(trial_id, token, agent_id=agent, host="box", device="cpu")


def score(trial: TrialRecord, token: int) -> tuple[Outcome, Mapping[str, Any]]:
    config = trial.config
    offset = 0.5 if config.get("kind") == "b" else 0.0
    value = sum(float(v) ** 2 for v in config.values() if isinstance(v, int | float))
    return DONE, {"loss": value + offset}
