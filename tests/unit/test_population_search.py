"""Population based training: who goes on, who copies whom, and what a restart changes (nothing)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from sweeps.errors import SpecError
from sweeps.search import Ended, Reported, Searcher, Suggestion, make_searcher
from sweeps.simulate import CRASH, SimTrial, Simulation, simulate
from sweeps.spec import SweepSpec, load_spec, spec_from_mapping
from sweeps.stopping import make_rule
from sweeps.trial import TrialState

PARAMETERS = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
    "batch": {"values": [32, 16, 64]},
    "opt": {"values": ["sgd", "adam"]},
    "mom": {"min": 0.0, "max": 0.9, "when": {"opt": "sgd"}},
    "k": {"min": 1, "max": 9},
    "depth": {"value": 3},
}


def spec(parameters: Any = None, more: Mapping[str, Any] | None = None, **search: Any) -> SweepSpec:
    return spec_from_mapping(
        {
            "method": "bayes",
            "metric": {"name": "loss"},
            "parameters": parameters or PARAMETERS,
            "search": {"type": "pbt", "population": 4, **search},
            **(more or {}),
        }
    )


def end(searcher: Searcher, number: int, value: float | None) -> None:
    if value is None:
        searcher.tell(Ended(number, TrialState.FAILED, None))
    else:
        searcher.tell(Reported(number, 1, value))
        searcher.tell(Ended(number, TrialState.FINISHED, value))


def first_round(searcher: Searcher, values: list[float | None]) -> list[Suggestion]:
    """Four members whose first segments ended so."""
    found = searcher.ask(4)
    assert [each.parent for each in found] == [None] * 4
    for suggestion, value in zip(found, values, strict=True):
        end(searcher, suggestion.number, value)
    return found


def test_the_worst_copies_the_best_and_the_others_go_on() -> None:
    searcher = make_searcher(spec(), 0)
    before = first_round(searcher, [0.3, 0.1, 0.9, 0.2])
    after = searcher.ask(4)
    assert [each.parent for each in after] == [1, 2, 2, 4]
    assert [each.config for i, each in enumerate(after) if i != 2] == [
        each.config for i, each in enumerate(before) if i != 2
    ]
    explored, best = after[2].config, before[1].config
    assert explored != best
    assert explored["depth"] == 3


def test_a_member_that_breaks_a_limit_is_behind_all_that_do_not() -> None:
    searcher = make_searcher(spec(more={"metrics": [{"name": "gb", "at_most": 3}]}), 0)
    searcher.ask(4)
    for number, (value, gb) in enumerate([(0.3, 1), (0.1, 4), (0.9, 3), (0.2, None)], start=1):
        searcher.tell(Reported(number, 1, value))
        metrics = {} if gb is None else {"gb": float(gb)}
        searcher.tell(Ended(number, TrialState.FINISHED, value, metrics))
    assert [each.parent for each in searcher.ask(4)] == [1, 2, 3, 1]


def test_a_further_objective_is_refused_where_it_stands() -> None:
    text = (
        "program: t.py\nmethod: bayes\nmetric: {name: loss}\nmetrics:\n"
        "  - {name: gb, at_most: 3}\n  - {name: acc, goal: maximize}\n"
        "parameters: {x: {min: 0.0, max: 1.0}}\nsearch: {type: pbt}\n"
    )
    with pytest.raises(SpecError) as caught:
        load_spec(text, path="s.yaml")
    assert str(caught.value).startswith("s.yaml:6: metrics[1]: is a further objective")


def test_one_that_failed_copies_and_nobody_copies_it() -> None:
    searcher = make_searcher(spec(), 0)
    first_round(searcher, [None, 0.5, None, 0.4])
    assert [each.parent for each in searcher.ask(4)] == [4, 4, 4, 4]
    searcher = make_searcher(spec(), 0)
    first_round(searcher, [None] * 4)
    assert [each.parent for each in searcher.ask(4)] == [None] * 4, "nobody to copy"


def test_nobody_waits_for_a_slow_member() -> None:
    searcher = make_searcher(spec(quantile=0.5), 0)
    searcher.ask(4)
    for number, value in ((2, 0.4), (3, 0.2), (4, 0.1)):
        end(searcher, number, value)
    (fifth,) = searcher.ask(1)
    assert fifth.parent in (3, 4), "the member of trial 2, the worst so far"
    assert [each.parent for each in searcher.ask(1)] == [4], "as many of them stand there now"
    end(searcher, 1, 0.05)
    (seventh,) = searcher.ask(1)
    assert seventh.parent == 1, "the slow one goes on as soon as it is there"


def test_more_slots_than_members_make_more_members() -> None:
    searcher = make_searcher(spec(), 0)
    found = searcher.ask(7)
    assert {each.parent for each in found} == {None}
    for each in found:
        end(searcher, each.number, each.number / 10)
    assert [each.parent for each in searcher.ask(7)][:6] == [1, 2, 3, 4, 5, 6]


def ages(done: Simulation) -> list[int]:
    """Of each trial by number: how many segments its checkpoint is of."""
    found = {None: 0}
    for trial in done.trials:
        found[trial.number] = found[trial.parent] + 1
    return list(found.values())[1:]


def longer_is_better(age: dict[int, int]) -> Any:
    """Each segment brings what it brings, whatever its settings."""

    def segment(trial: SimTrial, iteration: int) -> float:
        age[trial.number] = 1 + age.get(trial.parent or 0, 0)
        return 1 / age[trial.number] + trial.config["lr"] / 1000

    return segment


def run(capped: SweepSpec, segment: Any, **how: Any) -> Simulation:
    return simulate(capped, lambda config, iteration: None, segment=segment, **how)


@pytest.mark.parametrize("slots", [1, 2, 4, 8])
def test_members_take_turns_on_however_few_slots(slots: int) -> None:
    for seed in range(5):
        done = run(spec(more={"run_cap": 32}), longer_is_better({}), slots=slots, seed=seed)
        members = max(slots, 4)
        assert ages(done) == [1 + index // members for index in range(32)]


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_slow_and_failing_segments_leave_a_population(slots: int) -> None:
    done = run(
        spec(more={"run_cap": 64}),
        longer_is_better({}),
        slots=slots,
        duration=lambda config, iteration: 1 + 2 * (config["k"] % 3),
        fault=lambda number, token, iteration: CRASH if number % 5 == 4 else None,
    )
    assert 16 <= max(ages(done)) <= 18, "64 segments of four members"


def test_nobody_is_better_for_being_older() -> None:
    searcher = make_searcher(spec(), 0)
    searcher.ask(4)
    for number, value in ((1, 0.5), (2, 0.4), (3, 0.6)):
        end(searcher, number, value)
    for value in (0.1, 0.1, 0.1):  # while the fourth trains on
        end(searcher, searcher.ask(1)[0].number, value)
    end(searcher, 4, 0.45)
    (found,) = searcher.ask(1)
    assert found.parent == 4, "not the worst of its age, though the others are better by now"


def test_who_is_far_behind_copies_what_is_best_by_now() -> None:
    searcher = make_searcher(spec(), 0)
    searcher.ask(4)
    for number, value in ((1, 0.5), (2, 0.4), (3, 0.6)):
        end(searcher, number, value)
    for value in (0.3, 0.25, 0.35, 0.2, 0.15, 0.1):  # three members, two segments each
        end(searcher, searcher.ask(1)[0].number, value)
    end(searcher, 4, 0.9)
    (found,) = searcher.ask(1)
    assert found.parent in (5, 6, 7), "from the mean age, which is two"


def test_a_rate_that_has_to_fall_is_found_with_one_slot_as_with_many() -> None:
    rate = {"lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 10.0}}
    schedule = spec(rate, {"run_cap": 32}, perturb=2)

    def loss(slots: int, seed: int) -> float:
        left: dict[int, tuple[int, float]] = {0: (0, 0.0)}

        def segment(trial: SimTrial, iteration: int) -> float:
            age, value = left[trial.parent or 0]
            if age < 8:  # so long is the training; more of it brings nothing
                off = math.log10(trial.config["lr"]) + 1 + 0.1 * age
                value += math.log10(1 - 0.5 * math.exp(-((off / 0.4) ** 2)))
            left[trial.number] = (age + 1, value)
            return value

        best = run(schedule, segment, slots=slots, seed=seed).best
        assert best is not None
        return best.objective or 0.0

    one, four = (sum(loss(slots, seed) for seed in range(30)) / 30 for slots in (1, 4))
    assert one <= four < -1.2, "with one line instead of a population, one slot had -0.93"


@pytest.mark.parametrize("resample", [0.0, 1.0])
def test_what_is_explored(resample: float) -> None:
    lr, near = [], 0
    for seed in range(40):
        searcher = make_searcher(spec(resample=resample), seed)
        before = first_round(searcher, [0.1, 0.5, 0.6, 0.9])[0].config
        (after,) = [each.config for each in searcher.ask(4) if each.number == 8]
        lr.append(abs(math.log(after["lr"] / before["lr"])))
        order = [16, 32, 64]
        near += abs(order.index(after["batch"]) - order.index(before["batch"])) <= 1
        assert ("mom" in after) == (after["opt"] == "sgd")
        if resample == 0.0:
            assert after["opt"] == before["opt"]
            assert after["k"] != before["k"] or before["k"] in (1, 9)
            assert after["lr"] == pytest.approx(before["lr"] * 1.2) or after["lr"] == pytest.approx(
                max(before["lr"] / 1.2, 1e-5)
            )
    assert (near == 40) == (resample == 0.0)
    assert (max(lr) < 0.2) == (resample == 0.0)


def test_constraints_are_kept() -> None:
    limited = spec(more={"constraints": ["lr * k < 0.5"], "run_cap": 60}, resample=0.5)
    for trial in simulate(limited, lambda config, iteration: -config["lr"]).trials:
        assert trial.config["lr"] * trial.config["k"] < 0.5


def test_restarts_change_nothing() -> None:
    capped = spec(more={"run_cap": 50, "enqueue": [{"lr": 0.1}, {"lr": 0.2}]})
    told: dict[str, Any] = {
        "slots": 3,
        "iterations": 2,
        "duration": lambda config, iteration: 1 + config["k"] % 3,
        "fault": lambda number, token, iteration: CRASH if number % 7 == 3 else None,
    }

    def loss(config: Mapping[str, Any], iteration: int) -> float:
        return abs(math.log10(config["lr"]) + 2) + 1 / iteration

    once = simulate(capped, loss, **told)
    again = simulate(capped, loss, restart_every=4, **told)
    assert [trial.config for trial in again.trials] == [trial.config for trial in once.trials]
    assert [trial.parent for trial in again.trials] == [trial.parent for trial in once.trials]
    assert len(json.dumps(once.searcher.snapshot())) < 200
    late = sum(trial.objective or 9.0 for trial in once.trials[-10:])
    assert late < sum(trial.objective or 9.0 for trial in once.trials[:10])


def test_a_segment_of_a_script_that_never_ends_is_ended() -> None:
    done = simulate(spec(more={"run_cap": 6}, interval=3), lambda c, i: 1.0, iterations=99)
    assert {len(trial.curve) for trial in done.trials} == {3}
    assert {trial.state for trial in done.trials} == {TrialState.STOPPED}
    assert "segment of 3 iterations is complete" in done.trials[0].why
    assert make_rule(spec()) is None


def test_it_ends_trials_by_itself() -> None:
    file = (
        "program: t.py\nmethod: bayes\nmetric: {name: loss}\nparameters: {a: {min: 1, max: 9}}\n"
        "search: {type: pbt}\nearly_terminate: {type: asha}\n"
    )
    with pytest.raises(SpecError, match=r"s\.yaml:6: early_terminate: does not go with"):
        load_spec(file, path="s.yaml")
