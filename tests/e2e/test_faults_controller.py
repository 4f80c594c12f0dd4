"""The controller's process, killed at every point of its tick, and taken over by another one.

Real processes on a real database and a real Valkey; agents run no scripts (benchmarks/fake_slots).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from benchmarks.fake_slots import DONE, FakeSlots
from controller import record
from controller.broker import Broker
from controller.store.records import SweepRecord, TrialRecord
from controller.store.store import Store, open_store
from sweeps.protocol.live import AgentBeat, Claim, Live
from sweeps.trial import AttemptState, Outcome, TrialState

if TYPE_CHECKING:
    from postgresql_server import Postgres

HEAD = "program: train.py\nmetric: {name: loss}\n"


def grid(points: int) -> str:
    return f"{HEAD}method: grid\nparameters: {{x: {{values: {list(range(points))}}}}}\n"


RANDOM = f"{HEAD}method: random\nseed: 5\nrun_cap: 40\nparameters: {{x: {{min: 0.0, max: 1.0}}}}\n"

POINTS = [
    # taking the sweep up
    ("after", "live", "set_epoch"),
    ("before", "store", "take_sweep"),
    ("after", "store", "take_sweep"),
    ("after", "store", "get_sweep"),
    # handing out the first trials
    ("before", "store", "set_sweep_state"),
    ("after", "store", "set_sweep_state"),
    ("before", "store", "add_trials"),
    ("after", "store", "add_trials"),  # recorded, in no queue: the next one finds them so
    ("before", "store", "requeue_attempt"),
    ("after", "store", "requeue_attempt"),
    # recorded, not yet in Redis; in Redis, not yet in the queue; in the queue, nobody told
    ("after", "store", "add_trials"),
    ("before", "live", "project"),
    ("after", "live", "project"),
    ("before", "queue", "enqueue"),
    ("after", "queue", "enqueue"),
    # looking and telling
    ("after", "live", "expired"),
    ("after", "live", "agents"),
    ("after", "queue", "waiting"),
    ("after", "queue", "clean"),
    ("after", "store", "running_attempts"),
    ("after", "store", "ended_since"),
    ("after", "store", "objective_feed"),
    ("before", "live", "set_sweep_state"),
    ("after", "live", "set_sweep_state"),
]
# there is nothing left to do
END = [("before", "store", "finish_sweep"), ("after", "store", "finish_sweep")]


class World:
    def __init__(self, folder: Path, database: str) -> None:
        self.database = database
        self.broker = Broker(folder / "broker", "test")
        self.broker.launch()
        self.connection: redis.Redis = self.broker.connect()
        self.redis_url = self.broker.agent_url(None)
        self.live = Live(self.connection)
        self.ran: list[str] = []
        self._nursery = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("loop_process.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def loop(self, name: str = "server-1", **settings: Any) -> int:
        """A controller; its pid."""
        given = {"name": name, "database": self.database, "redis": self.redis_url, **settings}
        return self._ask(given)

    def dies_at(self, point: tuple[str, str, str], **settings: Any) -> bool:
        """Whether a controller comes to that point, and is killed there."""
        pid = self.loop(point=point, **settings)
        return self._ask({"wait": pid}) == -signal.SIGKILL

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self._ask({"wait": pid})

    def _ask(self, given: Mapping[str, Any]) -> int:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(json.dumps(given) + "\n")
        self._nursery.stdin.flush()
        return int(self._nursery.stdout.readline())

    @contextmanager
    def slots(self, store: Store, sweep: SweepRecord, count: int) -> Iterator[FakeSlots]:
        def script(trial: TrialRecord, token: int) -> tuple[Outcome, Mapping[str, Any]]:
            self.ran.append(trial.id)
            return DONE, {"loss": (float(trial.config["x"]) - 0.3) ** 2}

        slots = FakeSlots(store, self.connection, sweep.id, count, script, self.live.ring)
        slots.start()
        try:
            yield slots
        finally:
            slots.close()

    def end(self) -> None:
        self._nursery.communicate()
        self.connection.close()
        self.broker.close()


@pytest.fixture
def postgresql_url(postgres: Postgres) -> str:
    return postgres.url


@pytest.fixture
def world_on(tmp_path: Path) -> Iterator[Callable[[str], World]]:
    worlds: list[World] = []

    def make(database: str) -> World:
        worlds.append(World(tmp_path, database))
        return worlds[-1]

    yield make
    for world in worlds:
        world.end()


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 60) -> float:
    """Returns for how many seconds it was waited."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, f"waited {timeout_s} s for {what}"
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_controller_that_dies_at_every_point_of_its_tick(
    tmp_path: Path, world_on: Callable[[str], World]
) -> None:
    """One sweep, a controller for each point; the last one lives."""
    world = world_on(f"sqlite:///{tmp_path / 'opensweep.db'}")
    with open_store(world.database) as store:
        sweep, _ = record.create_sweep(store, grid(100), origin={})
        with world.slots(store, sweep, 4):
            for point in POINTS:
                assert world.dies_at(point), point
            assert not store.get_sweep(sweep.id).state.over, "the points are spread over its life"
            for point in END:
                assert world.dies_at(point), point
            world.loop()
            wait_for(lambda: store.get_sweep(sweep.id).state.over, "the end")
        trials = store.trials(sweep.id)
    assert sorted(trial.config["x"] for trial in trials) == list(range(100)), "the grid is exact"
    assert {(trial.state, trial.attempts) for trial in trials} == {(TrialState.FINISHED, 1)}
    assert sorted(world.ran) == sorted(trial.id for trial in trials), "no trial twice"


def test_a_controller_that_dies_while_it_reaps(
    tmp_path: Path, world_on: Callable[[str], World]
) -> None:
    """An agent took a trial and fell silent; whoever comes next finishes what was begun."""
    world = world_on(f"sqlite:///{tmp_path / 'opensweep.db'}")
    live = Live(world.connection, lease_s=1.0)
    with open_store(world.database) as store:
        sweep, _ = record.create_sweep(store, grid(1), origin={})
        trial_id = f"{sweep.id}-1"
        world.live.beat(AgentBeat("silent", sweep.id, 1))
        first = world.loop(lease_s=1.0)
        wait_for(lambda: live.attempt(trial_id).get("state") == "queued", "the trial")
        assert live.claim(trial_id, 1, "silent") is Claim.OK
        store.start_attempt(trial_id, 1, agent_id="silent", host="box", device="")
        world.kill(first)
        for part, method in (("live", "finish"), ("store", "end_attempt")):
            for when in ("before", "after"):
                assert world.dies_at((when, part, method), lease_s=1.0), (when, method)
        world.loop(lease_s=1.0)
        with world.slots(store, sweep, 1):
            wait_for(lambda: store.get_sweep(sweep.id).state.over, "the end")
        states = [attempt.state for attempt in store.attempts(trial_id)]
    assert states[0] is AttemptState.LOST
    assert states[-1] is AttemptState.FINISHED
    assert set(states[1:-1]) <= {AttemptState.SUPERSEDED}, "reaped once"
    assert world.ran == [trial_id]


def test_what_is_suggested_does_not_depend_on_controllers_that_die(
    tmp_path: Path, world_on: Callable[[str], World]
) -> None:
    world = world_on(f"sqlite:///{tmp_path / 'opensweep.db'}")
    suggested = []
    with open_store(world.database) as store:
        for points in ([], POINTS[6:8] + POINTS[10:15]):
            sweep, _ = record.create_sweep(store, RANDOM, origin={})
            with world.slots(store, sweep, 2):
                for point in points:
                    assert world.dies_at(point), point
                last = world.loop()
                wait_for(lambda sweep=sweep: store.get_sweep(sweep.id).state.over, "the end")
                world.kill(last)
            suggested.append([trial.config["x"] for trial in store.trials(sweep.id)])
    assert len(suggested[0]) == 40
    assert suggested[0] == suggested[1]


def test_a_second_controller_takes_over_when_the_lease_has_run_out(
    postgresql_url: str, world_on: Callable[[str], World]
) -> None:
    """Two controllers on one PostgreSQL: the one that waits takes the sweep, and goes on."""
    world = world_on(postgresql_url)
    lease_s = 3.0
    with open_store(world.database) as store:
        sweep, _ = record.create_sweep(store, grid(40), origin={})
        first = world.loop("one", lease_s=lease_s)
        wait_for(lambda: store.get_sweep(sweep.id).owner == "one", "the first's lease")
        world.loop("two", lease_s=lease_s)
        with world.slots(store, sweep, 2):
            wait_for(lambda: len(world.ran) >= 10, "ten trials")
            world.kill(first)
            took = wait_for(lambda: store.get_sweep(sweep.id).owner == "two", "the takeover", 20)
            wait_for(lambda: store.get_sweep(sweep.id).state.over, "the end")
        trials = store.trials(sweep.id)
    assert took <= lease_s + 3.0, "the rest of the lease, and a tick"
    assert sorted(trial.config["x"] for trial in trials) == list(range(40))
    assert sorted(world.ran) == sorted(trial.id for trial in trials)
