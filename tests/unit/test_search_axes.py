"""How a model sees W&B's distributions: configs to coordinates and back."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.distributions import Continuous, canonical
from sweeps.search.axes import Axes, Choice, Real, Whole
from sweeps.search.base import generator
from sweeps.space import Space
from sweeps.spec import spec_from_mapping


def space(**parameters: Any) -> Space:
    return spec_from_mapping({"method": "random", "parameters": parameters}).parameters


def only_axis(**parameter: Any) -> Any:
    return Axes(space(x=parameter)).by_name["x"]


EVERY = {
    "uniform": {"min": -1.5, "max": 2.5},
    "q_uniform": {"distribution": "q_uniform", "min": -1, "max": 2, "q": 0.1},
    "int_uniform": {"min": -3, "max": 10},
    "log_uniform": {"distribution": "log_uniform", "min": -3, "max": 2},
    "log_uniform_values": {"distribution": "log_uniform_values", "min": 1e-6, "max": 10},
    "q_log_uniform": {"distribution": "q_log_uniform", "min": 1, "max": 7, "q": 2},
    "q_log_from_0": {"distribution": "q_log_uniform_values", "min": 0.1, "max": 50, "q": 1},
    "inv_log_uniform": {"distribution": "inv_log_uniform", "min": -1, "max": 4},
    "inv_log_uniform_values": {"distribution": "inv_log_uniform_values", "min": 0.1, "max": 9},
    "normal": {"distribution": "normal", "mu": 5, "sigma": 3},
    "q_normal": {"distribution": "q_normal", "mu": 5, "sigma": 3, "q": 2},
    "log_normal": {"distribution": "log_normal"},
    "q_log_normal": {"distribution": "q_log_normal", "q": 0.25},
    "beta": {"distribution": "beta", "a": 0.5, "b": 3},
    "q_beta": {"distribution": "q_beta", "a": 2, "b": 3, "q": 0.05},
    "categorical": {"values": [1, "1", True, None, [1, 2], {"a": 1.5}, 0.1]},
    "weighted": {
        "distribution": "categorical_w_probabilities",
        "values": ["never", "a", "b"],
        "probabilities": [0, 0.25, 0.75],
    },
}


@pytest.mark.parametrize("name", EVERY)
def test_a_drawn_value_comes_back_from_its_coordinate(name: str) -> None:
    distribution = space(x=EVERY[name]).parameters[0].distribution
    axis = only_axis(**EVERY[name])
    for number in range(200):
        value = distribution.sample(generator(3, number))
        back = axis.decode(axis.encode(value))
        if isinstance(axis, Real) and not (axis.quantile and distribution.q is not None):
            assert math.isclose(back, value, rel_tol=1e-6, abs_tol=1e-9)
        elif isinstance(axis, Real):
            # a step may be rounded into the neighbouring one at the edge of its quantiles
            assert abs(back - value) <= distribution.q * 1.001
        else:
            assert type(back) is type(value)
            assert canonical(back) == canonical(value)


@pytest.mark.parametrize("name", EVERY)
def test_every_coordinate_is_a_value_that_fits(name: str) -> None:
    whole = space(x=EVERY[name])
    axis = only_axis(**EVERY[name])
    for n in range(101):
        if isinstance(axis, Real):
            place: float = axis.low + (axis.high - axis.low) * n / 100
        else:
            place = axis.low + n % axis.size
        whole.check({"x": axis.decode(place)})


@pytest.mark.parametrize(
    ("name", "kind", "log"),
    [
        ("uniform", Real, False),
        ("log_uniform", Real, True),
        ("inv_log_uniform_values", Real, True),
        ("int_uniform", Whole, False),
        ("q_uniform", Whole, False),
        ("q_log_uniform", Whole, True),
    ],
)
def test_flat_distributions_keep_their_scale(name: str, kind: type, log: bool) -> None:
    axis = only_axis(**EVERY[name])
    assert isinstance(axis, kind)
    assert axis.log is log
    assert not getattr(axis, "quantile", False)


@pytest.mark.parametrize("name", ["normal", "log_normal", "beta", "q_log_from_0", "q_normal"])
def test_other_distributions_are_seen_through_their_quantiles(name: str) -> None:
    axis = only_axis(**EVERY[name])
    assert axis.quantile
    distribution = space(x=EVERY[name]).parameters[0].distribution
    assert isinstance(distribution, Continuous)
    assert axis.decode(0.5) == distribution.quantise(distribution.ppf(0.5))
    assert math.isfinite(axis.decode(0.0))
    assert math.isfinite(axis.decode(1.0))


def test_a_probability_of_zero_is_never_proposed() -> None:
    axis = only_axis(**EVERY["weighted"])
    assert isinstance(axis, Choice)
    assert axis.values == ("a", "b")
    assert axis.encode("never") is None


@pytest.mark.parametrize("value", [None, "0.1", True, math.nan, math.inf, 10**400, [1]])
def test_values_that_are_no_numbers_have_no_coordinate(value: Any) -> None:
    assert only_axis(**EVERY["uniform"]).encode(value) is None
    assert only_axis(**EVERY["int_uniform"]).encode(value) is None


def test_values_out_of_bounds_are_seen_at_the_bound() -> None:
    axis = only_axis(**EVERY["uniform"])
    assert axis.decode(axis.encode(99)) == 2.5
    assert only_axis(**EVERY["int_uniform"]).encode(-99) == -3


def test_constants_are_no_axis_but_in_every_config() -> None:
    axes = Axes(space(a={"value": {"deep": [1]}}, b={"min": 1, "max": 2}))
    assert list(axes.by_name) == ["b"]
    assert axes.decode({"b": 2}) == {"a": {"deep": [1]}, "b": 2}


def test_a_config_of_another_space_has_no_coordinates() -> None:
    axes = Axes(space(a={"values": [1, 2]}, b={"min": 1, "max": 2}))
    assert axes.encode({"a": 1}) is None
    assert axes.encode({"a": 3, "b": 1}) is None
    assert axes.encode({"a": 1, "b": 1}) == {"a": 0, "b": 1}


@given(st.integers(0, 41))
def test_the_ring_visits_every_point_once_from_anywhere(start: int) -> None:
    axes = Axes(
        space(
            a={"values": ["x", "y", "z"]},
            b={"min": 2, "max": 8},
            c={"parameters": {"d": {"distribution": "q_uniform", "min": 0.5, "max": 1, "q": 0.5}}},
            e={"value": 0},
        )
    )
    points = list(axes.ring({"a": "x", "b": 2, "c": {"d": 0.5}, "e": 0}))
    assert axes.size == len(points) == 42
    assert len({axes.key(point) for point in points}) == 42
    turned = list(axes.ring(points[start]))
    assert turned == points[start:] + points[:start]


def test_the_steps_of_a_quantile_axis_are_counted() -> None:
    """q_normal and its like have so many values, and a ring through them."""
    axes = Axes(
        space(
            n={"distribution": "q_normal", "mu": 0, "sigma": 1, "q": 2},
            b={"distribution": "q_beta", "a": 2, "b": 3, "q": 0.25},
            c={"values": ["x", "y"], "when": {"n": [-4, 4, 6]}},
        )
    )
    points = list(axes.ring({"n": 2, "b": 0.5}))
    assert points[0] == {"n": 2, "b": 0.5}
    assert {point["n"] for point in points} == {-6, -4, -2, 0, 2, 4, 6}
    assert {point["b"] for point in points} == {0, 0.25, 0.5, 0.75, 1}
    assert axes.size == len(points) == 5 * (4 + 2 * 3)
    assert len({axes.key(point) for point in points}) == len(points)


@pytest.mark.parametrize(
    "parameter",
    [
        {"distribution": "q_normal", "mu": 0, "sigma": 1, "q": 1e-4},  # too many
        {"distribution": "normal"},
        {"distribution": "q_log_normal", "mu": 0, "sigma": 300, "q": 1},  # beyond any float
    ],
)
def test_values_without_number_are_not_counted(parameter: dict[str, Any]) -> None:
    assert only_axis(**parameter).size is None


def test_there_is_no_ring_through_real_numbers() -> None:
    axes = Axes(space(a={"values": [1, 2]}, b={"min": 0.0, "max": 1.0}))
    assert axes.size is None
    with pytest.raises(ValueError, match="real numbers"):
        next(axes.ring({"a": 1, "b": 0.5}))


def test_a_step_too_fine_to_count_is_a_real_number() -> None:
    axis = only_axis(distribution="q_uniform", min=0, max=1, q=1e-12)
    assert isinstance(axis, Real)
    assert isinstance(only_axis(distribution="q_uniform", min=0, max=1, q=1e-3), Whole)
