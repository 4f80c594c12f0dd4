"""A space as columns: there and back, what counts as the same point, and who is next to whom."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sweeps.search.axes import Axes
from sweeps.search.gp.columns import Columns
from sweeps.spec import spec_from_mapping

EVERYTHING: dict[str, Any] = {
    "act": {"values": ["relu", "gelu", "tanh", None]},
    "batch": {"values": [64, 16, 32, 128]},
    "flag": {"values": [True, False]},
    "huge": {"min": 0, "max": 10**6},
    "layers": {"min": 1, "max": 6},
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
    "noise": {"distribution": "normal", "mu": 0, "sigma": 1},
    "odd": {"distribution": "q_normal", "mu": 0, "sigma": 1, "q": 0.5},
    "units": {"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 16},
    "x": {"min": -1.0, "max": 3.0},
}


def columns(parameters: dict[str, Any] = EVERYTHING) -> Columns:
    spec = spec_from_mapping({"method": "random", "parameters": parameters})
    return Columns(Axes(spec.parameters))


def one(columns: Columns, name: str) -> int:
    return columns.names.index(name)


def test_categories_are_codes_and_numbers_to_choose_from_are_ordered() -> None:
    found = columns()
    codes = {name for name, code in zip(found.names, found.categorical, strict=True) if code}
    assert codes == {"act", "flag"}
    lines = {name for name, step in zip(found.names, found.discrete, strict=True) if not step}
    assert lines == {"lr", "noise", "x"}
    places = [found.encode({"batch": n})[one(found, "batch")] for n in range(4)]
    assert places == [0.625, 0.125, 0.375, 0.875]  # 64, 16, 32, 128


def test_cells_are_as_wide_at_the_ends() -> None:
    found = columns({"layers": {"min": 1, "max": 4}, "flag": {"min": 0, "max": 1}})
    assert [found.encode({"layers": n})[1] for n in (1, 2, 3, 4)] == [0.125, 0.375, 0.625, 0.875]
    drawn = found.draw(256, np.random.default_rng(0))
    values, counts = np.unique(drawn[:, 1], return_counts=True)
    assert len(values) == 4
    assert set(counts) == {64}


@pytest.mark.parametrize("seed", range(3))
def test_there_and_back(seed: int) -> None:
    found = columns()
    points = found.draw(64, np.random.default_rng(seed))
    again = np.array([found.encode(found.decode(point)) for point in points])
    assert np.allclose(points, again, atol=1e-12)
    assert np.array_equal(found.canonical(points), points)
    configs = [found.axes.decode(found.decode(point)) for point in points]
    for config, point in zip(configs, points, strict=True):
        there = found.axes.encode(config)
        assert there is not None
        assert np.allclose(found.encode(there), point, atol=1e-9), config


def test_values_that_are_rounded_to_the_same_are_the_same_point() -> None:
    found = columns({"odd": EVERYTHING["odd"]})
    points = found.canonical(np.linspace(0, 1, 2001)[:, None])
    configs = {found.axes.key(found.axes.decode(found.decode(point))) for point in points}
    assert len(set(found.keys(points))) == len(configs) == len(np.unique(points))


def test_draws_are_the_same_for_the_same_numbers_and_even() -> None:
    found = columns()
    one_, two, other = (found.draw(100, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one_, two)
    assert not np.array_equal(one_, other)
    places = found.draw(512, np.random.default_rng(3))[:, one(found, "x")]
    assert np.histogram(places, bins=16, range=(0, 1))[0].tolist() == [32] * 16


def test_neighbours_differ_in_one_discrete_column() -> None:
    found = columns()
    point = found.draw(1, np.random.default_rng(0))[0]
    around = found.neighbours(point)
    assert ((around != point).sum(1) == 1).all()
    moved = {found.names[n] for n in np.flatnonzero((around != point).any(0))}
    assert moved == set(EVERYTHING) - {"lr", "noise", "x"}
    assert (around[:, one(found, "act")] != point[one(found, "act")]).sum() == 3
    assert len(columns({"x": EVERYTHING["x"]}).neighbours(np.array([0.5]))) == 0


def test_near_moves_at_least_one_column_and_stays_within() -> None:
    found = columns()
    rng = np.random.default_rng(0)
    points = found.draw(128, rng)
    near = found.near(points, 0.05, rng)
    assert np.array_equal(found.canonical(near), near)
    numbers = ~found.categorical
    assert np.abs(near - points)[:, numbers].max() < 0.5
    assert (near != points).any(1).mean() > 0.7  # a small step may be rounded back
    wide = columns({f"x{n}": {"min": 0.0, "max": 1.0} for n in range(100)})
    middle = np.full((64, 100), 0.5)
    assert 3 < (wide.near(middle, 0.1, rng) != middle).sum(1).mean() < 10


def test_size_and_keys() -> None:
    assert columns().size is None
    found = columns({"a": {"min": 1, "max": 6}, "b": {"values": ["x", "y"]}, "c": {"value": 0}})
    assert found.size == 12
    drawn = found.draw(512, np.random.default_rng(0))
    assert len(set(found.keys(drawn))) == 12
    assert found.keys(np.array([[0.1, -0.0]])) == found.keys(np.array([[0.1, 0.0]]))


def test_a_whole_number_with_many_values_is_not_listed() -> None:
    found = columns({"huge": {"min": 1, "max": 10**9}})
    point = found.encode({"huge": 123_456_789})
    assert found.decode(point) == {"huge": 123_456_789}
    around = [found.decode(other)["huge"] for other in found.neighbours(point)]
    assert around == [123_456_789 + n for n in (-3, -2, -1, 1, 2, 3)]
    assert len(found.neighbours(found.encode({"huge": 1}))) == 3


CONDITIONAL: dict[str, Any] = {
    "depth": {"min": 1, "max": 12, "when": {"booster": ["tree", "dart"]}},
    "booster": {"values": ["linear", "tree", "dart"]},
    "drop": {"min": 0.0, "max": 1.0, "when": {"depth": {"min": 4}, "booster": "dart"}},
    "late": {"min": 0.0, "max": 1.0, "when": {"drop": {"max": 0.5}}},
    "size": {"values": [32, 8, 16]},
    "wide": {"values": ["a", "b"], "when": {"size": [8, 16]}},
}


def test_what_a_point_has_not_got_is_blank() -> None:
    found = columns(CONDITIONAL)
    points = found.draw(256, np.random.default_rng(0))
    active = found.active(points)
    for point, has in zip(points, active, strict=True):
        there = {name for name, is_there in zip(found.names, has, strict=True) if is_there}
        coordinates = found.decode(point)
        assert there == set(coordinates)
        assert np.allclose(found.encode(coordinates), point, atol=1e-12)
        config = found.axes.decode(coordinates)
        assert found.axes.encode(config) == pytest.approx(coordinates)
    blank = np.where(found.categorical, 0.0, 0.5)
    assert ((points == blank) | active).all()
    for name in ("depth", "drop", "late", "wide"):
        assert 0.05 < active[:, one(found, name)].mean() < 0.95


def test_constraints_and_small_spaces() -> None:
    spec = spec_from_mapping(
        {
            "method": "random",
            "parameters": {"a": {"min": 1, "max": 8}, "b": {"values": [1, 2, 4]}},
            "constraints": ["a * b <= 8"],
        }
    )
    found = Columns(Axes(spec.parameters))
    points = found.all()
    assert points is not None
    pairs = {tuple(found.axes.decode(found.decode(point)).values()) for point in points}
    assert pairs == {(a, b) for a in range(1, 9) for b in (1, 2, 4) if a * b <= 8}
    drawn = found.draw(64, np.random.default_rng(0))
    kept = [tuple(found.axes.decode(found.decode(p)).values()) in pairs for p in drawn]
    assert found.allowed(drawn).tolist() == kept
    assert columns().all() is None
