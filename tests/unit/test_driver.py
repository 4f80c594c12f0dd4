"""What a driver tells its searcher of trials: while they run, at their end, and after a restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller import mind, orders, record
from controller.driver import Driver
from controller.store.chunk_records import Chunk, ChunkKind
from controller.store.records import NewTrial, SweepRecord
from controller.store.store import Store, open_store
from sweeps.protocol.chunks import encode, pack_points
from sweeps.search import Ended, Event, Reported, Searcher, Suggested
from sweeps.trial import AttemptState, Outcome, Reason, TrialState

YAML = """
program: t.py
method: random
metrics: [{name: loss, goal: minimize}, {name: ms, goal: minimize}, {name: gb, at_most: 2}]
parameters: {lr: {min: 0.0, max: 1.0}}
retry: {max: 1}
"""
OK = Outcome(AttemptState.FINISHED, Reason.OK)
CRASH = Outcome(AttemptState.FAILED, Reason.ERROR)


class Recording(Searcher):
    """Proposes nothing, and keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(0)
        self.told: list[Event] = []

    def tell(self, event: Event) -> None:
        super().tell(event)
        self.told.append(event)

    def _propose(self, number: int) -> dict[str, Any] | None:
        return None

    def of(self, number: int) -> list[Event]:
        """Since the trial last started all over."""
        mine = [event for event in self.told if event.number == number]
        last = max(n for n, event in enumerate(mine) if isinstance(event, Suggested))
        return mine[last:]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'test.db'}") as opened:
        yield opened


class World:
    """A sweep, and a driver whose searcher records."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
        self.store = store
        self.sweep, _ = record.create_sweep(store, YAML + more, origin={})
        generation = store.take_sweep(self.sweep.id, "test", 60)
        assert generation is not None
        self.generation = generation
        self.searchers: list[Recording] = []

        def make(*_: Any) -> Searcher:
            self.searchers.append(Recording())
            return self.searchers[-1]

        monkeypatch.setattr(mind, "make_searcher", make)

    def driver(self) -> Driver:
        nothing: Any = None  # neither Redis nor a queue is asked here
        return Driver(
            self.store, nothing, nothing, self.now(), generation=self.generation, epoch="e"
        )

    def now(self) -> SweepRecord:
        return self.store.get_sweep(self.sweep.id)

    def add(self, *numbers: int) -> None:
        trials = [NewTrial(number, {"lr": number / 10}) for number in numbers]
        self.store.add_trials(self.sweep.id, self.generation, trials, {})

    def start(self, number: int, token: int = 1) -> None:
        name = f"{self.sweep.id}-{number}"
        self.store.start_attempt(name, token, agent_id="a", host="h", device="GPU 0,1 (A100)")

    def log(self, number: int, token: int, step: int, *values: float) -> None:
        points = list(enumerate(values, step))
        rows: list[tuple[int, float, dict[str, Any]]] = [
            (at, 0.0, {"loss": value}) for at, value in points
        ]
        chunk = Chunk(
            f"{self.sweep.id}-{number}", token, ChunkKind.HISTORY, 0, step, points[-1][0],
            len(points), encode(rows), objective=pack_points(points),
        )  # fmt: skip
        self.store.add_chunk(chunk)

    def end(
        self, number: int, outcome: Outcome, token: int = 1, **summary: Mapping[str, Any] | float
    ) -> None:
        name = f"{self.sweep.id}-{number}"
        record.record_end(self.store, name, token, outcome, summary=summary, seconds=0.0)


def test_a_trial_that_finished_without_a_further_metric_says_so_and_is_no_failure(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store, monkeypatch)
    world.add(1, 2, 3)
    for number, summary in ((1, {"ms": 7, "gb": 1}), (2, {"ms": "7", "gb": 1}), (3, {"acc": 1})):
        world.start(number)
        world.end(number, OK, loss=0.5, **summary)
    first, second, third = store.trials(world.sweep.id)
    assert {trial.state for trial in (first, second, third)} == {TrialState.FINISHED}
    assert first.detail == ""
    assert second.detail == (
        "the sweep's `metrics` want 'ms', too: the script's last value was no finite number "
        "(not NaN, not text)"
    )
    assert third.detail == (
        "the sweep's `metrics` want 'ms' and 'gb', too: the script logged 'acc', 'loss'"
    )


@pytest.fixture
def world(store: Store, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(store, monkeypatch)


def learn(driver: Driver) -> None:
    driver._learn()


def test_an_end_tells_metrics_cost_and_reason(world: World) -> None:
    world.add(1, 2)
    driver = world.driver()
    for number in (1, 2):
        world.start(number)
    world.log(1, 1, 0, 0.5, 0.25)
    world.end(1, OK, loss=0.3, ms=7, gb={"nested": 1}, more=9)
    world.end(2, CRASH, gb=3.0)
    learn(driver)
    (searcher,) = world.searchers
    (first, _) = world.store.attempt_times(world.sweep.id)
    cost = 2 * (first.ended - first.started)
    assert searcher.of(1)[1:] == [
        Reported(1, 1, 0.5),
        Reported(1, 2, 0.25),
        Ended(1, TrialState.FINISHED, 0.25, {"ms": 7.0}, cost, Reason.OK),
    ]
    assert searcher.of(2)[1:] == [], "it is tried again"


def test_a_restart_tells_the_same_as_the_driver_before_knew(world: World) -> None:
    """Curves of trials that are over, too; and of attempts only what counts."""
    world.add(1, 2, 3, 4)
    driver = world.driver()
    for number in (1, 2, 3):
        world.start(number)
    world.log(1, 1, 0, 0.5, 0.25)
    world.log(2, 1, 0, 0.9, 0.8, 0.7)
    world.log(3, 1, 0, 0.6)
    learn(driver)
    world.end(1, OK, ms=7)
    world.end(2, CRASH)
    world.end(3, CRASH)
    world.start(2, token=2)
    world.log(2, 2, 2, 0.65, 0.6)  # resumed from its checkpoint: the third value is another
    world.start(3, token=2)
    world.log(3, 2, 0, 0.4)  # all over
    learn(driver)
    world.end(3, OK, token=2, gb=1)
    learn(driver)
    world.driver()
    before, after = world.searchers
    for number in (1, 2, 3, 4):
        assert before.of(number) == after.of(number)
    values = [event.value for event in after.of(2) if isinstance(event, Reported)]
    assert values == [0.9, 0.8, 0.65, 0.6]
    assert [type(event).__name__ for event in after.of(3)] == ["Suggested", "Reported", "Ended"]


def test_no_rule_stops_what_a_person_repeats(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = "early_terminate: {type: median, min_iter: 1, min_trials: 1}"
    world = World(store, monkeypatch, rule)
    world.add(1, 2)
    for number in (1, 2):
        world.start(number)
        world.log(number, 1, 0, 0.2, 0.1)
        world.end(number, OK, ms=1, gb=1)
    again = [{"lr": 0.1}, {"lr": 0.7}, {"lr": 0.1}]
    orders.enqueue(store, world.sweep.id, again, user="ann", key="k")
    driver = world.driver()
    for number in (3, 4, 5):
        world.start(number)
        world.log(number, 1, 0, 0.9, 0.9)
    learn(driver)
    assert driver._stops.keys() == {4}, "a configuration that nobody had tried"
    assert world.driver()._stops.keys() == {4}, "after a restart, too"
