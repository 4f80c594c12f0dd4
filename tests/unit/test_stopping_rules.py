"""Each early-termination rule against arithmetic worked out by hand, through `make_rule`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sweeps.errors import SpecError
from sweeps.spec import EarlyTerminate, spec_from_mapping
from sweeps.stopping import StoppingRule, make_rule
from sweeps.stopping.asha import Asha


def rule(goal: str = "minimize", **early: Any) -> StoppingRule:
    made = make_rule(
        spec_from_mapping(
            {
                "method": "random",
                "metric": {"name": "loss", "goal": goal},
                "parameters": {"x": {"value": 1}},
                "early_terminate": early,
            }
        )
    )
    assert made is not None
    return made


def tell(made: StoppingRule, curves: Mapping[int, Sequence[float]]) -> None:
    for number, values in curves.items():
        for value in values:
            made.report(number, value)


def stopped(made: StoppingRule, numbers: Sequence[int]) -> list[int]:
    return [number for number in numbers if made.judge(number).stop]


ALL_RULES = [
    {"type": "hyperband", "min_iter": 2},
    {"type": "hyperband", "min_iter": 2, "strict": False},
    {"type": "asha", "min_iter": 2},
    {"type": "asha", "min_iter": 2, "max_iter": 3, "brackets": 1},
    {"type": "median", "min_iter": 2, "min_trials": 3},
    {"type": "percentile", "percentile": 30, "min_iter": 2, "min_trials": 3},
]


@pytest.mark.parametrize("early", ALL_RULES, ids=str)
class TestEveryRule:
    """What holds for all of them."""

    def test_one_far_worse_than_all_is_stopped_with_a_reason(self, early: dict[str, Any]) -> None:
        made = rule(**early)
        for number in range(1, 7):
            tell(made, {number: [0.5, 0.4 + number / 1000]})
            made.end(number)
        tell(made, {7: [0.95, 0.9]})
        verdict = made.judge(7)
        assert verdict.stop
        assert "0.9" in verdict.why
        assert "0.40" in verdict.why or "0.45" in verdict.why
        assert "iteration 2" in verdict.why

    def test_maximize_is_the_mirror_image(self, early: dict[str, Any]) -> None:
        down, up = rule(**early), rule(goal="maximize", **early)
        curves = {n: [math.sin(n * 7 + i) for i in range(n % 4 + 1)] for n in range(1, 30)}
        for number, curve in curves.items():
            tell(down, {number: curve})
            tell(up, {number: [-value for value in curve]})
            if number % 2:
                down.end(number)
                up.end(number)
        running = [number for number in curves if number % 2 == 0]
        assert stopped(down, running) == stopped(up, running) != []

    def test_the_reason_speaks_in_the_users_direction(self, early: dict[str, Any]) -> None:
        made = rule(goal="maximize", **early)
        for number in range(1, 7):
            tell(made, {number: [0.8, 0.8]})
            made.end(number)
        tell(made, {7: [0.1, 0.1]})
        assert made.judge(7).why.startswith("0.1")
        assert "-" not in made.judge(7).why

    def test_ties_survive(self, early: dict[str, Any]) -> None:
        made = rule(**early)
        for number in range(1, 20):
            tell(made, {number: [0.5, 0.5, 0.5]})
            assert not made.judge(number).stop
            made.end(number)

    def test_nobody_is_stopped_before_the_first_look(self, early: dict[str, Any]) -> None:
        made = rule(**early)
        for number in range(1, 9):
            tell(made, {number: [0.1, 0.1, 0.1]})
            made.end(number)
        made.report(9, 1e9)
        assert not made.judge(9).stop

    def test_a_trial_without_values_goes_on(self, early: dict[str, Any]) -> None:
        made = rule(**early)
        assert not made.judge(1).stop
        made.end(1)
        made.forget(1)
        assert not made.judge(1).stop

    def test_forgotten_is_as_if_never_told(self, early: dict[str, Any]) -> None:
        made, clean = rule(**early), rule(**early)
        tell(made, {99: [0.0, 0.0, 0.0, 0.0]})  # better than all: with it, others would stop
        made.end(99)
        made.forget(99)
        for number in range(1, 9):
            curve = [0.9 - number / 100] * 3
            tell(made, {number: curve})
            tell(clean, {number: curve})
            assert made.judge(number) == clean.judge(number)
            made.end(number)
            clean.end(number)

    def test_a_trial_that_starts_over_is_judged_by_its_new_values(
        self, early: dict[str, Any]
    ) -> None:
        made = rule(**early)
        for number in range(1, 7):
            tell(made, {number: [0.5, 0.4]})
            made.end(number)
        tell(made, {7: [0.95, 0.9]})
        assert made.judge(7).stop
        made.forget(7)
        assert not made.judge(7).stop
        tell(made, {7: [0.3, 0.2]})
        assert not made.judge(7).stop

    def test_only_finite_values(self, early: dict[str, Any]) -> None:
        made = rule(**early)
        for value in (math.nan, math.inf, -math.inf):
            with pytest.raises(ValueError, match="finite"):
                made.report(1, value)

    def test_judging_changes_nothing(self, early: dict[str, Any]) -> None:
        made = rule(**early)
        for number in range(1, 7):
            tell(made, {number: [0.5, 0.4]})
            made.end(number)
        tell(made, {7: [0.95, 0.9], 8: [0.3, 0.3]})
        assert [made.judge(7)] * 3 == [made.judge(7) for _ in range(3)]
        assert not made.judge(8).stop


# -- hyperband --------------------------------------------------------------------------------

# Answers of W&B's engine (wandb/sweeps 0.3) to these six running trials.
SIX = {
    1: [0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
    2: [0.5, 0.9, 0.6, 0.61, 0.3, 0.45],
    3: [0.5, 0.7, 0.7],
    4: [0.7, 0.75, 0.2, 0.1, 0.1, 0.4],
    5: [0.95, 0.7, 0.9, 0.9, 0.95, 0.5],
    6: [0.6],
}


@pytest.mark.parametrize(
    ("goal", "settings", "expected"),
    [
        ("minimize", {"max_iter": 18, "s": 2}, [2, 5]),
        ("minimize", {"max_iter": 18, "s": 2, "strict": False}, [5]),
        ("minimize", {"min_iter": 1, "eta": 2}, [5]),
        ("minimize", {"min_iter": 2}, [2, 5]),
        ("minimize", {"min_iter": 2, "strict": False}, [5]),
        ("minimize", {"min_iter": 3, "eta": 1.5}, [5]),
        ("minimize", {"max_iter": 5, "s": 3, "eta": 2, "min_iter": 3}, [1, 2]),
        ("maximize", {"max_iter": 18, "s": 2}, [1, 3, 4]),
        ("maximize", {"max_iter": 18, "s": 2, "strict": False}, [3]),
        ("maximize", {"min_iter": 1, "eta": 2}, [3, 4]),
        ("maximize", {"min_iter": 2}, [1, 3, 4]),
        ("maximize", {"min_iter": 2, "strict": False}, [3]),
        ("maximize", {"min_iter": 3, "eta": 1.5}, []),
        ("maximize", {"max_iter": 5, "s": 3, "eta": 2, "min_iter": 3}, [3, 5]),
    ],
    ids=str,
)
def test_hyperband_answers_as_wandb_does(
    goal: str, settings: dict[str, Any], expected: list[int]
) -> None:
    made = rule(goal, type="hyperband", **settings)
    tell(made, SIX)
    assert stopped(made, list(SIX)) == expected


@pytest.mark.parametrize(("trials", "expected"), [(49, 48), (50, 48), (98, 96), (99, 96)])
def test_hyperband_counts_the_share_as_wandb_does(trials: int, expected: int) -> None:
    """W&B takes rank int(1/eta * n), which for eta 49 and n 49 is 0, and not n/eta = 1."""
    made = rule(type="hyperband", min_iter=1, eta=49)
    numbers = range(1, trials + 1)
    tell(made, {number: [float(number)] for number in numbers})
    assert len(stopped(made, numbers)) == expected


@pytest.mark.parametrize(
    ("settings", "bands"),
    [
        ({"max_iter": 18, "eta": 3, "s": 2}, [2, 6]),
        ({"max_iter": 27, "eta": 3, "s": 9}, [1, 3, 9]),  # 27/3⁴ is below 1
        ({"max_iter": 100, "eta": 4, "s": 2}, [6, 25]),  # 6.25 is rounded down
        ({"min_iter": 3, "eta": 3}, [3, 9, 27, 81]),
        ({"min_iter": 2, "eta": 1.5}, [2, 3, 4, 6, 10]),  # 2, 3, 4.5, 6.75, 10.125
    ],
    ids=str,
)
def test_hyperband_looks_at_its_bands_only(settings: dict[str, Any], bands: list[int]) -> None:
    """A newcomer that is worst everywhere is stopped at the iteration of the first band; one
    that is best up to a band, and then worst, at the next one."""
    for earlier, band in zip([0, *bands], bands, strict=False):
        made = rule(type="hyperband", **settings)
        tell(made, {number: [0.5] * bands[-1] for number in range(1, 6)})
        looks = []
        for iteration in range(1, band + 1):
            made.report(9, 0.4 if iteration <= earlier else 0.6)
            looks.append(made.judge(9).stop)
        assert looks == [False] * (band - 1) + [True]


def test_hyperband_judges_anew_when_others_arrive() -> None:
    made = rule(type="hyperband", min_iter=1)
    made.report(1, 0.4)
    assert not made.judge(1).stop
    made.report(2, 0.3)
    assert made.judge(1).why == (
        "0.4 at iteration 1 is worse than 0.3, the best third of 2 trials there"
    )


def test_hyperband_not_strict_takes_the_best_of_all_its_values() -> None:
    made = rule(type="hyperband", min_iter=1, strict=False)
    tell(made, {1: [0.5], 2: [0.9, 0.6]})
    assert made.judge(2).why == (
        "0.6, its best in 2 iterations, is worse than 0.5, the best third of 2 trials at "
        "iteration 1"
    )
    made.forget(2)
    tell(made, {2: [0.9, 0.4]})
    assert not made.judge(2).stop


# -- asha -------------------------------------------------------------------------------------


def test_asha_decides_by_rank_on_arrival() -> None:
    """The arithmetic of the module's docstring: rung 2, eta 3."""
    made = rule(type="asha", min_iter=2, eta=3)
    fates = {}
    for number, best in enumerate([0.5, 0.4, 0.6, 0.3, 0.35, 0.2], start=1):
        tell(made, {number: [1.0, best]})
        fates[best] = made.judge(number).stop
    assert fates == {0.5: False, 0.4: False, 0.6: True, 0.3: False, 0.35: True, 0.2: False}
    assert made.judge(5).why == (
        "0.35, its best by iteration 2, is worse than 0.3, the best third of 5 trials there"
    )


def test_asha_does_not_take_a_promotion_back() -> None:
    made = rule(type="asha", min_iter=1, eta=2)
    made.report(1, 0.9)  # the first to arrive
    for number in range(2, 9):
        made.report(number, 0.1)
    made.report(1, 0.9)  # and reaches rung 2, again the first
    assert not made.judge(1).stop
    made.report(1, 0.9)
    tell(made, {2: [0.1], 3: [0.1]})
    made.report(1, 0.9)  # rung 4: the first once more
    assert not made.judge(1).stop


def test_asha_judges_the_best_so_far() -> None:
    made = rule(type="asha", min_iter=2, eta=2)
    tell(made, {1: [0.5, 0.5], 2: [0.6, 0.6], 3: [0.1, 0.9]})
    assert not made.judge(3).stop


def test_asha_has_no_rung_at_the_end() -> None:
    made = rule(type="asha", min_iter=3, max_iter=9, eta=3)
    for number in range(1, 9):
        tell(made, {number: [0.5] * 8 + [float(number)]})
    assert stopped(made, range(1, 9)) == []


def test_asha_brackets_have_hyperbands_shares() -> None:
    """The table of the module's docstring, over 14,225 trials: 81 : 33.75 : 15 : 7.5 : 5."""
    made = Asha(min_iter=1, max_iter=81, eta=3, brackets=5, maximize=False)
    counts = [0] * 5
    for number in range(1, 14_226):
        counts[made.bracket(number)] += 1
    assert counts == pytest.approx([8100, 3375, 1500, 750, 500], abs=3)
    first = [made.bracket(number) for number in range(1, 12)]
    assert set(first[:8]) >= {0, 1, 2}  # they are mixed from the start
    endless = Asha(min_iter=2, eta=4, brackets=2, maximize=False)
    shares = [endless.bracket(number) for number in range(1, 1001)]
    assert shares.count(0) == pytest.approx(800, abs=2)


def test_asha_compares_within_a_bracket() -> None:
    made = Asha(min_iter=1, max_iter=9, eta=2, brackets=3, maximize=False)
    assert made.rungs == (1, 2, 4, 8)
    numbers: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for number in range(1, 60):
        numbers[made.bracket(number)].append(number)
    good, late = numbers[0][:4], numbers[2][:3]
    for number in good:
        tell(made, {number: [0.1]})
    tell(made, {late[0]: [0.9, 0.9, 0.9, 0.5]})
    assert not made.judge(late[0]).stop  # rungs 4 and 8 only, and it is the first there
    tell(made, {late[1]: [0.9, 0.9, 0.9, 0.6]})
    assert made.judge(late[1]).why == (
        "0.6, its best by iteration 4, is worse than 0.5, the best half of 2 trials there in "
        "bracket 3"
    )
    made.forget(late[0])
    made.forget(late[1])
    tell(made, {late[1]: [0.9, 0.9, 0.9, 0.6]})
    assert not made.judge(late[1]).stop


# -- median -----------------------------------------------------------------------------------


def test_median_compares_the_best_with_running_averages() -> None:
    """The arithmetic of the module's docstring: averages 0.7, 0.6, 0.95, median 0.7."""
    made = rule(type="median", min_iter=1, min_trials=3)
    ended = {1: [0.9, 0.5], 2: [0.8, 0.4], 3: [1.0, 0.9]}
    tell(made, ended)
    for number in ended:
        made.end(number)
    tell(made, {4: [1.2, 0.8], 5: [1.2, 0.7]})
    assert made.judge(4).why == (
        "0.8, its best by iteration 2, is worse than 0.7, the median of the averages of 3 ended "
        "trials there"
    )
    assert not made.judge(5).stop


def test_median_of_an_even_number_lies_between_the_middle_two() -> None:
    made = rule(type="median", min_iter=1, min_trials=2)
    for number, value in enumerate([0.1, 0.3], start=1):
        made.report(number, value)
        made.end(number)
    tell(made, {3: [0.2], 4: [0.21]})
    assert stopped(made, [3, 4]) == [4]


def test_median_heeds_only_trials_that_ended_and_came_so_far() -> None:
    made = rule(type="median", min_iter=1, min_trials=2)
    tell(made, {1: [0.1, 0.1], 2: [0.1], 3: [0.1, 0.1], 4: [0.9, 0.9]})
    assert not made.judge(4).stop  # nobody has ended
    made.end(1)
    made.end(2)
    assert not made.judge(4).stop  # one ended at iteration 2
    made.end(3)
    made.end(3)  # told twice counts once
    assert "of 2 ended trials" in made.judge(4).why


def test_median_takes_points_that_come_in_after_the_end() -> None:
    made = rule(type="median", min_iter=1, min_trials=2)
    tell(made, {1: [0.1], 2: [0.1], 3: [0.9, 0.9]})
    made.end(1)
    made.end(2)
    assert not made.judge(3).stop
    tell(made, {1: [0.1], 2: [0.1]})
    assert made.judge(3).stop


# -- percentile -------------------------------------------------------------------------------


@pytest.mark.parametrize(("percentile", "survivors"), [(25, 2), (50, 4), (51, 5), (1, 1), (99, 8)])
def test_percentile_keeps_the_best_share(percentile: float, survivors: int) -> None:
    """Eight trials at iteration 1: rank ceil(8·p/100)."""
    made = rule(type="percentile", percentile=percentile, min_iter=1, min_trials=5)
    tell(made, {number: [float(number)] for number in range(1, 9)})
    assert stopped(made, range(1, 9)) == list(range(survivors + 1, 9))


def test_percentile_says_why() -> None:
    made = rule(type="percentile", percentile=25, min_iter=1, min_trials=5)
    tell(made, {number: [number / 10] for number in range(1, 9)})
    assert made.judge(3).why == (
        "0.3, its best by iteration 1, is worse than 0.2, the best 25 % of 8 trials there"
    )


def test_percentile_waits_for_enough_others() -> None:
    made = rule(type="percentile", percentile=10, min_iter=1, min_trials=5)
    tell(made, {number: [0.1] for number in range(1, 5)})
    made.report(9, 0.9)
    assert not made.judge(9).stop  # four others
    made.report(5, 0.1)
    assert made.judge(9).stop


@pytest.mark.parametrize("kind", ["percentile", "median"])
def test_long_curves_are_judged_at_milestones(kind: str) -> None:
    """From iteration 256 on only every second, from 512 on every fourth one is kept."""
    extra = {"percentile": 50} if kind == "percentile" else {}
    made = rule(type=kind, min_iter=1, min_trials=3, **extra)
    for number in range(1, 5):
        tell(made, {number: [0.5] * 600})
        made.end(number)
    tell(made, {9: [0.4] * 3})
    made.forget(9)
    tell(made, {9: [0.9] * 511})
    assert "iteration 510," in made.judge(9).why
    tell(made, {9: [0.9] * 4})
    assert "iteration 512," in made.judge(9).why
    made.report(9, 0.1)  # iteration 516 is the next look
    assert not made.judge(9).stop


# -- the way from the file --------------------------------------------------------------------


def test_without_early_terminate_there_is_no_rule() -> None:
    spec = spec_from_mapping({"method": "random", "parameters": {"x": {"value": 1}}})
    assert make_rule(spec) is None


def test_close_values_are_told_apart() -> None:
    made = rule(type="hyperband", min_iter=1)
    tell(made, {1: [0.123456], 2: [0.123457]})
    assert made.judge(2).why.startswith("0.123457 at iteration 1 is worse than 0.123456")


def test_settings_that_leave_nothing_to_judge_are_refused() -> None:
    from dataclasses import replace

    spec = spec_from_mapping(
        {
            "method": "random",
            "metric": {"name": "loss"},
            "parameters": {"x": {"value": 1}},
            "early_terminate": {"type": "asha", "min_iter": 2},
        }
    )
    broken = EarlyTerminate("asha", {"min_iter": 9, "max_iter": 9, "eta": 3})
    with pytest.raises(SpecError, match="early_terminate: asha has no rung"):
        make_rule(replace(spec, early_terminate=broken))
    many = EarlyTerminate("asha", {"min_iter": 2, "max_iter": 9, "eta": 3, "brackets": 4})
    with pytest.raises(SpecError, match="2 rungs, enough for 1 to 3 brackets, not 4"):
        make_rule(replace(spec, early_terminate=many))
    with pytest.raises(SpecError, match="hunch"):
        make_rule(replace(spec, early_terminate=EarlyTerminate("hunch", {})))
