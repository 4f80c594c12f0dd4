"""`metrics:`: several objectives, and limits beside them."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.errors import SpecError
from sweeps.metrics import Goal, Measure, front, keeps, values_of
from sweeps.spec import SweepSpec, spec_from_mapping


def spec(metrics: list[dict[str, Any]], **more: Any) -> SweepSpec:
    data = {"method": "bayes", "parameters": {"x": {"min": 0.0, "max": 1.0}}, "metrics": metrics}
    return spec_from_mapping({**data, **more})


def test_the_first_objective_is_the_metric_where_none_is_named() -> None:
    several = spec(
        [
            {"name": "memory", "at_most": 20},
            {"name": "acc", "goal": "maximize", "target": 0.9, "at_least": 0.1},
            {"name": "ms", "goal": "minimize", "at_most": 50},
        ]
    )
    assert several.metric is not None
    assert (several.metric.name, several.metric.goal) == ("acc", Goal.MAXIMIZE)
    assert several.metric.target == 0.9
    assert several.metrics == (
        Measure("memory", at_most=20),
        Measure("acc", at_least=0.1),
        Measure("ms", Goal.MINIMIZE, at_most=50),
    )
    assert spec_from_mapping(several.source) == several


def test_a_metric_that_is_listed_too_is_one() -> None:
    both = spec(
        [{"name": "loss", "goal": "minimize"}, {"name": "ms", "goal": "minimize"}],
        metric={"name": "loss"},
    )
    assert [measure.name for measure in both.metrics] == ["ms"]


@pytest.mark.parametrize(
    ("metrics", "more", "what"),
    [
        ([{"name": "a", "goal": "minimize"}] * 2, {}, "metrics[1].name: 'a' is listed twice."),
        (
            [{"name": "a", "goal": "minimize"}],
            {"metric": {"name": "a", "goal": "maximize"}},
            "metrics[0].goal: `metric` says maximize.",
        ),
        (
            [{"name": "a", "goal": "minimize"}, {"name": "b", "goal": "minimize", "target": 1}],
            {},
            "metrics[1].target: an entry of `metrics` behind the first objective has no such key.",
        ),
        ([{"goal": "minimize"}], {}, "metrics[0].name: is missing."),
        (
            [{"name": "a", "goal": "minimize"}],
            {"method": "bayes", "search": {"type": "gp", "impute": "worst"}},
            "search.impute: search of type gp has no such key. It is one of `metric`: {name: …, ",
        ),
        (
            [{"name": "a", "goal": "minimize"}],
            {"impute_while_running": "best"},
            "impute_while_running: a sweep file has no such key. It is one of `metric`: ",
        ),
    ],
)
def test_what_is_refused(metrics: list[Any], more: dict[str, Any], what: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec(metrics, **more)
    assert str(caught.value).startswith(what)


def test_by_how_much_a_limit_is_broken() -> None:
    between = Measure("x", at_least=1, at_most=3)
    assert [between.excess(value) for value in (0.5, 1, 2, 3, 5, None)] == [0.5, 0, -1, 0, 2, None]
    assert Measure("x", Goal.MINIMIZE).excess(9) is None
    limits = (between, Measure("y", Goal.MINIMIZE))
    assert keeps(limits, {"x": 2})
    assert not keeps(limits, {"x": 4, "y": 0})
    assert not keeps(limits, {"y": 0})  # it never said


def test_last_values_come_from_the_summary() -> None:
    measures = (
        Measure("val/ms", Goal.MINIMIZE),
        Measure("gb", at_most=1),
        Measure("no", at_most=1),
    )
    assert values_of(measures, {"val/ms": 3, "gb": float("nan"), "more": 1}) == {"val/ms": 3.0}


def test_a_front_has_what_nothing_dominates() -> None:
    scores = {
        1: (1.0, 5.0),
        2: (2.0, 2.0),
        3: (2.0, 3.0),  # 2 is as good in the one, better in the other
        4: (5.0, 1.0),
        5: (5.0, 1.0),  # alike: both
        6: (6.0, 6.0),
    }
    assert front(scores) == [1, 2, 4, 5]
    assert front({}) == []
    assert front({1: (3.0,), 2: (1.0,), 3: (2.0,)}) == [2]
