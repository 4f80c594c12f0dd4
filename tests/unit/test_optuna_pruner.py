"""Optuna's pruners as stopping rules: they decide as in a plain study with the same reports."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from typing import Any

import optuna
import pytest

from sweeps.errors import SpecError
from sweeps.section import Origin, Section
from sweeps.stopping.optuna_pruner import OptunaPruner
from sweeps.trial import TrialState

PRUNERS: dict[str, dict[str, Any]] = {
    "median": {"pruner": "MedianPruner", "n_startup_trials": 3, "n_warmup_steps": 2},
    "percentile": {"pruner": "PercentilePruner", "percentile": 30.0, "interval_steps": 2},
    "halving": {"pruner": "SuccessiveHalvingPruner", "min_resource": 2, "reduction_factor": 2},
    "halving-auto": {"pruner": "SuccessiveHalvingPruner"},
    "hyperband": {"pruner": "HyperbandPruner", "max_resource": 12, "reduction_factor": 2},
    "hyperband-auto": {"pruner": "HyperbandPruner"},
    "threshold": {"pruner": "ThresholdPruner", "lower": -1.2, "upper": 1.2},
    "patient": {
        "pruner": "PatientPruner",
        "patience": 1,
        "wrapped": {"pruner": "MedianPruner", "n_startup_trials": 2},
    },
    "wilcoxon": {"pruner": "WilcoxonPruner", "p_threshold": 0.3},
    "nop": {"pruner": "NopPruner"},
}
STEPS = 12


def rule(settings: dict[str, Any], *, maximize: bool = False) -> OptunaPruner:
    return OptunaPruner(Section(settings, Origin(), ("early_terminate",)), maximize=maximize)


def plain(settings: dict[str, Any]) -> Any:
    """The pruner as a script would make it."""
    arguments = {key: value for key, value in settings.items() if key != "pruner"}
    if "wrapped" in arguments:
        arguments["wrapped_pruner"] = plain(arguments.pop("wrapped"))
    return getattr(optuna.pruners, settings["pruner"])(**arguments)


def curves(trials: int) -> list[list[float]]:
    rng = random.Random(5)
    found = []
    for _ in range(trials):
        level, noise = rng.gauss(0, 0.5), rng.uniform(0.05, 0.4)
        found.append([level + 1 / step + rng.gauss(0, noise) for step in range(1, STEPS + 1)])
    return found


def four_at_once(trials: int) -> Iterator[tuple[int, int]]:
    """(trial, step), four of them in turn; who is pruned is passed over by the caller."""
    for first in range(0, trials, 4):
        for step in range(1, STEPS + 1):
            for number in range(first + 1, min(first + 5, trials + 1)):
                yield number, step


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("name", PRUNERS)
def test_it_decides_as_a_plain_study_does(name: str, maximize: bool) -> None:
    settings, data = PRUNERS[name], curves(24)
    mine = rule(settings, maximize=maximize)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(
            study_name="sweep",
            pruner=plain(settings),
            direction="maximize" if maximize else "minimize",
        )
        asked: dict[int, optuna.Trial] = {}
        over: dict[int, int] = {}
        for number, step in four_at_once(len(data)):
            if number in over:
                continue
            while len(asked) < number:
                asked[len(asked) + 1] = study.ask()
            value = data[number - 1][step - 1]
            asked[number].report(value, step)
            mine.report(number, value)
            verdict = mine.judge(number)
            assert verdict.stop == asked[number].should_prune(), (number, step)
            if verdict.stop:
                assert f"at iteration {step}" in verdict.why
                over[number] = step
                study.tell(asked[number], state=optuna.trial.TrialState.PRUNED)
                mine.close(number, TrialState.STOPPED)
            elif step == STEPS:
                over[number] = step
                study.tell(asked[number], sum(data[number - 1]) / STEPS)
                mine.close(number, TrialState.FINISHED)
    stopped = sum(step < STEPS for step in over.values())
    assert (stopped > 0) == (name != "nop")
    assert stopped < len(data)


@pytest.mark.parametrize("name", ["median", "halving-auto", "hyperband"])
def test_a_rule_told_again_decides_the_same(name: str) -> None:
    data = curves(20)
    live, story = rule(PRUNERS[name]), []
    over: set[int] = set()
    for number, step in four_at_once(16):
        if number not in over:
            live.report(number, data[number - 1][step - 1])
            story.append(number)
            stopped = live.judge(number).stop
            if stopped or step == STEPS:
                over.add(number)
                live.close(number, TrialState.STOPPED if stopped else TrialState.FINISHED)
                story.append(-number)
    heir, at = rule(PRUNERS[name]), [0] * 21
    for number in story:
        if number > 0:
            heir.report(number, data[number - 1][at[number]])
            at[number] += 1
        else:
            stopped = at[-number] < STEPS or heir.judge(-number).stop
            heir.close(-number, TrialState.STOPPED if stopped else TrialState.FINISHED)
    for number in range(17, 21):
        for value in data[number - 1]:
            live.report(number, value)
            heir.report(number, value)
            assert live.judge(number) == heir.judge(number)


def test_a_trial_that_starts_again_is_judged_by_its_new_values() -> None:
    found = rule(PRUNERS["threshold"])
    found.report(1, 7.0)
    assert found.judge(1).stop
    found.forget(1)
    assert not found.judge(1).stop
    found.report(1, 0.0)
    assert not found.judge(1).stop
    assert not found.judge(2).stop  # never heard of
    with pytest.raises(ValueError, match="finite"):
        found.report(1, float("nan"))


@pytest.mark.parametrize(
    ("settings", "where", "what"),
    [
        ({"pruner": "MedianPruner", "n_startup": 3}, "n_startup", "Did you mean `n_startup_trials"),
        ({"pruner": "Median"}, "pruner", "Did you mean `MedianPruner`?"),
        ({"pruner": "BasePruner"}, "pruner", "has no pruner 'BasePruner'"),
        ({"pruner": "PercentilePruner"}, "percentile", "is missing; PercentilePruner needs it"),
        ({"pruner": "MedianPruner", "interval_steps": 0}, "interval_steps", "at least 1"),
        ({"pruner": "MedianPruner", "interval_steps": "x"}, "interval_steps", "a whole number"),
        ({"pruner": "PatientPruner", "wrapped": "NopPruner"}, "patience", "is missing"),
        (
            {"pruner": "PatientPruner", "patience": 1, "wrapped": {"pruner": "NopPrune"}},
            "wrapped.pruner",
            "Did you mean",
        ),
    ],
)
def test_what_is_refused(settings: dict[str, Any], where: str, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        rule(settings)
    assert caught.value.key_path == ".".join(["early_terminate", where]).rstrip(".")
    assert what in str(caught.value)
