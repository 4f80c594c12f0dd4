"""`early_terminate: {type: curve}`: the model of the gains, and the rule that asks it.

The reliability table is the one on real curves in small: stated chances against what came of them,
on curves of a kind that the regressions do not assume.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from sweeps.stopping.curve import Curve
from sweeps.stopping.extrapolation import (
    Scale,
    Stage,
    chance_above,
    outlook,
    outlooks,
    stages_of,
)


def curves(count: int, length: int, seed: int) -> np.ndarray:
    """Costs that fall by power laws to floors of their own, with noise: (count, length)."""
    rng = np.random.default_rng(seed)
    epochs = np.arange(1, length + 1)
    floor = rng.gamma(2.0, 0.15, size=(count, 1))
    drop = rng.lognormal(0.0, 0.4, size=(count, 1))
    speed = rng.uniform(0.3, 1.5, size=(count, 1))
    noise = rng.normal(0.0, 0.01, size=(count, length))
    return np.asarray(floor + drop * epochs**-speed + noise)


def interleaved(made: Curve, costs: np.ndarray, slots: int = 6) -> dict[int, int]:
    """Runs the trials, `slots` at a time, each until it is stopped; trial -> its iterations."""
    waiting, running = list(range(len(costs))), dict[int, int]()
    lengths: dict[int, int] = {}
    while waiting or running:
        while waiting and len(running) < slots:
            running[waiting.pop(0)] = 0
        for number in list(running):
            made.report(number, float(costs[number, running[number]]))
            running[number] += 1
            if made.judge(number).stop or running[number] == costs.shape[1]:
                lengths[number] = running.pop(number)
    return lengths


# -- the model of the gains -------------------------------------------------------------------


def test_chances_of_an_exponential_gain() -> None:
    assert chance_above(2.0, mean=1.0, variance=1.0) == pytest.approx(math.exp(-2.0))
    assert chance_above(0.0, mean=1.0, variance=4.0) == 1.0
    assert chance_above(0.5, mean=0.0, variance=1.0) == 0.0


def test_the_scale_is_linear_below_the_median_and_logarithmic_above() -> None:
    scale = Scale(np.array([1.0, 2.0, 3.0, 4.0, 1e9]))
    unit = math.sqrt((4 + 1 + 0) / 3)  # of -2, -1, 0
    assert scale(np.array([3.0, 2.0, 1.0])) == pytest.approx([0.0, -1 / unit, -2 / unit])
    assert scale(np.array([3.0 + unit])) == pytest.approx([math.log(2.0)])
    assert scale(np.array([1e9]))[0] < 22


def test_gains_that_follow_a_line_are_found_again() -> None:
    """Level and gains are standardised, so the ridge costs 1 trial in 200."""
    rng = np.random.default_rng(0)
    first = rng.normal(0.0, 1.0, 200)
    second = first - (0.5 + 0.2 * first)
    third = second - 0.3
    levels = np.c_[first, second, third]
    levels[100:, 2] = np.nan  # a hundred were stopped at the second checkpoint
    stages = stages_of(levels)
    mean, variance = outlook(stages[:1], 1.0, 0.0)
    assert mean == pytest.approx(0.7, abs=0.01)
    assert math.sqrt(variance) < 0.1
    mean, variance = outlook(stages, 1.0, 0.0)
    assert mean == pytest.approx(1.0, abs=0.02)


def test_stopped_trials_bias_nothing() -> None:
    """Only the better half goes on, and gains grow with the level: the mean over the survivors is
    wrong for the others, the regression is not (values are missing at random)."""
    rng = np.random.default_rng(1)
    first = rng.normal(0.0, 1.0, 400)
    gains = np.maximum(1.0 + 0.3 * first + rng.normal(0.0, 0.1, 400), 0.0)
    levels = np.c_[first, first - gains]
    levels[first > 0, 1] = np.nan
    survivors = float(gains[first <= 0].mean())
    mean, _ = outlook(stages_of(levels), 1.0, 0.0)
    assert mean == pytest.approx(1.3, abs=0.06)
    assert survivors < 0.85


def test_a_stage_that_nobody_passed_says_what_the_one_before_says() -> None:
    levels = np.full((6, 4), np.nan)
    levels[:, 0] = np.arange(6.0)
    levels[:, 1] = levels[:, 0] - 0.5
    stages = stages_of(levels)
    assert len(stages) == 3
    assert stages[2].weights[0] == pytest.approx(0.5, rel=0.05)
    one = outlook(stages[:1], 2.0, 0.0)
    three = outlook(stages, 2.0, 0.0)
    assert three[0] > 2 * one[0]
    assert three[1] > 3 * one[1]
    assert outlook(stages_of(np.full((1, 3), np.nan)), 0.0, 0.0)[0] == 0.0


# -- the rule ---------------------------------------------------------------------------------


def test_stated_chances_hold() -> None:
    """Reliability on curves that no rule has seen: 600 of them in three sweeps, nobody stopped."""
    stated, won = [], []
    for seed in range(3):
        costs = curves(200, 24, seed)
        made = Curve(threshold=1e-9, max_iter=24, eta=None, maximize=False)
        interleaved(made, costs)
        for number, curve in made._curves.items():
            end = costs[number].min()
            for raw, best in curve.raw:
                stated.append(min(0.005 + 0.99 * made._factor * raw, 0.995))
                won.append(float(end < best))
    chances, outcomes = np.array(stated), np.array(won)
    assert len(chances) > 1500
    for low, high in [(0.0, 0.02), (0.02, 0.1), (0.1, 0.4), (0.4, 1.0)]:
        inside = (chances >= low) & (chances < high)
        count, said = int(inside.sum()), float(chances[inside].mean())
        error = math.sqrt(said * (1 - said) / count) * 2  # checkpoints of one trial go together
        assert abs(float(outcomes[inside].mean()) - said) < 0.02 + 2.5 * error, (low, count)


def test_it_saves_most_of_the_work_and_keeps_the_winner() -> None:
    costs = curves(150, 30, 7)
    lengths = interleaved(Curve(max_iter=30, min_trials=5, eta=None, maximize=False), costs)
    assert sum(lengths.values()) < 0.3 * costs.size
    kept = min(costs[number, :length].min() for number, length in lengths.items())
    ranked = np.sort(costs.min(1))
    assert kept <= ranked[2]
    assert min(lengths.values()) >= 2


def test_the_reason_has_the_numbers() -> None:
    costs = -curves(60, 20, 3)
    made = Curve(max_iter=20, eta=None, maximize=True)
    lengths = interleaved(made, costs)
    number, length = next((n, k) for n, k in lengths.items() if k < 20)
    why = made.judge(number).why
    assert f"its best by iteration {length}, has a chance of " in why
    assert "less than 1 %, to beat -" in why
    assert why.endswith("the best so far, by iteration 20")


def test_maximize_is_the_mirror_image() -> None:
    costs = curves(60, 20, 4)
    down = interleaved(Curve(max_iter=20, maximize=False), costs)
    up = interleaved(Curve(max_iter=20, maximize=True), -costs)
    assert down == up


def test_nobody_is_stopped_before_enough_trials_came_to_the_end() -> None:
    made = Curve(max_iter=9, eta=None, maximize=False)
    for number in range(1, 3):
        for iteration in range(9):
            made.report(number, 1.0 / (1 + iteration))
    for _ in range(8):
        made.report(9, 100.0)
    assert not made.judge(9).stop


def test_without_a_length_it_judges_by_what_trials_have_reached() -> None:
    made = Curve(threshold=0.05, min_iter=3, eta=None, maximize=False)
    for number in range(1, 7):
        for iteration in range(12):
            made.report(number, (1.0 + number / 100) / (1 + iteration))
    for iteration in range(5):
        made.report(9, 3.0 / (1 + iteration))
    assert made.judge(9).stop
    assert made.judge(9).why.endswith("by iteration 12")
    for _ in range(30):  # the first that goes so far is compared with nobody
        made.report(1, 1.0)
    assert not made.judge(1).stop


def test_the_best_trial_and_ties_go_on() -> None:
    made = Curve(max_iter=6, min_trials=3, maximize=False)
    for number in range(1, 20):
        for _ in range(6):
            made.report(number, 0.5)
        assert not made.judge(number).stop
        made.end(number)


def test_trials_are_halved_from_the_start() -> None:
    """Nobody has come to the end yet: it is `asha` that speaks (docstring of asha.py)."""
    made = Curve(min_iter=2, max_iter=50, maximize=False)
    for number, best in enumerate([0.5, 0.4, 0.6, 0.3], start=1):
        made.report(number, 1.0)
        made.report(number, best)
    assert [made.judge(number).stop for number in range(1, 5)] == [False, False, True, False]
    assert made.judge(3).why.endswith("is worse than 0.4, the best third of 3 trials there")


def test_every_fifth_trial_is_halved_among_its_like() -> None:
    """The arithmetic of the module's docstring, and what it is good for."""
    made = Curve(min_iter=2, max_iter=50, maximize=False)
    for number in range(1, 20):
        for value in (0.9, 0.8 if number <= 10 or number == 15 else 0.4):
            made.report(number, value)
    for number in (20, 21):
        for value in (0.9, 0.5):
            made.report(number, value)
    assert not made.judge(20).stop
    assert made.judge(21).why.endswith("the best third of 21 trials there")
    made.forget(20)
    for value in (0.9, 0.85):
        made.report(20, value)
    assert made.judge(20).why.endswith("the best third of 12 trials there")


def test_a_trial_that_repeats_another_is_stopped() -> None:
    made = Curve(min_iter=2, max_iter=50, maximize=False)
    for number in (1, 2, 3):
        for value in (0.9, 0.5, 0.4 + (number == 2) / 10):
            made.report(number, value)
    assert [made.judge(number).stop for number in (1, 2)] == [False, False]
    assert made.judge(3).why == "its 3 values are those of trial 1, one by one"
    made.forget(1)
    made.forget(3)
    for value in (0.9, 0.5, 0.4):
        made.report(3, value)
    assert not made.judge(3).stop


def test_repeats_are_no_rank_to_lose_to() -> None:
    """0.15 is the second of six that differ, and goes on; with three copies of 0.1 it would be the
    fourth of nine."""
    made = Curve(min_iter=2, max_iter=50, maximize=False)
    for number, best in enumerate([0.1, 0.2, 0.3, 0.4, 0.5, 0.1, 0.1, 0.1], start=1):
        for value in (0.9, best, best - 0.01):
            made.report(number, value)
    for number in (6, 7, 8):
        assert made.judge(number).why.startswith("its 3 values are those of trial 1")
        made.report(number, 0.0)  # it is told of its end a little later
    made.report(9, 0.9)
    made.report(9, 0.15)
    assert not made.judge(9).stop


def test_forgotten_is_as_if_never_told() -> None:
    costs = curves(40, 12, 5)
    made, clean = (Curve(max_iter=12, min_trials=3, maximize=False) for _ in range(2))
    for _ in range(40):
        made.report(99, 0.0)
    made.forget(99)
    assert interleaved(made, costs) == interleaved(clean, costs)
    assert made._curves == clean._curves


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 0.0},
        {"threshold": 1.0},
        {"min_iter": 0},
        {"min_trials": 2},
        {"eta": 1.0},
        {"max_iter": 2},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"curve|threshold|eta"):
        Curve(**wrong, maximize=False)  # type: ignore[arg-type]


def test_many_outlooks_are_each_its_own() -> None:
    rng = np.random.default_rng(2)
    levels = np.cumsum(-rng.gamma(1.0, 0.3, (60, 5)), axis=1) + rng.normal(0, 1, (60, 1))
    stages = stages_of(levels)
    places = rng.integers(0, 4, 30)
    at, before = rng.normal(0, 1, 30), rng.gamma(1.0, 0.3, 30)
    means, variances = outlooks(stages, places, at, before)
    for n, place in enumerate(places):
        one = outlook(stages[place:], float(at[n]), float(before[n]))
        assert (means[n], variances[n]) == pytest.approx(one)
    # And by simulation, where the line is followed and no gain is cut off.
    stage = Stage(np.array([2.0, 0.3, 0.4]), np.zeros(2), np.ones(2), 0.04, np.zeros((3, 3)))
    level, last = np.full(40_000, 0.5), np.full(40_000, 0.2)
    for _ in range(3):
        gain = 2.0 + 0.3 * level + 0.4 * last + rng.normal(0.0, 0.2, 40_000)
        level, last = level - gain, gain
    mean, variance = outlook([stage] * 3, 0.5, 0.2)
    assert mean == pytest.approx(float((0.5 - level).mean()), rel=0.01)
    assert variance == pytest.approx(float(level.var()), rel=0.03)
