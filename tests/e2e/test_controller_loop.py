"""The controller's loop over a real Valkey and a real database, with agents that run no processes.

What must hold: each trial once, whatever dies or is wiped; suggestions that no restart changes;
orders that reach those that run; and an end.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from benchmarks.fake_slots import DONE, FakeSlots
from controller import record
from controller.broker import Broker
from controller.loop import Loop
from controller.queue import TrialQueue
from controller.store.records import Chunk, ChunkKind, SweepRecord, TrialRecord
from controller.store.store import Store, open_store
from sweeps.errors import Fenced
from sweeps.protocol.chunks import encode, pack_points
from sweeps.protocol.live import AgentBeat, Claim, Live, Order, wake_channel
from sweeps.trial import AttemptState, Outcome, Reason, SweepState, TrialState

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

    def over(self, sweep: SweepRecord, timeout_s: float = 30) -> SweepRecord:
        wait_for(lambda: self.state(sweep).over, f"the end of sweep {sweep.id}", timeout_s)
        return self.store.get_sweep(sweep.id)

    def free_slots(self, sweep: SweepRecord, free: int, agent: str = "by-hand") -> None:
        """What an agent that the test plays itself says of itself."""
        self.live.beat(AgentBeat(agent, sweep.id, free), ring=True)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[redis.Redis]:
    broker = Broker(tmp_path / "broker", "test")
    broker.launch()
    try:
        yield broker.connect()
    finally:
        broker.close()


@pytest.fixture
def world(tmp_path: Path, connection: redis.Redis) -> Iterator[World]:
    with open_store(f"sqlite:///{tmp_path / 'opensweep.db'}") as store:
        world = World(store, connection)
        try:
            yield world
        finally:
            for agent in world.agents:
                agent.close()
            for loop in world.loops:
                loop.close()


def score(trial: TrialRecord, token: int) -> tuple[Outcome, Mapping[str, Any]]:
    config = trial.config
    offset = 0.5 if config.get("kind") == "b" else 0.0
    value = sum(float(v) ** 2 for v in config.values() if isinstance(v, int | float))
    return DONE, {"loss": value + offset}


def test_a_grid_is_run_whole_each_point_once(world: World) -> None:
    world.loop()
    sweep = world.create(GRID)
    world.agent(sweep, score)
    end = world.over(sweep)
    trials = world.store.trials(sweep.id)
    assert end.state is SweepState.FINISHED
    assert sorted((t.config["a"], t.config["b"]) for t in trials) == [
        (a, b) for a in range(1, 7) for b in range(10, 60, 10)
    ]
    assert {t.state for t in trials} == {TrialState.FINISHED}
    assert {t.attempts for t in trials} == {1}


def test_two_agents_share_a_grid(world: World) -> None:
    world.loop()
    sweep = world.create(GRID)
    for name in ("one", "two"):
        world.agent(sweep, score, slots=3, name=name)
    world.over(sweep)
    trials = world.store.trials(sweep.id)
    assert len(trials) == 30
    assert {t.agent_id for t in trials} == {"one", "two"}


def test_a_sweep_whose_file_changes_goes_on_with_the_new_one(world: World) -> None:
    """While it runs, with the driver in memory; and after its end."""
    world.loop()
    sweep = world.create(GRID.replace("program", "run_cap: 4\nprogram"))
    world.agent(sweep, score)
    assert world.over(sweep).reason == "run_cap 4 is reached"
    for cap, wider in ((6, "5, 6, 7"), (9, "7, 8, 9")):
        file = GRID.replace("program", f"run_cap: {cap}\nprogram").replace("5, 6", wider)
        record.update_sweep(world.store, sweep.id, file)
        world.wake()
        world.agent(sweep, score, name=f"agent-{cap}")
        world.over(sweep)
        assert len(world.store.trials(sweep.id)) == cap

    held = world.create(GRID)
    agent = world.agent(held, score, name="held")
    wait_for(lambda: world.store.trials(held.id), "the first trial")
    record.update_sweep(world.store, held.id, GRID.replace("50]", "50, 60]"))
    world.wake()
    world.over(held)
    agent.close()
    assert len(world.store.trials(held.id)) == 36


def test_a_new_controller_goes_on_with_the_same_suggestions(world: World) -> None:
    whole = world.create(BAYES)
    first = world.loop()
    world.agent(whole, score, slots=1, name="whole")
    world.over(whole)

    # The same file again, with a controller that is replaced twice on the way.
    halved = world.create(BAYES)
    done = threading.Semaphore(0)
    go_on = threading.Event()

    def counted(trial: TrialRecord, token: int) -> tuple[Outcome, Mapping[str, Any]]:
        if trial.number in (6, 17):
            done.release()
            assert go_on.wait(30)
            go_on.clear()
        return score(trial, token)

    world.agent(halved, counted, slots=1, name="halved")
    for name in ("server-2", "server-3"):
        assert done.acquire(timeout=30)
        first.close()
        world.loops.remove(first)
        first = world.loop(name)
        go_on.set()
    world.over(halved)

    def suggested(sweep: SweepRecord) -> list[Mapping[str, Any]]:
        return [t.config for t in world.store.trials(sweep.id)]

    assert suggested(halved) == suggested(whole)


def test_a_controller_that_fell_silent_is_replaced(world: World) -> None:
    sweep = world.create(GRID)
    # It took the lease, and is never heard of again.
    assert world.store.take_sweep(sweep.id, "dead", ttl_s=1.0) == 1
    world.loop("alive")
    world.agent(sweep, score)
    assert world.over(sweep).generation > 1
    assert len(world.store.trials(sweep.id)) == 30


def test_a_wiped_redis_loses_and_doubles_nothing(world: World, connection: redis.Redis) -> None:
    wiped = threading.Event()
    started: list[str] = []
    lock = threading.Lock()

    def script(trial: TrialRecord, token: int) -> tuple[Outcome, Mapping[str, Any]]:
        with lock:
            started.append(trial.id)
            wipe = len(started) == 10
        if wipe:
            connection.flushall()
            wiped.set()
        return score(trial, token)

    world.loop()
    sweep = world.create(GRID)
    world.agent(sweep, script)
    world.over(sweep, timeout_s=60)
    assert wiped.is_set()
    trials = world.store.trials(sweep.id)
    assert len(trials) == 30
    assert {t.state for t in trials} == {TrialState.FINISHED}
    assert sorted(started) == sorted(t.id for t in trials)  # nothing ran twice


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


def test_a_silent_agent_loses_its_trial_and_its_late_word_does_not_count(
    tmp_path: Path, world: World
) -> None:
    world.loop(lease_s=1.0)
    world.live = Live(world.connection, lease_s=1.0)
    sweep = world.create(GRID)
    world.free_slots(sweep, 1)
    trial = take(world, sweep)
    # No renewal comes: within a lease and a tick the trial waits again, under the next token.
    held = wait_for(
        lambda: world.live.attempt(trial.id).get("token") == "2" or None, "the second token"
    )
    assert held
    first, second = world.store.attempts(trial.id)
    assert (first.state, first.reason) == (AttemptState.LOST, Reason.LEASE_EXPIRED)
    assert "box" in first.detail
    assert second.state is AttemptState.QUEUED
    assert world.live.renew(trial.id, 1, "by-hand").status is Claim.FENCED
    with pytest.raises(Fenced):
        record.record_end(world.store, trial.id, 1, DONE, summary={"loss": 0.0})
    world.free_slots(sweep, 1)
    again = take(world, sweep)
    assert again.token == 2
    record.record_end(world.store, trial.id, 2, DONE, summary={"loss": 1.0})
    assert world.store.get_trial(trial.id).objective == 1.0


def test_a_hopeless_trial_is_ordered_to_stop(world: World) -> None:
    world.loop()
    sweep = world.create(GRID + "early_terminate: {type: hyperband, min_iter: 2, eta: 2}\n")
    world.free_slots(sweep, 3)
    trials = [take(world, sweep, number) for number in (1, 2, 3)]
    for trial, level in zip(trials, (1.0, 2.0, 9.0), strict=True):
        for step in range(2):
            world.log(trial, 1, step, step, level)

    def orders() -> list[Order]:
        return [world.live.renew(t.id, 1, "by-hand").order for t in trials]

    wait_for(lambda: Order.STOP in orders(), "an order to stop")
    # Of three values at iteration 2 the rule lets the better half and the threshold itself live.
    assert orders() == [Order.NONE, Order.NONE, Order.STOP]
    assert "9" in world.live.renew(trials[2].id, 1, "by-hand").why


def test_a_quick_script_is_judged_at_each_band_that_it_passed(world: World) -> None:
    """W&B's rule looks at the last band only; how values are batched must not decide by that."""
    world.loop()
    sweep = world.create(GRID + "early_terminate: {type: hyperband, min_iter: 2, eta: 2}\n")
    world.free_slots(sweep, 3)
    trials = [take(world, sweep, number) for number in (1, 2, 3)]
    for trial, level in zip(trials[:2], (1.0, 2.0), strict=True):
        world.log(trial, 1, 0, 0, level, level)
    world.log(trials[2], 1, 0, 0, *[9.0] * 10)  # nobody else has come to bands 4 and 8
    wait_for(lambda: world.live.renew(trials[2].id, 1, "by-hand").order is Order.STOP, "a stop")


def test_cancel_reaches_what_runs_and_what_waits(world: World) -> None:
    world.loop()
    sweep = world.create(GRID)
    world.free_slots(sweep, 2)
    running = take(world, sweep, 1)
    record.change_state(world.store, sweep.id, "cancel")
    world.wake()
    wait_for(lambda: world.live.renew(running.id, 1, "by-hand").order is Order.CANCEL, "the order")
    record.record_end(
        world.store, running.id, 1, Outcome(AttemptState.CANCELED, Reason.USER, signal=15)
    )
    world.wake()
    states = {t.number: t.state for t in world.store.trials(sweep.id)}
    assert states == {1: TrialState.CANCELED, 2: TrialState.CANCELED}
    wait_for(lambda: not world.connection.exists(f"rq:queue:sweep-{sweep.id}"), "an empty queue")


def test_an_idle_agent_is_called_when_its_sweep_is_over(
    world: World, connection: redis.Redis
) -> None:
    """Else it would sit there until its next beat."""
    sweep = world.create(GRID)
    with connection.pubsub(ignore_subscribe_messages=True) as calls:
        calls.subscribe(wake_channel("by-hand"))
        wait_for(lambda: calls.subscribed, "the subscription")
        world.free_slots(sweep, 0)
        world.loop()
        record.change_state(world.store, sweep.id, "cancel")
        world.wake()
        state = f"sweep:state:{sweep.id}"
        wait_for(
            lambda: calls.get_message(timeout=1.0) and connection.get(state) == b"canceled",
            "a call that finds it over",
        )


def test_stop_lets_what_runs_end(world: World) -> None:
    world.loop()
    sweep = world.create(GRID)
    world.free_slots(sweep, 2)
    running = take(world, sweep, 1)
    record.change_state(world.store, sweep.id, "stop")
    world.wake()
    assert world.live.renew(running.id, 1, "by-hand").order is Order.NONE
    assert world.state(sweep) is SweepState.STOPPING
    record.record_end(world.store, running.id, 1, DONE, summary={"loss": 3})
    world.wake()
    assert world.over(sweep).state is SweepState.FINISHED
    assert world.store.get_trial(running.id).state is TrialState.FINISHED


def test_what_a_script_told_the_server_itself_is_kept_at_its_end(world: World) -> None:
    """The real wandb client under our agent leaves nothing in the run folder."""
    world.loop()
    sweep = world.create(GRID)
    world.free_slots(sweep, 1)
    running = take(world, sweep, 1)
    said = {"loss": 3.0, "own": 7}
    world.store.describe_run(running.id, 1, summary=said, metadata={"wandb": {}})
    record.record_end(world.store, running.id, 1, DONE, summary={})
    assert world.store.get_trial(running.id).objective == 3.0
    assert world.store.get_run(running.id).summary == said


def test_a_paused_sweep_hands_out_nothing_and_goes_on_when_resumed(world: World) -> None:
    loop = world.loop()
    sweep = world.create(GRID)
    record.change_state(world.store, sweep.id, "pause")
    loop.wake()
    wait_for(lambda: world.live.beat(AgentBeat("by-hand", sweep.id, 2)) == "paused", "paused")
    loop.close()  # it has looked at the free slots at least once more when it is closed
    world.loops.remove(loop)
    assert world.store.trials(sweep.id) == []
    record.change_state(world.store, sweep.id, "resume")
    world.loop()
    world.agent(sweep, score)
    world.over(sweep)
    assert len(world.store.trials(sweep.id)) == 30


def test_the_target_ends_the_sweep(world: World) -> None:
    world.loop()
    sweep = world.create(GRID.replace("{name: loss}", "{name: loss, target: 950}"))
    world.agent(sweep, score, slots=1)
    end = world.over(sweep)
    assert "target 950 of loss is reached" in end.reason
    assert len(world.store.trials(sweep.id)) < 30


def test_run_cap_is_not_exceeded_by_many_slots(world: World) -> None:
    world.loop()
    sweep = world.create(GRID + "run_cap: 7\n")
    world.agent(sweep, score, slots=5)
    end = world.over(sweep)
    assert len(world.store.trials(sweep.id)) == 7
    assert "run_cap 7" in end.reason


def test_a_trial_without_the_objective_has_failed_and_says_what_it_logged(world: World) -> None:
    world.loop()
    sweep = world.create(GRID + "run_cap: 1\n")
    world.agent(sweep, lambda trial, token: (DONE, {"Loss": 1.0, "epoch": 3}))
    world.over(sweep)
    (trial,) = world.store.trials(sweep.id)
    assert (trial.state, trial.reason) == (TrialState.FAILED, Reason.NO_OBJECTIVE)
    assert "'loss'" in trial.detail
    assert "'Loss', 'epoch'" in trial.detail


def test_a_crash_is_retried_as_the_file_says(world: World) -> None:
    def script(trial: TrialRecord, token: int) -> tuple[Outcome, Mapping[str, Any]]:
        if token < 3:
            return Outcome(AttemptState.FAILED, Reason.ERROR, "boom", exit_code=1), {}
        return score(trial, token)

    world.loop()
    sweep = world.create(GRID + "run_cap: 2\nretry: {max: 2}\n")
    world.agent(sweep, script)
    world.over(sweep)
    assert [(t.state, t.attempts) for t in world.store.trials(sweep.id)] == [
        (TrialState.FINISHED, 3)
    ] * 2


def test_a_job_that_the_queue_lost_is_queued_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.loop.RECONCILE_S", 0.2)
    world.loop()
    sweep = world.create(GRID + "run_cap: 1\n")
    world.free_slots(sweep, 1)
    wait_for(lambda: world.connection.llen(f"rq:queue:sweep-{sweep.id}"), "a job")
    world.connection.delete(f"rq:queue:sweep-{sweep.id}")
    world.agent(sweep, score)
    world.over(sweep)
    (trial,) = world.store.trials(sweep.id)
    assert trial.state is TrialState.FINISHED
    superseded, second = world.store.attempts(trial.id)
    assert (superseded.state, second.token) == (AttemptState.SUPERSEDED, 2)


def test_nothing_is_projected_into_a_redis_that_was_wiped_since(
    world: World, connection: redis.Redis
) -> None:
    """A wipe in mid-tick: what the tick has read of Redis is void, and it must begin anew."""
    world.live.set_epoch("before")
    assert world.live.project("s-1", 1, "s", epoch="before")
    connection.flushall()
    with pytest.raises(Fenced):
        world.live.project("s-1", 1, "s", epoch="before")
    assert world.live.attempt("s-1") == {}


def test_redis_away_for_a_while_is_survived(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker", "test")
    broker.launch()
    with open_store(f"sqlite:///{tmp_path / 'opensweep.db'}") as store:
        world = World(store, broker.connect())
        try:
            world.loop()
            sweep = world.create(GRID)
            killed = threading.Event()

            def script(trial: TrialRecord, token: int) -> tuple[Outcome, Mapping[str, Any]]:
                if trial.number == 8 and not killed.is_set() and broker.pid is not None:
                    killed.set()
                    os.kill(broker.pid, signal.SIGKILL)
                return score(trial, token)

            world.agent(sweep, script)
            world.over(sweep, timeout_s=60)
            assert killed.is_set()
            assert len(store.trials(sweep.id)) == 30
        finally:
            for agent in world.agents:
                agent.close()
            for loop in world.loops:
                loop.close()
            broker.close()
