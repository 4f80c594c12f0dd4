"""The controller's loop over a real Valkey and a real database, with agents that run no processes.

What must hold: each trial once, whatever dies or is wiped; suggestions that no restart changes;
orders that reach those that run; and an end.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis
from loop_world import BAYES, GRID, World, loop_world, score, take, valkey, wait_for

from benchmarks.fake_slots import DONE
from controller import record
from controller.broker import Broker
from controller.driver import Driver
from controller.store.records import SweepRecord, TrialRecord
from controller.store.store import open_store
from sweeps.errors import Fenced
from sweeps.protocol.live import AgentBeat, Claim, Live, Order, wake_channel
from sweeps.search import Searcher
from sweeps.trial import AttemptState, Outcome, Reason, SweepState, TrialState


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[redis.Redis]:
    with valkey(tmp_path) as connection:
        yield connection


@pytest.fixture
def world(tmp_path: Path, connection: redis.Redis) -> Iterator[World]:
    with loop_world(tmp_path, connection) as world:
        yield world


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


def test_an_end_that_redis_never_heard_of_is_told_by_the_next_controller(world: World) -> None:
    """Its server was killed between the record and Redis; the lease of an agent of W&B's would
    stand for a minute and a half."""
    loop = world.loop()
    sweep = world.create(GRID)
    world.agent(sweep, score)
    world.over(sweep)
    loop.close()
    world.loops.remove(loop)
    live, epoch = world.live, world.live.epoch()
    agent = "wandb-box-1"
    ended = world.store.trials(sweep.id)[4]
    later = {"epoch": str(epoch), "state": "running", "agent_id": agent}
    assert live.project(ended.id, ended.token + 1, sweep.id, **later)
    assert live.project("another-1", 1, "another", **later)
    world.loop("server-2")
    wait_for(lambda: live.attempts() == [("another-1", 1)], "the end to be told")
    assert live.attempts(sweep.id) == []


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
    why = world.live.renew(trials[2].id, 1, "by-hand").why
    assert why.startswith("hyperband at iteration 2 (step 1): 9")


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


def test_a_sweep_whose_driver_cannot_be_built_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = world.create(GRID)

    def driver(*arguments: Any, **settings: Any) -> Driver:
        if arguments[3].id == broken.id:
            raise ZeroDivisionError
        return Driver(*arguments, **settings)

    monkeypatch.setattr("controller.loop.Driver", driver)
    world.loop()
    other = world.create(GRID + "run_cap: 2\n")
    world.agent(other, score)
    world.over(other)
    assert world.state(broken) is SweepState.PENDING
    told = world.store.get_sweep(broken.id).trouble
    assert told == "the server fails over it (ZeroDivisionError)"
    monkeypatch.setattr("controller.loop.Driver", Driver)
    world.agent(broken, score, name="later")
    world.over(broken)


class Late(Searcher):
    """Suggests until trial `last`, and raises over the next one."""

    last = 3

    def _propose(self, number: int) -> dict[str, Any]:
        if number > self.last:
            raise ValueError("a singular matrix")
        return {"a": number, "b": 10}


def test_a_search_that_fails_late_is_said_holds_up_nothing_else_and_goes_on_once_it_works(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.loop.AGAIN_S", (0.05, 0.1))
    monkeypatch.setattr("controller.mind.make_searcher", lambda *_: Late(0))
    monkeypatch.setattr(Late, "last", 3)
    world.loop()
    sweep = world.create(GRID + "run_cap: 6\n")
    world.free_slots(sweep, 4)
    wait_for(lambda: world.store.get_sweep(sweep.id).trouble, "its trouble")
    assert not world.store.trials(sweep.id), "those that were asked for at once come at once"
    world.free_slots(sweep, 3)
    trials = wait_for(lambda: world.store.trials(sweep.id), "trials")
    assert len(trials) == 3
    assert wait_for(lambda: not world.store.get_sweep(sweep.id).trouble, "no trouble")

    world.agent(sweep, score)
    wait_for(lambda: world.store.get_sweep(sweep.id).trouble, "its trouble")
    why = "the search (grid) fails (ValueError: a singular matrix)"
    wait_for(lambda: world.live.trouble(sweep.id) == why, "word to its agents")
    counted = wait_for(
        lambda: [t for t in world.store.trials(sweep.id) if t.state.over][2:], "ends of what ran"
    )
    assert len(counted) == 1

    monkeypatch.setattr(Late, "last", 99)
    assert world.over(sweep).trouble == ""
    assert len(world.store.trials(sweep.id)) == 6
    wait_for(lambda: world.live.trouble(sweep.id) == "", "word to its agents")


def test_a_sweep_whose_search_fails_can_be_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.mind.make_searcher", lambda *_: Late(0))
    monkeypatch.setattr(Late, "last", 0)
    world.loop()
    sweep = world.create(GRID)
    world.free_slots(sweep, 1)
    wait_for(lambda: world.store.get_sweep(sweep.id).trouble, "its trouble")
    record.change_state(world.store, sweep.id, "stop")
    world.wake()
    assert world.over(sweep).trouble == ""


def test_a_pruner_that_fails_late_stops_nobody_and_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.loop()
    pruned = "early_terminate: {pruner: MedianPruner}\n"
    sweep = world.create(GRID + pruned)
    world.free_slots(sweep, 1)
    trial = take(world, sweep)

    def raises(*_: Any) -> None:
        raise KeyError("x")

    monkeypatch.setattr("sweeps.stopping.optuna_pruner.OptunaPruner.report", raises)
    world.log(trial, 1, 0, 0, 0.5)
    trouble = wait_for(lambda: world.store.get_sweep(sweep.id).trouble, "its trouble")
    assert trouble == "Optuna's pruner MedianPruner fails (KeyError: 'x')"
    record.update_sweep(world.store, sweep.id, GRID)
    assert world.store.get_sweep(sweep.id).trouble == ""


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
