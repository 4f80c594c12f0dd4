"""`early_terminate: {type: plateau}`, against arithmetic worked out by hand."""

from __future__ import annotations

import math

import pytest

from sweeps.stopping.plateau import Plateau


def looks(made: Plateau, *values: float) -> list[bool]:
    found = []
    for value in values:
        made.report(1, value)
        found.append(made.judge(1).stop)
    return found


def test_patience_and_what_counts_as_better() -> None:
    """The arithmetic of the module's docstring."""
    made = Plateau(patience=2, min_delta=0.1, maximize=False)
    assert looks(made, 1.0, 0.8, 0.75, 0.72) == [False, False, False, True]
    assert made.judge(1).why == (
        "0.8, its value at iteration 2, was not improved by more than 0.1 in the 2 iterations since"
    )
    assert not any(looks(Plateau(patience=2, maximize=False), 1.0, 0.8, 0.75, 0.72))


def test_maximize() -> None:
    made = Plateau(patience=2, maximize=True)
    assert looks(made, 0.5, 0.6, 0.6, 0.59) == [False, False, False, True]
    assert made.judge(1).why == (
        "0.6, its value at iteration 2, was not improved in the 2 iterations since"
    )


def test_not_before_min_iter() -> None:
    made = Plateau(patience=1, min_iter=4, maximize=False)
    assert made.first == 4
    assert looks(made, 1.0, 1.0, 1.0, 1.0) == [False, False, False, True]
    assert Plateau(patience=3, maximize=False).first == 4


def test_trials_are_not_compared() -> None:
    made = Plateau(patience=1, maximize=False)
    made.report(2, 0.0)
    assert looks(made, 9.0, 8.0, 7.0) == [False] * 3
    assert not made.judge(2).stop
    assert not made.judge(3).stop


def test_a_trial_that_starts_over_is_judged_anew() -> None:
    made = Plateau(patience=1, maximize=False)
    assert looks(made, 1.0, 2.0) == [False, True]
    made.forget(1)
    assert looks(made, 3.0, 2.0) == [False, False]


def test_only_finite_values() -> None:
    with pytest.raises(ValueError, match="finite"):
        Plateau(patience=1, maximize=False).report(1, math.nan)


@pytest.mark.parametrize(
    "wrong", [{"patience": 0}, {"patience": 1, "min_iter": 0}, {"patience": 1, "min_delta": -1.0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Plateau(**wrong, maximize=False)
