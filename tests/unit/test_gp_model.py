"""The model: deterministic, never at a loss, and not misled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from sweeps.search.axes import Axes, Coordinate
from sweeps.search.base import generator
from sweeps.search.gp.maximise import Effort
from sweeps.search.gp.model import GpModel, Settings
from sweeps.search.observation import Observation, Standing
from sweeps.spec import spec_from_mapping

PLANE = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}
MIXED = {
    "act": {"values": ["relu", "gelu", "tanh"]},
    "depth": {"min": 1, "max": 8, "when": {"act": ["relu", "gelu"]}},
    "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0},
}
LITTLE = Settings(effort=Effort(draws=128, around=32, starts=4, calls=15))


def model(parameters: dict[str, Any]) -> GpModel:
    spec = spec_from_mapping({"method": "random", "parameters": parameters})
    return GpModel(Axes(spec.parameters), 1, LITTLE)


def ended(number: int, point: Mapping[str, Coordinate], cost: float | None) -> Observation:
    return Observation(number, point, Standing.FAILED if cost is None else Standing.FINISHED, cost)


def play(
    found: GpModel, count: int, cost: Callable[[Mapping[str, Coordinate]], float | None]
) -> list[Observation]:
    seen: list[Observation] = []
    for number in range(1, count + 1):
        point = found.propose(seen, rng=generator(1, number))
        assert point is not None
        seen.append(ended(number, point, cost(point)))
    return seen


def bowl(point: Mapping[str, Coordinate]) -> float:
    return (point["x"] - 0.3) ** 2 + (point["y"] - 0.8) ** 2


def test_it_finds_the_bottom_of_a_bowl() -> None:
    assert min(one.cost or 0.0 for one in play(model(PLANE), 20, bowl)) < 1e-4


def test_it_depends_on_the_observations_and_the_random_numbers_alone() -> None:
    seen = play(model(MIXED), 14, lambda point: float(np.log(point["lr"]) ** 2))
    pending = [
        *seen,
        Observation(15, {"act": 2, "lr": 0.5}, Standing.PENDING, None),
        Observation(16, {"act": 1, "depth": 3, "lr": 0.9}, Standing.PENDING, None),
    ]
    used, fresh = model(MIXED), model(MIXED)
    used.propose(seen, rng=generator(1, 15))
    used.propose(pending, rng=generator(1, 16))
    for number in (17, 18):
        one = used.propose(pending, rng=generator(1, number))
        assert one == fresh.propose(pending, rng=generator(1, number))
    assert one is not None
    assert ("depth" in one) == (one["act"] != 2)


def test_pending_trials_hold_others_off() -> None:
    seen = play(model(PLANE), 8, bowl)
    found = model(PLANE)
    for number in range(9, 29):
        point = found.propose(seen, rng=generator(1, number))
        assert point is not None
        seen.append(Observation(number, point, Standing.PENDING, None))
    waits = np.array([[one.point["x"], one.point["y"]] for one in seen[8:]])
    apart = np.abs(waits[:, None] - waits[None]).max(-1)[~np.eye(20, dtype=bool)]
    assert apart.min() > 1e-3
    assert apart.max() > 0.2


def test_where_trials_fail_is_left_alone() -> None:
    seen = play(model(PLANE), 30, lambda p: None if p["x"] < 0.5 else bowl(p))
    assert sum(one.cost is None for one in seen[15:]) <= 5
    assert min(one.cost for one in seen if one.cost is not None) < 0.07


@pytest.mark.parametrize("cost", [0.0, 1e300, -1e300])
def test_a_constant_objective(cost: float) -> None:
    points = [tuple(one.point.values()) for one in play(model(PLANE), 12, lambda _: cost)]
    assert len(set(points)) == 12


def test_all_fail_and_absurd_values() -> None:
    assert len({tuple(one.point.values()) for one in play(model(PLANE), 12, lambda _: None)}) == 12
    values = iter([1e308, -1e308, 0.0, 5e-324, 1.0, -1.0] * 2)
    play(model(PLANE), 12, lambda _: next(values))


def test_a_stopped_trial_is_no_better_than_the_worst_that_was_not() -> None:
    found = model({"x": {"min": 0.0, "max": 1.0}})
    seen = [ended(n, {"x": 0.5 + n / 20}, 3.0 - n / 20) for n in range(8)]
    seen += [
        Observation(8 + n, {"x": n / 20}, Standing.STOPPED, 0.1, curve=(0.1,)) for n in range(8)
    ]
    points = [found.propose(seen, rng=generator(1, number)) for number in range(20, 26)]
    assert all(point is not None and point["x"] > 0.5 for point in points)


def test_five_values_are_enough_to_begin_with_in_many_columns() -> None:
    found = model({f"x{n}": {"min": 0.0, "max": 1.0} for n in range(12)})
    costs = [one.cost or 0.0 for one in play(found, 10, lambda p: 3 * p["x0"] + p["x1"] - p["x2"])]
    assert np.mean(costs[5:]) < np.mean(costs[:5]) - 0.5


def test_a_hundred_dimensions() -> None:
    found = model({f"x{n}": {"min": 0.0, "max": 1.0} for n in range(100)})
    rng = np.random.default_rng(0)
    seen = []
    for number in range(1, 41):
        point = {f"x{n}": float(x) for n, x in enumerate(rng.random(100))}
        seen.append(ended(number, point, sum((x - 0.5) ** 2 for x in point.values())))
    assert len(found.propose(seen, rng=rng) or {}) == 100


def test_one_point_and_when_all_have_been_tried() -> None:
    found = model({"a": {"values": [1]}, "b": {"values": ["x", "y"]}})
    seen = play(found, 9, lambda point: float(point["b"]))
    assert {one.point["b"] for one in seen[:2]} == {0, 1}
