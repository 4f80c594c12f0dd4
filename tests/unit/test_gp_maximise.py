"""Going uphill, and the best point of a mixed space that was not tried."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sweeps.search.axes import Axes
from sweeps.search.gp.ascent import climb
from sweeps.search.gp.columns import Columns
from sweeps.search.gp.maximise import Effort, maximise
from sweeps.spec import spec_from_mapping


class Peak:
    """A term with one top, `top`; in columns of categories other codes cost `height`."""

    def __init__(self, top: np.ndarray, codes: np.ndarray, height: float = 0.3) -> None:
        self._top, self._codes, self._height = top, codes, height

    def value(self, points: np.ndarray) -> np.ndarray:
        apart = points - self._top
        numbers = (np.where(self._codes, 0.0, apart) ** 2).sum(1)
        return -numbers - self._height * (self._codes & (apart != 0)).sum(1)

    def value_and_gradient(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.value(points), np.where(self._codes, 0.0, 2.0 * (self._top - points))


def columns(parameters: dict[str, Any]) -> Columns:
    spec = spec_from_mapping({"method": "random", "parameters": parameters})
    return Columns(Axes(spec.parameters))


def upside_down(function: Callable[[np.ndarray], float]) -> Callable[..., Any]:
    """With the gradient by finite differences, over rows."""

    def both(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        steps = 1e-7 * np.eye(points.shape[1])
        values = np.array([-function(row) for row in points])
        slopes = [
            [(function(row - step) - function(row + step)) / 2e-7 for step in steps]
            for row in points
        ]
        return values, np.array(slopes)

    return both


class TestClimb:
    def test_a_bent_valley(self) -> None:
        valley = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (0.7 - x[0]) ** 2  # noqa: E731
        starts = np.array([[0.1, 0.9], [0.9, 0.1], [0.5, 0.5]])
        found, heights = climb(upside_down(valley), starts, np.ones(2), 150)
        assert found == pytest.approx(np.tile([0.7, 0.49], (3, 1)), abs=2e-3)
        assert heights == pytest.approx(np.zeros(3), abs=1e-5)

    @pytest.mark.parametrize("scale", [0.05, 1.0, 30.0])
    def test_a_top_outside_the_cube(self, scale: float) -> None:
        bowl = lambda x: (x[0] - 2) ** 2 + (x[1] + 1) ** 2 + (x[2] - 0.3) ** 2  # noqa: E731
        starts = np.random.default_rng(0).random((5, 3))
        found, _ = climb(upside_down(bowl), starts, np.full(3, scale), 60)
        assert found == pytest.approx(np.tile([1.0, 0.0, 0.3], (5, 1)), abs=1e-3)

    def test_columns_that_stay_and_starts_at_the_top(self) -> None:
        bowl = lambda x: ((x - 0.25) ** 2).sum()  # noqa: E731
        starts = np.array([[0.5, 0.5], [0.25, 0.25]])
        found, heights = climb(upside_down(bowl), starts, np.array([1.0, 0.0]), 30)
        assert found == pytest.approx(np.array([[0.25, 0.5], [0.25, 0.25]]), abs=1e-4)
        assert heights == pytest.approx([-0.0625, 0.0], abs=1e-6)

    def test_company_changes_nothing(self) -> None:
        bowl = upside_down(lambda x: float(np.sin(7 * x[0]) + (x[1] - 0.5) ** 2 * x[0]))
        starts = np.random.default_rng(1).random((4, 2))
        together, _ = climb(bowl, starts, np.ones(2), 40)
        alone = [climb(bowl, start[None], np.ones(2), 40)[0][0] for start in starts]
        assert together == pytest.approx(np.array(alone), abs=1e-12)


MIXED = {
    "code": {"values": ["a", "b", "c", "d"]},
    "deep": {"min": 0, "max": 40},
    "x": {"min": 0.0, "max": 1.0},
    "y": {"min": 0.0, "max": 1.0},
}


def best_of(found: Columns, term: Peak, tried: set[bytes], seed: int = 0) -> np.ndarray | None:
    rng = np.random.default_rng(seed)
    best = found.draw(4, rng)
    effort = Effort(draws=64, around=16)
    return maximise(
        term, found, rng, best=best, lengths=np.ones(found.count), tried=tried, effort=effort
    )


def test_the_top_of_a_mixed_space_is_found() -> None:
    found = columns(MIXED)
    top = found.encode({"code": 2, "deep": 33, "x": 0.123, "y": 1.0})
    point = best_of(found, Peak(top, found.categorical), set())
    assert point is not None
    assert found.decode(point) == pytest.approx(
        {"code": 2, "deep": 33, "x": 0.123, "y": 1.0}, abs=1e-3
    )


def test_what_was_tried_is_not_proposed_again() -> None:
    found = columns({"code": MIXED["code"], "deep": {"min": 0, "max": 900}})
    term = Peak(found.encode({"code": 1, "deep": 450}), found.categorical, height=1.0)
    tried: set[bytes] = set()
    proposed = []
    for n in range(9):
        point = best_of(found, term, tried, seed=n)
        assert point is not None
        tried |= set(found.keys(point[None]))
        proposed.append(found.decode(point))
    assert all(one["code"] == 1 for one in proposed)
    assert len({one["deep"] for one in proposed}) == 9
    assert all(abs(one["deep"] - 450) < 9 for one in proposed)


def test_a_small_space_is_looked_at_whole() -> None:
    found = columns({"code": MIXED["code"], "deep": {"min": 1, "max": 5}})
    term = Peak(found.encode({"code": 3, "deep": 2}), found.categorical)
    tried: set[bytes] = set()
    heights = []
    for _ in range(20):
        point = best_of(found, term, tried)
        assert point is not None
        tried |= set(found.keys(point[None]))
        heights.append(term.value(point[None])[0])
    assert heights == sorted(heights, reverse=True)
    assert best_of(found, term, tried) is None


class Walled(Columns):
    """Columns with the constraint deep + code <= 20."""

    def allowed(self, points: np.ndarray) -> np.ndarray:
        decoded = [self.decode(point) for point in points]
        return np.array([one["deep"] + one["code"] <= 20 for one in decoded], bool)


def test_constraints_are_kept() -> None:
    spec = spec_from_mapping({"method": "random", "parameters": MIXED})
    found = Walled(Axes(spec.parameters))
    term = Peak(found.encode({"code": 2, "deep": 33, "x": 0.4, "y": 1.0}), found.categorical)
    point = best_of(found, term, set())
    assert point is not None
    best = max(
        itertools.product(range(4), range(21)),
        key=lambda pair: (
            -99
            if sum(pair) > 20
            else term.value(
                found.encode({"code": pair[0], "deep": pair[1], "x": 0.4, "y": 1.0})[None]
            )[0]
        ),
    )
    decoded = found.decode(point)
    assert (decoded["code"], decoded["deep"]) == best
