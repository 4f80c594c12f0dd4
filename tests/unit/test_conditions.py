"""`when:`: parameters that are there only where others have certain values."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from sweeps.conditions import in_order
from sweeps.enumeration import Enumeration, Need
from sweeps.errors import SpecError
from sweeps.search.axes import Axes, Condition, Real
from sweeps.space import Space
from sweeps.spec import SweepSpec, load_spec, spec_from_mapping

OPTIMIZERS: dict[str, Any] = {
    "optimizer": {"values": ["adam", "sgd", "none"]},
    "momentum": {"values": [0.5, 0.9], "when": {"optimizer": "sgd"}},
    "beta": {"values": [1, 2, 3], "when": {"optimizer": ["adam"]}},
    "lr": {"values": [0.1, 0.2], "when": {"optimizer": ["adam", "sgd"]}},
}


def spec(parameters: dict[str, Any], **more: Any) -> SweepSpec:
    return spec_from_mapping({"method": "random", "parameters": parameters, **more})


def space(parameters: dict[str, Any]) -> Space:
    return spec(parameters).parameters


def refusal(parameters: dict[str, Any], **more: Any) -> str:
    with pytest.raises(SpecError) as caught:
        spec(parameters, **more)
    return str(caught.value)


def test_only_what_is_there_is_drawn() -> None:
    seen = set()
    for n in range(60):
        config = space(OPTIMIZERS).sample(numpy.random.default_rng(n))
        seen.add((config["optimizer"], *sorted(config.keys() - {"optimizer"})))
    assert seen == {("adam", "beta", "lr"), ("none",), ("sgd", "lr", "momentum")}


def test_a_grid_has_each_distinct_config_once() -> None:
    grid = space(OPTIMIZERS).grid()
    points = list(grid)
    assert len(grid) == len(points) == 3 * 2 + 2 * 2 + 1
    assert len({str(point) for point in points}) == 11
    assert [grid.find(point) for point in points] == list(range(11))
    assert {"optimizer": "none"} in points
    assert grid.find({"optimizer": "none", "lr": 0.1}) == grid.find({"optimizer": "none"})
    assert grid.find({"optimizer": "sgd", "lr": 0.1}) is None


def test_a_parameter_whose_parent_is_not_there_is_not_there_either() -> None:
    chain = space(
        {
            "a": {"values": [0, 1]},
            "b": {"values": [0, 1], "when": {"a": 1}},
            "c": {"values": [0, 1], "when": {"b": {"max": 0}}},
        }
    )
    assert list(chain.grid()) == [
        {"a": 0},
        {"a": 1, "b": 0, "c": 0},
        {"a": 1, "b": 0, "c": 1},
        {"a": 1, "b": 1},
    ]


def test_ranges_whole_numbers_and_nested_groups() -> None:
    nested = space(
        {
            "layers": {"min": 1, "max": 4},
            "deep": {
                "when": {"layers": {"min": 3}},
                "parameters": {
                    "skip": {"values": [True, False]},
                    "every": {"min": 1, "max": 2, "when": {"deep.skip": True}},
                },
            },
        }
    )
    points = list(nested.grid())
    assert len(points) == 2 + 2 * 3
    assert {"layers": 4, "deep": {"skip": True, "every": 2}} in points
    assert {"layers": 4, "deep": {"skip": False}} in points


def test_seven_steps_of_a_tenth_are_0_7() -> None:
    stepped = space(
        {
            "a": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.1},
            "b": {"values": [1, 2], "when": {"a": 0.7}},
            "c": {"values": [1, 2], "when": {"a": {"max": 0.7}}},
        }
    )
    axes = Axes(stepped)
    assert axes.decode({"a": 7, "b": 0, "c": 0}) == {"a": 0.7000000000000001, "b": 1, "c": 1}
    assert axes.encode({"a": 0.7, "b": 2, "c": 1}) == {"a": 7, "b": 1, "c": 0}
    assert len(stepped.grid()) == 7 * 2 + 4 + 2  # 0 … 0.6, 0.7, 0.8 and 0.9: 1 is left out


@pytest.mark.parametrize(
    ("when", "where", "what"),
    [
        ({"lyers": 3}, ".lyers", "Did you mean `layers`?"),
        ({"layers": 9}, ".layers", "never so: layers must be a whole number from 1 to 4"),
        ({"layers": [1, 9]}, ".layers[1]", "never so"),
        ({"layers": []}, ".layers", "is empty"),
        ({"layers": {"min": 5}}, ".layers", "never so"),
        ({"layers": {"min": 3, "max": 2}}, ".layers.min", "at most max"),
        ({"layers": {"min": 2.2, "max": 2.8}}, ".layers", "never so"),
        ({"layers": {"minimum": 3}}, ".layers.minimum", "Did you mean `min`?"),
        ({"layers": ">= 3"}, ".layers", "A range is written {min: …, max: …}."),
        ({"rate": {"min": 1.0}}, ".rate", "never so: rate must be a number from 0 to 1"),
        ({"step": {"min": 0.6, "max": 0.9}}, ".step", "never so"),
        ({"rate": 0.5}, ".rate", "Give a range"),
        ({"x": 1}, "", "there only if they are: x needs x"),
        ({"y": 1}, "", "x needs y needs x"),
        ({}, "", "is empty"),
        (["layers"], "", "must be a mapping"),
    ],
)
def test_conditions_that_are_refused(when: Any, where: str, what: str) -> None:
    message = refusal(
        {
            "layers": {"min": 1, "max": 4},
            "rate": {"min": 0.0, "max": 1.0},
            "step": {"distribution": "q_uniform", "min": 0, "max": 2, "q": 0.5},
            "x": {"values": [1, 2], "when": when},
            "y": {"values": [1, 2], "when": {"x": 1}},
        }
    )
    assert message.startswith(f"parameters.x.when{where}: ")
    assert what in message


@pytest.mark.parametrize(
    ("parameters", "line", "what"),
    [
        (
            "  g:\n    when: {layers: {min: 4}}\n    parameters:\n"
            "      x: {values: [1], when: {layers: {max: 2}}}\n",
            8,
            "g.x is never there: `layers is at least 4` and `layers is at most 2` cannot hold at "
            "once. Loosen one of them",
        ),
        (
            "  a: {min: 0, max: 9, when: {layers: 2}}\n"
            "  x:\n    values: [1]\n    when: {layers: {min: 3}, a: 1}\n",
            8,
            "x is never there: `layers is at least 3` and `layers is 2` (for a) cannot hold",
        ),
    ],
)
def test_conditions_that_never_hold_at_once(parameters: str, line: int, what: str) -> None:
    text = f"program: t.py\nmethod: random\nparameters:\n  layers: {{min: 1, max: 6}}\n{parameters}"
    with pytest.raises(SpecError) as caught:
        load_spec(text, path="s.yaml")
    assert str(caught.value).startswith(f"s.yaml:{line}: ")
    assert what in str(caught.value)


def test_a_listed_mapping_or_list_is_a_value() -> None:
    kinds = {"values": [{"min": 1}, [2, 3]]}
    found = space(
        {
            "kind": kinds,
            "x": {"values": [1], "when": {"kind": {"min": 1}}},
            "y": {"values": [1], "when": {"kind": [2, 3]}},
        }
    )
    assert list(found.grid()) == [{"kind": {"min": 1}, "x": 1}, {"kind": [2, 3], "y": 1}]


def test_a_message_has_the_line() -> None:
    text = (
        "program: t.py\nmethod: random\nparameters:\n  a: {values: [1]}\n"
        "  b:\n    values: [1]\n    when:\n      c: 1\n"
    )
    with pytest.raises(SpecError, match=r"s.yaml:8: parameters.b.when.c: there is no parameter"):
        load_spec(text, path="s.yaml")


@pytest.mark.parametrize(
    ("enqueued", "what"),
    [
        ({"optimizer": "adam", "momentum": 0.5}, "only when optimizer is 'sgd', not when it is"),
        ({"momentum": 0.5, "beta": 1}, "none has these values"),
    ],
)
def test_enqueued_configs_that_can_never_be(enqueued: dict[str, Any], what: str) -> None:
    assert what in refusal(OPTIMIZERS, enqueue=[enqueued])


def test_coordinates_are_of_what_is_there() -> None:
    axes = Axes(space(OPTIMIZERS))
    assert axes.conditions["momentum"] == (Condition("optimizer", ((1, 1),)),)
    assert axes.conditions["lr"] == (Condition("optimizer", ((0, 1),)),)
    assert axes.encode({"optimizer": "none"}) == {"optimizer": 2}
    assert axes.encode({"optimizer": "none", "lr": 0.1}) == {"optimizer": 2}
    assert axes.encode({"optimizer": "sgd", "lr": 0.1}) is None
    everything = {"optimizer": 1, "momentum": 1, "beta": 0, "lr": 0}
    assert axes.active(everything) == {"optimizer", "momentum", "lr"}
    assert axes.decode(everything) == {"lr": 0.1, "momentum": 0.9, "optimizer": "sgd"}
    assert axes.size == 11
    assert len({axes.key(point) for point in axes.ring({"optimizer": "none"})}) == 11


@pytest.mark.parametrize(
    "parent",
    [
        {"min": -2.0, "max": 3.0},
        {"distribution": "log_uniform_values", "min": 0.001, "max": 5},
        {"distribution": "normal", "mu": 0.3, "sigma": 2},
        {"distribution": "q_normal", "mu": 0, "sigma": 2, "q": 0.5},
        {"distribution": "beta", "a": 2, "b": 2},
    ],
)
def test_a_range_of_coordinates_ends_where_the_range_of_values_does(parent: dict[str, Any]) -> None:
    both = space({"p": parent, "x": {"values": [1, 2], "when": {"p": {"min": 0.25, "max": 1}}}})
    axes = Axes(both)
    axis = axes.by_name["p"]
    assert isinstance(axis, Real)
    (condition,) = axes.conditions["x"]
    for n in range(401):
        place = min(axis.low + (axis.high - axis.low) * n / 400, axis.high)
        value = axis.decode(place)
        near = min(abs(value - 0.25), abs(value - 1)) < 1e-8
        assert near or condition.holds(place) == (0.25 <= value <= 1)
    low, high = condition.ranges[0]
    assert axis.decode(low) >= 0.25 * (1 - 1e-8)
    assert axis.decode(high) <= 1 + 1e-8


def test_below_a_constant_it_is_there_always_or_never() -> None:
    axes = Axes(
        space(
            {
                "model": {"value": "cnn"},
                "width": {"values": [1, 2], "when": {"model": "cnn"}},
                "depth": {"values": [3, 4]},
                "mode": {"value": 7, "when": {"depth": 4}},
                "gain": {"values": [5, 6], "when": {"mode": 7}},
            }
        )
    )
    assert axes.conditions == {"gain": (Condition("depth", ((1, 1),)),)}
    assert axes.decode({"depth": 0, "width": 0}) == {"depth": 3, "model": "cnn", "width": 1}
    full = {"depth": 4, "gain": 6, "mode": 7, "model": "cnn", "width": 1}
    assert axes.decode({"depth": 1, "width": 0, "gain": 1}) == full


def test_parents_come_first_and_children_at_once_behind_them() -> None:
    parents = {"z": "a", "b": "y", "y": "", "a": "", "c": ""}
    order = in_order(sorted(parents), lambda name: [parents[name]] if parents[name] else [])
    assert order == ["a", "z", "y", "b", "c"]


def test_many_switches_are_counted_without_being_gone_through() -> None:
    """2 to the power of 38 states, were each switch remembered until the end."""
    many: dict[str, Any] = {f"a{n:02}": {"values": [0, 1]} for n in range(38)}
    many |= {f"z{n:02}": {"values": [1, 2], "when": {f"a{n:02}": 1}} for n in range(38)}
    grid = space(many).grid()
    assert grid.total == 3**38
    last = grid[grid.total - 1]
    assert grid.find(last) == grid.total - 1


def test_conditions_that_are_too_entangled_are_refused() -> None:
    counts = {f"a{n}": 2 for n in range(30)} | {"z": 2}
    needs = {"z": [Need(f"a{n}", ((1, 1),)) for n in range(30)]}
    with pytest.raises(ValueError, match="too entangled"):
        Enumeration(counts, needs)


def test_the_source_rebuilds_the_spec() -> None:
    first = spec(OPTIMIZERS, enqueue=[{"momentum": 0.5}], constraints=["lr < 1"])
    assert spec_from_mapping(first.source) == first
