"""The space: W&B's distributions, its grid and its equality, by worked-out values.

Expected values were checked against W&B's own engine (PyPI `sweeps` 0.3).
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy
import pytest

from sweeps.distributions import Categorical, Continuous, LogUniform, canonical
from sweeps.errors import SpecError
from sweeps.parameters import DISTRIBUTIONS
from sweeps.space import Space
from sweeps.spec import spec_from_mapping

NAN = float("nan")


def space(parameters: dict[str, Any], method: str = "random") -> Space:
    return spec_from_mapping({"method": method, "parameters": parameters}).parameters


def distribution(**settings: Any) -> Any:
    return space({"p": settings}).parameters[0].distribution


def grid(parameters: dict[str, Any]) -> list[Any]:
    return list(space(parameters).grid())


def values(**settings: Any) -> list[Any]:
    return [point["p"] for point in grid({"p": settings})]


# -- distributions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "quantile", "expected"),
    [
        ({"distribution": "uniform", "min": 2, "max": 6}, 0.25, 3.0),
        ({"min": 2, "max": 6.0}, 0.5, 4.0),
        ({"distribution": "q_uniform", "min": 0, "max": 10, "q": 3}, 0.5, 6),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}, 0.6, 0.5),
        ({"distribution": "log_uniform_values", "min": 0.01, "max": 100}, 0.5, 1.0),
        ({"distribution": "log_uniform", "min": 0, "max": 2}, 0.5, math.e),
        ({"distribution": "q_log_uniform", "min": 0, "max": 2, "q": 2}, 0.5, 2),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 10000, "q": 10}, 0.5, 100),
        ({"distribution": "inv_log_uniform", "min": -2, "max": 0}, 0.5, math.e),
        ({"distribution": "inv_log_uniform_values", "min": 1, "max": 100}, 0.25, 10**0.5),
        ({"distribution": "normal"}, 0.5, 0.0),
        ({"distribution": "normal", "mu": 5, "sigma": 2}, 0.8413447460685429, 7.0),
        ({"distribution": "normal", "mu": 5, "sigma": 0}, 0.9, 5.0),
        ({"distribution": "q_normal", "mu": 5, "sigma": 2, "q": 2}, 0.8413447460685429, 8),
        ({"distribution": "log_normal", "mu": 1}, 0.5, math.e),
        ({"distribution": "q_log_normal", "mu": 1, "q": 0.5}, 0.5, 2.5),
        ({"distribution": "beta"}, 0.3, 0.3),
        ({"distribution": "beta", "a": 2}, 0.25, 0.5),
        ({"distribution": "q_beta", "a": 2, "q": 0.2}, 0.25, 0.4),
    ],
)
def test_a_quantile_of_each_distribution(
    settings: dict[str, Any], quantile: float, expected: float
) -> None:
    found = distribution(**settings)
    assert isinstance(found, Continuous)
    assert found.quantise(found.ppf(quantile)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_every_distribution_of_wandb_is_known() -> None:
    assert set(DISTRIBUTIONS) == {
        "constant",
        "categorical",
        "categorical_w_probabilities",
        "int_uniform",
        *(q + name for name in ("uniform", "normal", "log_normal", "beta") for q in ("", "q_")),
        *(q + "log_uniform" + v for v in ("", "_values") for q in ("", "q_", "inv_")),
    }


def test_inv_log_uniform_is_log_uniform_by_its_reciprocal() -> None:
    """1/x is log-uniform from e^min to e^max: so is x, from e^-max to e^-min."""
    found = distribution(distribution="inv_log_uniform", min=-1, max=3)
    assert found == LogUniform(math.exp(-3), math.exp(1))


@pytest.mark.parametrize(
    ("q", "kind"), [({"q": 2}, int), ({"q": 2.0}, float), ({}, float), ({"q": 0.5}, float)]
)
def test_a_whole_step_gives_ints_and_the_default_step_floats(q: dict[str, Any], kind: type) -> None:
    found = distribution(distribution="q_uniform", min=0, max=10, **q)
    drawn = found.sample(numpy.random.default_rng(0))
    assert type(drawn) is kind


def test_a_quantised_value_may_leave_the_bounds_by_half_a_step_as_in_wandb() -> None:
    found = distribution(distribution="q_uniform", min=1, max=8, q=3)
    rng = numpy.random.default_rng(0)
    assert {found.sample(rng) for _ in range(200)} == {0, 3, 6, 9}


def test_int_uniform_draws_both_ends() -> None:
    rng = numpy.random.default_rng(0)
    assert {distribution(min=1, max=3).sample(rng) for _ in range(100)} == {1, 2, 3}


def test_a_probability_of_zero_is_never_drawn_and_the_others_as_often_as_they_should() -> None:
    found = distribution(values=["a", "b", "c", "d"], probabilities=[0, 0.25, 0.75, 0])
    rng = numpy.random.default_rng(0)
    drawn = [found.sample(rng) for _ in range(4000)]
    assert set(drawn) == {"b", "c"}
    assert drawn.count("b") == pytest.approx(1000, abs=120)


class _HighestDraw:
    """A generator that draws the largest number below 1."""

    def random(self) -> float:
        return 1 - 2**-53


def test_the_last_probability_is_safe_from_roundings() -> None:
    found = Categorical(("a", "b", "c"), (0.1, 0.9, 0.0))
    rng: Any = _HighestDraw()
    assert found.sample(rng) == "b"


def test_the_outermost_draw_of_a_wide_log_normal_is_still_a_number() -> None:
    found = distribution(distribution="q_log_normal", mu=7, sigma=100, q=1e-6)
    rng: Any = _HighestDraw()
    assert math.isfinite(found.sample(rng))


def test_a_draw_is_the_callers_to_change() -> None:
    both = space({"p": {"values": [{"layers": [1]}]}, "c": {"value": [1]}})
    drawn = both.sample(numpy.random.default_rng(0))
    drawn["p"]["layers"].append(2)
    drawn["c"].append(2)
    point = both.grid()[0]
    point["p"]["layers"].append(3)
    assert both.sample(numpy.random.default_rng(0)) == {"p": {"layers": [1]}, "c": [1]}
    assert both.grid()[0] == {"p": {"layers": [1]}, "c": [1]}


# -- sampling -----------------------------------------------------------------------------------


def test_a_sample_nests_as_the_parameters_do_and_repeats_with_its_generator() -> None:
    more = {"parameters": {"lr": {"value": 1}}}
    opt = {"parameters": {"name": {"values": ["sgd"]}, "more": more}}
    nested = space({"opt": opt, "x": {"min": 0.0, "max": 1.0}})
    first = nested.sample(numpy.random.default_rng(7))
    assert first["opt"] == {"name": "sgd", "more": {"lr": 1}}
    assert first == nested.sample(numpy.random.default_rng(7))
    assert first != nested.sample(numpy.random.default_rng(8))


def test_samples_are_plain_json_values() -> None:
    everything = space(
        {
            "i": {"min": 1, "max": 9},
            "u": {"min": 1.0, "max": 9},
            "q": {"distribution": "q_normal", "q": 2},
            "b": {"distribution": "beta"},
            "c": {"values": [None, True, "x"]},
        }
    )
    drawn = everything.sample(numpy.random.default_rng(0))
    assert {type(value) for value in drawn.values()} <= {int, float, bool, str, type(None)}
    assert json.loads(json.dumps(drawn)) == drawn


# -- equality -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (3e6, 3000000),
        (0, -0.0),
        (NAN, float("nan")),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([{"a": NAN}], [{"a": float("nan")}]),
    ],
)
def test_the_same_value_in_the_eyes_of_wandb(one: Any, other: Any) -> None:
    assert canonical(one) == canonical(other)
    assert hash(canonical(one)) == hash(canonical(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [(True, 1), (False, 0), ("1", 1), (None, "null"), (None, 0), ([1, 2], [2, 1]), ([1], [1.0])],
)
def test_not_the_same_value_in_the_eyes_of_wandb(one: Any, other: Any) -> None:
    assert canonical(one) != canonical(other)


# -- the grid -----------------------------------------------------------------------------------


def test_a_grid_goes_by_name_and_the_last_changes_fastest() -> None:
    assert grid({"b": {"values": [2, 1]}, "a": {"values": ["x", "y"]}, "c": {"value": 0}}) == [
        {"a": "x", "b": 2, "c": 0},
        {"a": "x", "b": 1, "c": 0},
        {"a": "y", "b": 2, "c": 0},
        {"a": "y", "b": 1, "c": 0},
    ]


def test_a_nested_parameter_stands_where_its_outer_name_does() -> None:
    """By dotted name "b-c" would come before "b.z"; W&B sorts level by level."""
    points = grid(
        {
            "b-c": {"values": ["u", "v"]},
            "b": {"parameters": {"z": {"values": [1, 2]}, "a": {"value": 0}}},
        }
    )
    assert points == [
        {"b": {"a": 0, "z": 1}, "b-c": "u"},
        {"b": {"a": 0, "z": 1}, "b-c": "v"},
        {"b": {"a": 0, "z": 2}, "b-c": "u"},
        {"b": {"a": 0, "z": 2}, "b-c": "v"},
    ]


def test_duplicates_are_one_point() -> None:
    found = values(values=[3e6, 3000000, True, 1, 1.0, NAN, float("nan"), "1"])
    assert [type(value).__name__ for value in found] == ["int", "bool", "float", "float", "str"]
    assert found[:3] == [3000000, True, 1]
    assert math.isnan(found[3])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"min": 1, "max": 4}, [1, 2, 3, 4]),
        ({"distribution": "q_uniform", "min": 0, "max": 4, "q": 2}, [0, 2]),
        ({"distribution": "q_uniform", "min": 1, "max": 8, "q": 3}, [1, 4, 7]),
        ({"distribution": "q_uniform", "min": 1, "max": 4}, [1.0, 2.0, 3.0]),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.3}, [0.0, 0.3, 0.6, 0.9]),
        ({"distribution": "q_uniform", "min": 0, "max": 4.0, "q": 2}, [0.0, 2.0]),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 5}, [0]),
    ],
)
def test_what_a_parameter_contributes_to_a_grid(
    settings: dict[str, Any], expected: list[Any]
) -> None:
    found = values(**settings)
    assert found == pytest.approx(expected, rel=1e-12)
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("low", "high", "q"), [(0.1, 1.0, 0.1), (0, 1, 0.3), (1.0, 1.3, 0.1), (-1, 2.05, 0.15)]
)
def test_a_stepped_axis_has_the_floats_of_numpy_arange(low: float, high: float, q: float) -> None:
    found = values(distribution="q_uniform", min=low, max=high, q=q)
    assert found == numpy.arange(low, high, q).tolist()


def test_a_grid_is_never_built() -> None:
    huge = space({name: {"min": 0, "max": 10**6 - 1} for name in "abc"}).grid()
    assert len(huge) == 10**18
    assert huge[10**18 - 1] == dict.fromkeys("abc", 999_999)
    assert huge[-2] == {"a": 999_999, "b": 999_999, "c": 999_998}
    assert huge[1_000_000] == {"a": 0, "b": 1, "c": 0}
    assert huge.find({"a": 0, "b": 1, "c": 0}) == 1_000_000
    with pytest.raises(IndexError):
        huge[10**18]


def test_a_point_is_found_by_equality_and_nothing_else_is() -> None:
    points = space(
        {
            "a": {"parameters": {"x": {"values": [1, "1", True]}}},
            "b": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.3},
        }
    ).grid()
    assert [points.find(point) for point in points] == list(range(12))
    assert points.find({"a": {"x": 1.0}, "b": 0.9}) == 3
    assert points.find({"a": {"x": 2}, "b": 0.9}) is None
    assert points.find({"a": {"x": 1}, "b": 1.2}) is None
    assert points.find({"a": {"x": 1}, "b": 0.4}) is None
    assert points.find({"a": {"x": 1}, "b": False}) is None
    assert points.find({"b": 0.9}) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"min": 0.1, "max": 1},
        {"distribution": "normal"},
        {"distribution": "q_normal"},
        {"distribution": "q_log_uniform_values", "min": 1, "max": 8},
        {"values": [1, 2], "probabilities": [0.5, 0.5]},
    ],
)
def test_what_wandb_does_not_grid_is_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"^parameters\.p: a grid .*method: random"):
        values(**settings)


# -- configs ------------------------------------------------------------------------------------

TREE = {
    "lr": {"distribution": "log_uniform_values", "min": 0.001, "max": 1},
    "bs": {"min": 8, "max": 64},
    "width": {"distribution": "q_uniform", "min": 0, "max": 100, "q": 10},
    "opt": {"parameters": {"name": {"values": ["sgd", "adam"]}, "eps": {"value": 1e-8}}},
}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"lr": 1},
        {"lr": 0.001, "bs": 64, "width": 30, "opt": {"name": "adam", "eps": 1e-8}},
        {"width": 30.0},
        {"opt": {}},
    ],
)
def test_full_and_partial_configs_fit(config: dict[str, Any]) -> None:
    space(TREE).check(config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lr": 2}, r"^lr: must be a number from 0.001 to 1, not 2\."),
        ({"lr": True}, "^lr: must be a number"),
        ({"lr": NAN}, "^lr: must be a number"),
        ({"lr": "0.1"}, "^lr: must be a number"),
        ({"bs": 8.0}, r"^bs: must be a whole number from 8 to 64, not 8\.0"),
        ({"width": 35}, "^width: must be a number from 0 to 100 in steps of 10, not 35"),
        ({"opt": {"name": "rmsprop"}}, r"^opt\.name: must be one of 'sgd', 'adam', not 'rmsprop'"),
        ({"opt": {"eps": 0}}, r"^opt\.eps: must be 1e-08, not 0"),
        ({"opt": "adam"}, "^opt: must hold nested parameters"),
        ({"op": 1}, "^op: there is no such parameter. Did you mean `opt`?"),
        ({"opt": {"nam": 1}}, r"^opt\.nam: there is no such parameter. Did you mean `name`?"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_with_its_path(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        space(TREE).check(config)


def test_flatten_and_nest_are_inverse() -> None:
    tree = space(TREE)
    config = {"bs": 8, "opt": {"name": "sgd"}}
    flat = tree.flatten({**config, "unknown": 1})
    assert flat == {("bs",): 8, ("opt", "name"): "sgd"}
    assert tree.nest(flat) == config
