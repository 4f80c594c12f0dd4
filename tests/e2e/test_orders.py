"""A person's orders about trials, as the loop carries them out, whoever is killed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loop_world import BAYES, GRID, World, loop_world, score, take, valkey, wait_for

from benchmarks.fake_slots import DONE
from controller import orders, record
from controller.store.records import TrialRecord
from sweeps.errors import IllegalTransition, SpecError
from sweeps.protocol.live import Claim, Order
from sweeps.trial import AttemptState, Outcome, Reason, SweepState, TrialState

FAILED = Outcome(AttemptState.FAILED, Reason.ERROR, "it broke", exit_code=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with valkey(tmp_path) as connection, loop_world(tmp_path, connection) as made:
        yield made


def test_one_trial_is_stopped_and_keeps_its_values(world: World) -> None:
    """The order stands in the database: a server that is killed at once has lost nothing."""
    loop = world.loop()
    sweep = world.create(GRID)
    world.free_slots(sweep, 2)
    trial, other = take(world, sweep, 1), take(world, sweep, 2)
    world.log(trial, 1, 0, 0, 5.0, 3.0, 4.0)
    loop.close()
    world.loops.clear()
    orders.stop_trial(world.store, trial.id, user="ann")
    assert orders.stop_trial(world.store, trial.id, user="ben").state is TrialState.RUNNING
    world.loop("server-2", lease_s=1)

    def told() -> Any:
        renewal = world.live.renew(trial.id, 1, "by-hand")
        return renewal if renewal.order is Order.STOP else None

    assert wait_for(told, "the order").why == "stopped by ann"
    assert world.live.renew(other.id, 1, "by-hand").order is Order.NONE
    outcome = Outcome(AttemptState.STOPPED, Reason.EARLY_STOP, "stopped by ann", signal=15)
    ended = record.record_end(world.store, trial.id, 1, outcome).trial
    assert (ended.state, ended.reason, ended.detail) == (
        TrialState.STOPPED,
        Reason.USER,
        "stopped by ann",
    )
    assert ended.objective == 3.0


def test_a_trial_that_waits_is_not_begun_once_it_is_stopped(world: World) -> None:
    world.loop()
    sweep = world.create(GRID)
    world.free_slots(sweep, 1)
    wait_for(lambda: world.live.attempt(f"{sweep.id}-1"), "the first trial")
    assert orders.stop_trial(world.store, f"{sweep.id}-1", user="ann").state is TrialState.CANCELED
    # Its job may lie in the queue yet: whoever takes it is fenced at the start.
    assert world.live.claim(f"{sweep.id}-1", 1, "by-hand") is Claim.OK
    with pytest.raises(Exception, match="over: canceled"):
        world.store.start_attempt(f"{sweep.id}-1", 1, agent_id="by-hand", host="box", device="cpu")
    world.agent(sweep, score)
    world.over(sweep)
    states = [trial.state for trial in world.store.trials(sweep.id)]
    assert states == [TrialState.CANCELED] + 29 * [TrialState.FINISHED]


def test_a_configuration_is_tried_next_and_the_search_knows_it(world: World) -> None:
    world.loop()
    sweep = world.create(GRID)
    world.free_slots(sweep, 1)
    take(world, sweep, 1)
    (trial,) = orders.enqueue(world.store, sweep.id, [{"a": 6, "b": 50}], user="ann", key="k")
    again = orders.enqueue(world.store, sweep.id, [{"a": 6, "b": 50}], user="ann", key="k")
    assert [each.id for each in again] == [trial.id]
    assert (trial.number, trial.config, trial.enqueued) == (2, {"a": 6, "b": 50}, "ann:k/0")
    world.wake()
    take(world, sweep, 2)
    for number in (1, 2):
        record.record_end(world.store, f"{sweep.id}-{number}", 1, DONE, summary={"loss": 1.0})
    world.agent(sweep, score)
    assert world.over(sweep).reason == "every configuration was tried"
    configs = [tuple(trial.config.values()) for trial in world.store.trials(sweep.id)]
    assert len(configs) == len(set(configs)) == 30  # the point is not tried again


def test_a_partial_configuration_is_filled_in_after_the_files_own(world: World) -> None:
    """Before the first trial: the file's `enqueue` keeps its turn, and its numbers."""
    file = BAYES + "enqueue: [{x: 1.0}, {x: 2.0, kind: a}]\n"
    sweep = world.create(file)
    (trial,) = orders.enqueue(world.store, sweep.id, [{"x": 3.0}], user="ann", key="k")
    assert (trial.number, trial.config["x"], trial.config["kind"] in "ab") == (3, 3.0, True)
    world.loop()
    world.agent(sweep, score)
    world.over(sweep)
    trials = world.store.trials(sweep.id)
    assert [t.config["x"] for t in trials[:3]] == [1.0, 2.0, 3.0]
    assert [t.enqueued for t in trials[:4]] == [None, None, "ann:k/0", None]
    assert len(trials) == 24  # run_cap counts all of them


def test_what_cannot_be_enqueued(world: World) -> None:
    sweep = world.create(BAYES.replace("24", "1"))
    for config, problem in (({"x": 99.0}, "x"), ({"kind": "c"}, "kind"), ({"y": 1}, "y")):
        with pytest.raises(SpecError) as wrong:
            orders.enqueue(world.store, sweep.id, [config], user="ann", key="k")
        assert wrong.value.key_path == problem
    orders.enqueue(world.store, sweep.id, [{"x": 1.0}], user="ann", key="k")
    with pytest.raises(IllegalTransition, match="room for 0 more"):
        orders.enqueue(world.store, sweep.id, [{"x": 1.0}], user="ann", key="another")
    record.change_state(world.store, sweep.id, "cancel")
    with pytest.raises(IllegalTransition, match="is canceled"):
        orders.enqueue(world.store, sweep.id, [{"x": 1.0}], user="ann", key="third")


def test_a_finished_sweep_goes_on_with_what_is_ordered(world: World) -> None:
    """Failed trials that are tried again, and a configuration; then it is finished anew."""
    broken = True

    def script(trial: TrialRecord, token: int) -> tuple[Outcome, dict[str, Any]]:
        if broken and trial.number % 2:
            return FAILED, {}
        return DONE, {"loss": float(trial.number)}

    world.loop()
    sweep = world.create(GRID.replace("program", "run_cap: 4\nretry: {max: 0}\nprogram"))
    world.agent(sweep, script)
    assert world.over(sweep).state is SweepState.FINISHED
    assert world.store.counts(sweep.id)[TrialState.FAILED] == 2
    broken = False
    retried = orders.retry_trials(world.store, sweep.id)
    assert [trial.number for trial in retried] == [1, 3]
    assert world.state(sweep) is SweepState.RUNNING
    assert orders.retry_trials(world.store, sweep.id, [retried[0].id]) == []  # it waits already
    world.wake()
    world.agent(sweep, script, name="second")
    end = world.over(sweep)
    assert end.reason == "run_cap 4 is reached"
    trials = world.store.trials(sweep.id)
    assert [trial.attempts for trial in trials] == [2, 1, 2, 1]
    assert {trial.state for trial in trials} == {TrialState.FINISHED}

    record.change_run_cap(world.store, sweep.id, 5)
    orders.enqueue(world.store, sweep.id, [{"a": 6, "b": 50}], user="ann", key="k")
    world.wake()
    world.agent(sweep, script, name="third")
    world.over(sweep)
    assert world.store.trials(sweep.id)[4].config == {"a": 6, "b": 50}


def test_a_sweep_at_its_target_takes_no_more(world: World) -> None:
    world.loop()
    sweep = world.create(GRID.replace("{name: loss}", "{name: loss, target: 1000}"))
    world.agent(sweep, score)
    world.over(sweep)
    with pytest.raises(IllegalTransition, match="has reached its target 1000 of loss"):
        orders.enqueue(world.store, sweep.id, [{"a": 6, "b": 50}], user="ann", key="k")


def test_a_sweep_that_stops_leaves_nothing_waiting(world: World) -> None:
    """Whoever was killed between the sweep's state and its trials: the loop goes on from there."""
    sweep = world.create(BAYES)
    orders.enqueue(world.store, sweep.id, [{"x": 1.0}, {"x": 2.0}], user="ann", key="k")
    world.store.set_sweep_state(sweep.id, SweepState.STOPPING, "stopped by a user")
    world.loop()
    assert world.over(sweep).reason == "stopped by a user"
    assert {trial.state for trial in world.store.trials(sweep.id)} == {TrialState.CANCELED}
