"""What holds for every space with conditions: drawn, walked as a grid, and seen as coordinates."""

from __future__ import annotations

import itertools
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweeps.distributions import canonical
from sweeps.errors import SpecError
from sweeps.search.axes import Axes
from sweeps.space import Space
from sweeps.spec import spec_from_mapping

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
VALUES = st.lists(
    st.integers(0, 3) | st.sampled_from(["a", "b", True, None]),
    min_size=1,
    max_size=3,
    unique_by=canonical,
)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Up to six parameters; each may hang on one or two of those that were made before it, whose
    names may come later in the alphabet."""
    names = draw(st.permutations("abcdef"))[: draw(st.integers(1, 6))]
    parameters: dict[str, Any] = {}
    for n, name in enumerate(names):
        if draw(st.booleans()):
            parameter: dict[str, Any] = {"values": draw(VALUES)}
        else:
            parameter = {"min": 0, "max": draw(st.integers(1, 3))}
        parents = draw(st.lists(st.sampled_from(names[:n]), max_size=2, unique=True)) if n else []
        when: dict[str, Any] = {}
        for parent in parents:
            above = parameters[parent]
            if "values" in above:
                when[parent] = draw(st.lists(st.sampled_from(above["values"]), min_size=1))
            else:
                when[parent] = {"min": draw(st.integers(0, above["max"]))}
        parameters[name] = {**parameter, "when": when} if when else parameter
    return parameters


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    parameters = draw(files().filter(lambda parameters: not never(parameters)))
    return read(parameters)


def read(parameters: dict[str, Any]) -> Space:
    return spec_from_mapping({"method": "random", "parameters": parameters}).parameters


def values(parameter: dict[str, Any]) -> list[Any]:
    return parameter.get("values") or list(range(parameter["min"], parameter["max"] + 1))


def never(parameters: dict[str, Any]) -> set[str]:
    """Those that no combination of values has; `parameters` has parents first."""
    left = set(parameters)
    for chosen in itertools.product(*map(values, parameters.values())):
        there: dict[str, Any] = {}
        for (name, parameter), value in zip(parameters.items(), chosen, strict=True):
            if all(
                parent in there
                and (
                    canonical(there[parent]) in map(canonical, wanted)
                    if isinstance(wanted, list)
                    else there[parent] >= wanted["min"]
                )
                for parent, wanted in parameter.get("when", {}).items()
            ):
                there[name] = value
        left -= there.keys()
    return left


@calm
@given(files())
def test_what_can_never_be_there_is_refused_and_nothing_else(parameters: dict[str, Any]) -> None:
    gone = never(parameters)
    if not gone:
        assert len(read(parameters).parameters) == len(parameters)
        return
    with pytest.raises(SpecError, match="is never there") as caught:
        read(parameters)
    assert str(caught.value).split()[1] in gone


def key(config: dict[str, Any]) -> frozenset[Any]:
    return frozenset((name, canonical(value)) for name, value in config.items())


def every_config(space: Space) -> set[frozenset[Any]]:
    """By going through all combinations and leaving out what is not there."""
    choices = []
    for parameter in space.parameters:
        distribution: Any = parameter.distribution
        listed = getattr(distribution, "values", None)
        choices.append(listed or range(distribution.low, distribution.high + 1))
    paths = [parameter.path for parameter in space.parameters]
    return {
        key(space.nest(space.prune(dict(zip(paths, chosen, strict=True)))))
        for chosen in itertools.product(*choices)
    }


@calm
@given(spaces())
def test_a_grid_has_every_distinct_config_once(space: Space) -> None:
    grid = space.grid()
    points = list(grid)
    assert len(points) == len(grid)
    assert {key(point) for point in points} == every_config(space)
    assert len({key(point) for point in points}) == len(points)
    assert [grid.find(point) for point in points] == list(range(len(points)))


@calm
@given(spaces(), st.integers(0, 2**32))
def test_a_draw_comes_back_from_its_coordinates(space: Space, seed: int) -> None:
    config = space.sample(numpy.random.default_rng(seed))
    space.check(config)
    assert space.nest(space.prune(space.flatten(config))) == config
    assert space.missing(space.flatten(config)) == []
    axes = Axes(space)
    coordinates = axes.encode(config)
    assert coordinates is not None
    assert axes.decode(coordinates) == config
    assert axes.active(coordinates) == coordinates.keys()
    assert axes.size == len(space.grid())


@calm
@given(spaces(), st.integers(0, 2**32))
def test_a_ring_visits_every_point_once(space: Space, seed: int) -> None:
    axes = Axes(space)
    start = space.sample(numpy.random.default_rng(seed))
    points = list(axes.ring(start))
    assert axes.key(points[0]) == axes.key(start)
    assert len({axes.key(point) for point in points}) == len(points) == axes.size


@calm
@given(spaces(), st.integers(0, 2**32))
def test_a_part_of_a_config_is_completed(space: Space, seed: int) -> None:
    config = space.flatten(space.sample(numpy.random.default_rng(seed)))
    given = dict(list(config.items())[::2])
    full = space.flatten(space.sample(numpy.random.default_rng(seed + 1), given, most=10_000))
    assert full.items() >= given.items()
    assert space.flatten(space.first(given)).items() >= given.items()


WORDS = st.sampled_from(
    [
        *("a", "b.c", "`d-e`", "opt", "1", "2.5", "-3", "9", "1e308", "'sgd'", "True", "None"),
        *("+", "-", "*", "/", "//", "%", "**", "<", "<=", "==", "!=", "in", "not", "and", "or"),
        *("(", ")", "[", "]", ",", "min(", "len(", "log(", "sqrt(", "round(", ".", "=", "lambda"),
    ]
)
VALUES_OF: dict[str, Any] = {"a": 3, "b.c": 0.0, "d-e": 1e200, "opt": "sgd"}


@settings(calm, max_examples=100)
@given(st.lists(WORDS, max_size=9).map(" ".join) | st.text(max_size=20))
def test_an_expression_is_refused_or_holds_or_not(text: str) -> None:
    """Whatever is typed: no other error, and no number that takes long."""
    parameters: dict[str, Any] = {name: {"value": VALUES_OF[name]} for name in ("a", "d-e", "opt")}
    parameters["b"] = {"parameters": {"c": {"value": 0.0}}}
    try:
        space = spec_from_mapping(
            {"method": "random", "parameters": parameters, "constraints": [text]}
        ).parameters
    except SpecError:
        return
    assert space.constraints[0].holds(VALUES_OF) is True  # else the file would leave nothing
    assert space.constraints[0].holds({}) is True
