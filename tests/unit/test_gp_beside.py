"""The model when there is more than one value to a trial: limits, objectives, seconds, a past."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from sweeps.search.axes import Axes, Coordinate
from sweeps.search.base import generator
from sweeps.search.gp.hypervolume import hypervolume
from sweeps.search.gp.known import known_of
from sweeps.search.gp.maximise import Effort
from sweeps.search.gp.model import GpModel, Settings
from sweeps.search.observation import Observation, Standing
from sweeps.spec import spec_from_mapping

PLANE = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}
LITTLE = Settings(effort=Effort(draws=128, around=32, starts=3, calls=12))
Point = Mapping[str, Coordinate]


def model(*, per_second: bool = False) -> GpModel:
    spec = spec_from_mapping({"method": "random", "parameters": PLANE})
    return GpModel(Axes(spec.parameters), 1, LITTLE, per_second=per_second)


def play(
    found: GpModel,
    count: int,
    look: Callable[[Observation], Observation],
    before: Sequence[Observation] = (),
    running: int = 0,
) -> list[Observation]:
    """The trials, each of them told only when `running` later ones have been proposed."""
    seen = list(before)
    for number in range(1, count + 1):
        point = found.propose(seen, rng=generator(1, number))
        assert point is not None
        seen.append(Observation(number, point, Standing.PENDING, None))
        if number > running:
            seen[-1 - running] = look(seen[-1 - running])
    return seen[len(before) :]


def finished(one: Observation, cost: float, **more: object) -> Observation:
    return replace(one, standing=Standing.FINISHED, cost=cost, **more)  # type: ignore[arg-type]


def test_the_best_that_keeps_the_limits() -> None:
    """It is at the border: x = 0.5; what lies beyond is better and forbidden."""

    def look(one: Observation) -> Observation:
        x, y = one.point["x"], one.point["y"]
        return finished(one, 1 - x + (y - 0.3) ** 2, excess=(x - 0.5, None))

    trials = play(model(), 22, look)
    allowed = [t.cost for t in trials if t.excess[0] is not None and t.excess[0] <= 0]
    assert min(cost for cost in allowed if cost is not None) < 0.56
    assert len(allowed) >= 12


@pytest.mark.parametrize("running", [0, 3])
def test_where_hardly_anything_keeps_the_limits_that_is_looked_for_first(running: int) -> None:
    def look(one: Observation) -> Observation:
        x, y = one.point["x"], one.point["y"]
        return finished(one, x + y, excess=((x - 0.85) ** 2 + (y - 0.15) ** 2 - 0.005,))

    trials = play(model(), 25, look, running=running)
    allowed = [t.cost for t in trials if t.excess and t.excess[0] is not None and t.excess[0] <= 0]
    assert min(cost for cost in allowed if cost is not None) < (0.99 if running else 0.93)  # of 0.9


@pytest.mark.parametrize("running", [0, 4])
def test_of_two_objectives_the_whole_front(running: int) -> None:
    """From (0, 1) to (1, 0) on the square root's curve; a random search has 0.3 of its volume."""

    def look(one: Observation) -> Observation:
        x, y = one.point["x"], 1 + 3 * one.point["y"]
        return finished(one, x, others=(y * (1 - np.sqrt(x / y)),))

    trials = play(model(), 24, look, running=running)
    values = np.array([(t.cost, *t.others) for t in trials if t.cost is not None])
    assert hypervolume(values, np.ones(2)) > 0.58  # of 2/3


def test_of_very_many_trials_those_are_known_that_matter() -> None:
    """The cheap ones all break the limit; the front is that of both objectives."""
    seen = [
        finished(
            Observation(n + 1, {"x": n / 999, "y": 0.5}, Standing.PENDING, None),
            n / 999,
            others=(abs(n / 999 - 0.9),),
            excess=(0.8 - n / 999,),
        )
        for n in range(1000)
    ]
    known = known_of(seen, np.array([[one.point["x"], 0.5] for one in seen]))
    order = np.argsort(known.badness, kind="stable")
    assert set(order[:200].tolist()) == set(range(800, 1000))
    assert 800 <= order[0] <= 905


def test_an_objective_that_nobody_logs_is_none() -> None:
    def look(one: Observation) -> Observation:
        seconds = None if one.number % 2 else 3.0
        return finished(one, one.point["x"], others=(None,), excess=(None,), seconds=seconds)

    trials = play(model(per_second=True), 12, look)
    assert min(t.point["x"] for t in trials) < 0.05


def test_per_second_the_cheap_half_is_looked_through_first() -> None:
    """Both halves are as good; the one takes fifty times longer."""

    def look(one: Observation) -> Observation:
        x, y = one.point["x"], one.point["y"]
        cost = min((x - 0.2) ** 2, (x - 0.8) ** 2) + (y - 0.5) ** 2
        return finished(one, cost, seconds=100.0 if x > 0.5 else 2.0)

    spent = [
        sum(t.seconds or 0.0 for t in play(model(per_second=per), 20, look))
        for per in (True, False)
    ]
    assert spent[0] < 0.7 * spent[1]


def bowl(x: float, y: float) -> float:
    return (x - 0.3) ** 2 + (y - 0.6) ** 2


@pytest.mark.parametrize(
    ("scale", "offset", "enough"), [(1, 0, 1e-3), (50, -7, 1e-3), (-1, 0, 1e-2), (0, 1, 1e-2)]
)
def test_a_past_on_any_scale_or_of_no_use(scale: float, offset: float, enough: float) -> None:
    def look(one: Observation) -> Observation:
        return finished(one, bowl(one.point["x"], one.point["y"]))

    places = np.random.default_rng(3).random((25, 2))
    prior = [
        Observation(-n, {"x": x, "y": y}, Standing.FINISHED, scale * bowl(x, y) + offset)
        for n, (x, y) in enumerate(places.tolist())
    ]
    trials = play(model(), 14, look, before=prior)
    assert min(t.cost for t in trials if t.cost is not None) < enough
