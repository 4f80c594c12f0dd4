"""The incremental rules against their definitions, computed from scratch on random curves."""

from __future__ import annotations

import math
import statistics
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sweeps.spec import spec_from_mapping
from sweeps.stopping import StoppingRule, make_rule

VALUES = st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0])
CURVES = st.dictionaries(st.integers(1, 12), st.lists(VALUES, max_size=12), max_size=12)
GOALS = st.sampled_from(["minimize", "maximize"])


def rule(goal: str, **early: Any) -> StoppingRule:
    made = make_rule(
        spec_from_mapping(
            {
                "method": "random",
                "metric": {"name": "m", "goal": goal},
                "parameters": {"x": {"value": 1}},
                "early_terminate": early,
            }
        )
    )
    assert made is not None
    return made


def tell(made: StoppingRule, curves: dict[int, list[float]], order: Any) -> None:
    """All values, the trials interleaved at random, some of them told wrongly and forgotten."""
    wrong = [number for number in curves if order.random() < 0.3]
    for number in wrong:
        for _ in range(order.randint(1, 9)):
            made.report(number, order.choice([-9.0, 9.0]))
    for number in wrong:
        made.end(number)
        made.forget(number)
    tickets = [number for number, curve in curves.items() for _ in curve]
    order.shuffle(tickets)
    rest = {number: iter(curve) for number, curve in curves.items()}
    for number in tickets:
        made.report(number, next(rest[number]))


def costs(curves: dict[int, list[float]], goal: str) -> dict[int, list[float]]:
    sign = 1 if goal == "minimize" else -1
    return {number: [sign * value for value in curve] for number, curve in curves.items()}


@given(CURVES, GOALS, st.randoms(), st.integers(1, 3), st.sampled_from([2, 2.5, 3]), st.booleans())
def test_hyperband_is_its_definition(
    curves: dict[int, list[float]], goal: str, order: Any, first: int, eta: float, strict: bool
) -> None:
    made = rule(goal, type="hyperband", min_iter=first, eta=eta, strict=strict)
    tell(made, curves, order)
    bands = [int(first * eta**k) for k in range(5)]
    all_costs = costs(curves, goal)
    for number, mine in all_costs.items():
        reached = [band for band in bands if band <= len(mine)]
        expected = False
        if reached:
            there = sorted(c[reached[-1] - 1] for c in all_costs.values() if len(c) >= reached[-1])
            judged = mine[reached[-1] - 1] if strict else min(mine)
            expected = judged > there[int(1 / eta * len(there))]
        assert made.judge(number).stop is expected


@given(CURVES, GOALS, st.randoms(), st.integers(1, 4), st.integers(1, 4), st.data())
def test_median_is_its_definition(
    curves: dict[int, list[float]],
    goal: str,
    order: Any,
    min_iter: int,
    min_trials: int,
    data: st.DataObject,
) -> None:
    made = rule(goal, type="median", min_iter=min_iter, min_trials=min_trials)
    tell(made, curves, order)
    ended = [number for number in curves if data.draw(st.booleans(), label=f"{number} ended")]
    for number in ended:
        made.end(number)
    all_costs = costs(curves, goal)
    for number in curves.keys() - set(ended):
        mine = all_costs[number]
        length = len(mine)
        averages = [
            sum(all_costs[other][:length]) / length
            for other in ended
            if length and len(all_costs[other]) >= length
        ]
        expected = (
            length >= min_iter
            and len(averages) >= min_trials
            and min(mine) > statistics.median(averages)
        )
        assert made.judge(number).stop is expected


@given(CURVES, GOALS, st.randoms(), st.integers(1, 4), st.integers(1, 4), st.integers(1, 99))
def test_percentile_is_its_definition(
    curves: dict[int, list[float]],
    goal: str,
    order: Any,
    min_iter: int,
    min_trials: int,
    percentile: int,
) -> None:
    made = rule(
        goal, type="percentile", percentile=percentile, min_iter=min_iter, min_trials=min_trials
    )
    tell(made, curves, order)
    all_costs = costs(curves, goal)
    for number, mine in all_costs.items():
        length = len(mine)
        bests = sorted(min(c[:length]) for c in all_costs.values() if len(c) >= length > 0)
        expected = (
            length >= min_iter
            and len(bests) > min_trials
            and min(mine) > bests[math.ceil(len(bests) * percentile / 100) - 1]
        )
        assert made.judge(number).stop is expected


@given(CURVES, GOALS, st.randoms(), st.integers(1, 3), st.sampled_from([2, 2.5, 3]))
def test_asha_is_its_definition(
    curves: dict[int, list[float]], goal: str, order: Any, first: int, eta: float
) -> None:
    """Replays the reports in one fixed order, with the decisions made from scratch at each."""
    made = rule(goal, type="asha", min_iter=first, eta=eta)
    tickets = [number for number, curve in curves.items() for _ in curve]
    order.shuffle(tickets)
    rungs = {int(first * eta**k) for k in range(6)}
    told: dict[int, list[float]] = {number: [] for number in curves}
    at_rung: dict[int, list[float]] = {rung: [] for rung in rungs}
    doomed = set()
    sign = 1 if goal == "minimize" else -1
    for number in tickets:
        value = curves[number][len(told[number])]
        told[number].append(sign * value)
        length, best = len(told[number]), min(told[number])
        if length in rungs:
            at_rung[length].append(best)
            survivors = int(len(at_rung[length]) / eta)
            if survivors and sum(other < best for other in at_rung[length]) >= survivors:
                doomed.add(number)
        made.report(number, value)
        assert made.judge(number).stop is (number in doomed)
