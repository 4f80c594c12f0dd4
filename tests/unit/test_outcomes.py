"""Which trial is best, and which are on the front, where a sweep has several metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.server.outcomes import Outcome, measures_json, weigh
from controller.store.records import TrialRecord
from sweeps.spec import SweepSpec, spec_from_mapping
from sweeps.trial import Reason, TrialState


def spec(*metrics: dict[str, Any]) -> SweepSpec:
    parameters = {"x": {"min": 0.0, "max": 1.0}}
    return spec_from_mapping(
        {"method": "random", "parameters": parameters, "metrics": list(metrics)}
    )


def ended(number: int, objective: float, **summary: Any) -> TrialRecord:
    return TrialRecord(
        id=f"s-{number}", sweep_id="s", number=number, config={"x": 0.5},
        state=TrialState.FINISHED, token=1, attempts=1, objective=objective, reason=Reason.OK,
        detail="", summary=summary, steps=1, created=0.0, started=1.0, ended=2.0,
        ended_seq=number, agent_id=None, host=None, device=None,
    )  # fmt: skip


ACC = {"name": "acc", "goal": "maximize"}
TRIALS = [
    ended(1, 0.9, ms=30, gb=5),
    ended(2, 0.8, ms=10, gb=1),
    ended(3, 0.7, ms=20, gb=1),
    ended(4, 0.85, ms=20, gb=1.5),
    ended(5, 0.95, gb=1),
]


def numbers(outcome: Outcome) -> tuple[int | None, list[int]]:
    best = None if outcome.best is None else outcome.best.number
    return best, [trial.number for trial in outcome.front]


def test_the_front_has_what_nothing_beats_and_a_value_of_everything() -> None:
    both = spec(ACC, {"name": "ms", "goal": "minimize"})
    assert numbers(weigh(both, TRIALS)) == (5, [1, 4, 2])


def test_the_best_keeps_the_limits() -> None:
    limited = spec(ACC, {"name": "gb", "at_most": 2}, {"name": "ms", "at_most": 50})
    found = weigh(limited, TRIALS)
    assert found.keeps
    assert numbers(found) == (4, [])
    none = weigh(spec(ACC, {"name": "gb", "at_most": 0.5}), TRIALS)
    assert not none.keeps
    assert numbers(none) == (5, [])
    assert weigh(limited, []).best is None


def test_a_front_is_among_those_that_keep_the_limits() -> None:
    several = spec(ACC, {"name": "ms", "goal": "minimize"}, {"name": "gb", "at_most": 2})
    assert numbers(weigh(several, TRIALS)) == (5, [4, 2])
    assert measures_json(several, weigh(several, TRIALS))[1] == {
        "name": "gb", "goal": None, "at_most": 2, "at_least": None,
        "missing": 0, "broken": 1, "of": 5, "nearest": 1,
    }  # fmt: skip
    assert measures_json(several, None)[0]["missing"] == 0


def test_what_trials_lack_and_which_limit_is_in_the_way() -> None:
    several = spec(ACC, {"name": "ms", "at_most": 5}, {"name": "gb", "at_most": 2, "at_least": 1})
    stopped = replace(ended(6, 0.1), state=TrialState.STOPPED)
    found = weigh(several, [*TRIALS, stopped])
    assert found.missing == {"ms": 1, "gb": 0}, "one that was stopped early may not have got there"
    assert found.broken == {"ms": 6, "gb": 2}
    assert found.nearest == {"ms": 10, "gb": 1.5}
    assert found.of == 6
