"""The terms that the acquisition adds: chance of no failure, of limits kept, and cost."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import multivariate_normal

from sweeps.search.gp.feasibility import MOST_KNOWN, Feasibility, _mode, negative_log_evidence
from sweeps.search.gp.kernel import differences, matern
from sweeps.search.gp.limits import Limits, kept
from sweeps.search.gp.spending import Spending, cooled

MIXED = np.array([False, False, True, False])


def some(n: int, seed: int = 0) -> np.ndarray:
    """Points of three numbers and a category of three."""
    rng = np.random.default_rng(seed)
    points = rng.random((n, 4))
    points[:, 2] = rng.integers(0, 3, n)
    return points


def term(kind: str) -> Feasibility | Limits | Spending:
    points = some(40)
    if kind == "feasibility":
        return Feasibility(points, points[:, 0] + 0.3 * (points[:, 2] == 1) > 0.7, MIXED)
    excess = np.c_[points[:, 0] - 0.5, 1e3 * (points[:, 1] ** 2 - 0.6)]
    if kind == "limits":
        excess[3, 0] = math.nan
        return Limits(points, excess, MIXED, pending=some(3, seed=8))
    return Spending(points, np.exp(3 * points[:, 3] + (points[:, 2] == 0)), MIXED, power=0.7)


@pytest.mark.parametrize("kind", ["feasibility", "limits", "spending"])
def test_values_and_gradients_agree(kind: str) -> None:
    found, at = term(kind), some(5, seed=5)
    value, gradient = found.value_and_gradient(at)
    assert value == pytest.approx(found.value(at), rel=1e-6, abs=1e-9)
    assert (gradient[:, 2] == 0.0).all()
    for column in (0, 1, 3):
        step = np.zeros(4)
        step[column] = 1e-5
        slope = (found.value(at + step) - found.value(at - step)) / 2e-5
        assert gradient[:, column] == pytest.approx(slope, rel=1e-3, abs=1e-5)


class TestFeasibility:
    def test_its_evidence_has_the_gradient_that_it_says(self) -> None:
        points = some(25)
        pairs, labels = differences(points, points, MIXED), np.where(points[:, 0] > 0.6, -1.0, 1.0)
        labels[:3] *= -1
        place = np.array([1.0, 0.3, 0.2, -1.0, 0.5, 0.9])
        _, gradient = negative_log_evidence(place, pairs, labels)
        for i in range(6):
            step = np.zeros(6)
            step[i] = 1e-4
            up, down = (negative_log_evidence(place + s * step, pairs, labels)[0] for s in (1, -1))
            assert gradient[i] == pytest.approx((up - down) / 2e-4, rel=1e-3, abs=1e-4)

    def test_one_trial_is_nearly_as_exact_integration_has_it(self) -> None:
        variance, mean = 1.5, 0.4
        evidence = _mode(np.array([[variance]]), np.array([-1.0]), mean).evidence
        exact, _ = quad(
            lambda f: ndtr(-f) * multivariate_normal.pdf(f, mean, variance), -12.0, 12.0
        )
        assert math.exp(evidence) == pytest.approx(exact, rel=0.03)

    def test_its_mode_is_the_highest_place(self) -> None:
        points = some(12)
        covariance = 2.0 * matern(differences(points, points, MIXED) @ np.ones(4))
        covariance += 1e-6 * np.eye(12)
        labels = np.where(np.arange(12) % 3 == 0, -1.0, 1.0)
        mode = _mode(covariance, labels, 0.5)
        slope = labels * np.exp(-0.5 * mode.latent**2) / math.sqrt(2 * math.pi)
        assert mode.a == pytest.approx(slope / ndtr(labels * mode.latent), abs=1e-4)

    def test_a_region_that_fails_is_known_soon(self) -> None:
        points = np.random.default_rng(2).random((30, 4))
        found = Feasibility(points, points[:, 1] > 0.6, ~MIXED & False)
        at = np.random.default_rng(3).random((200, 4))
        chance = np.exp(found.value(at))
        assert chance[at[:, 1] > 0.7].mean() < 0.25
        assert chance[at[:, 1] < 0.5].mean() > 0.85

    def test_chance_failures_scare_nobody_off(self) -> None:
        """A fifth fails anywhere: no place is held to be twice as good as another."""
        points = np.random.default_rng(4).random((40, 4))
        failed = np.random.default_rng(5).random(40) < 0.2
        found = Feasibility(points, failed, np.zeros(4, bool))
        chances = found.value(np.random.default_rng(6).random((200, 4)))
        assert np.ptp(chances) < math.log(2)

    def test_bad_luck_is_not_the_places_fault(self) -> None:
        points = np.random.default_rng(4).random((60, 4))
        chance = np.random.default_rng(5).random(60) < 0.3
        region = points[:, 1] > 0.7
        for failed, low, high in ((chance, 0.7, 1.0), (region, 0.0, 0.5)):
            found = Feasibility(points, failed, np.zeros(4, bool)).innocence(points[failed])
            assert low <= found.mean() <= high
            assert found.max() <= 1.0

    @pytest.mark.parametrize("failed", [[True], [False], [True] * 20, [False] * 20])
    def test_little_to_learn_from(self, failed: list[bool]) -> None:
        points = np.repeat(some(1), len(failed), axis=0)
        found = Feasibility(points, np.array(failed), MIXED)
        assert np.isfinite(found.value(some(5))).all()
        assert (found.value(some(5)) <= 0).all()

    def test_of_very_many_it_knows_the_newest_failures(self) -> None:
        points = np.random.default_rng(0).random((1000, 2))
        failed = points[:, 0] > 0.97
        found = Feasibility(points, failed, np.zeros(2, bool))
        assert len(found._points) == MOST_KNOWN
        good, bad = np.exp(found.value(np.array([[0.5, 0.5], [0.99, 0.5]])))
        assert bad < 0.3 < 0.9 < good


class TestLimits:
    def test_the_side_that_keeps_them_is_found(self) -> None:
        points = np.random.default_rng(2).random((25, 2))
        excess = np.c_[points[:, 0] - 0.5, np.full(25, -3.0)]
        found = Limits(points, excess, np.zeros(2, bool))
        chance = np.exp(found.value(np.array([[0.3, 0.5], [0.7, 0.5]])))
        assert chance[0] > 0.95
        assert chance[1] < 0.05

    def test_any_size_and_what_is_unknown(self) -> None:
        points = np.random.default_rng(2).random((12, 2))
        excess = np.full((12, 3), math.nan)
        excess[:, 0] = np.where(points[:, 0] > 0.5, 1e300, -1e-300)
        excess[4, 1] = 0.0
        found = Limits(points, excess, np.zeros(2, bool))
        assert np.isfinite(found.value(points)).all()
        assert found.value(points)[points[:, 0] < 0.4] == pytest.approx(0.0, abs=1.0)
        assert np.flatnonzero(kept(excess)).tolist() == [
            4
        ]  # the only one whose limits are all known
        assert kept(np.array([[0.0, -1.0], [-1.0, 0.1], [math.nan, -1.0]])).tolist() == [
            True,
            False,
            False,
        ]

    def test_while_none_keeps_them_running_trials_hold_others_off(self) -> None:
        points = np.random.default_rng(2).random((10, 2))
        excess = 1.0 + ((points - 0.5) ** 2).sum(1)[:, None]
        at = np.array([[0.5, 0.95]])
        alone = Limits(points, excess, np.zeros(2, bool)).value(at)
        beside = Limits(points, excess, np.zeros(2, bool), pending=at + 0.01).value(at)
        assert beside < alone


class TestSpending:
    def test_twice_the_seconds_are_half_the_worth(self) -> None:
        points = np.random.default_rng(2).random((30, 2))
        seconds = 50.0 * 2.0 ** points[:, 0]
        found = Spending(points, seconds, np.zeros(2, bool))
        cheap, dear = found.value(np.array([[0.1, 0.5], [0.9, 0.5]]))
        assert cheap == pytest.approx(-math.log(50 * 2**0.1), abs=0.02)
        assert cheap - dear == pytest.approx(0.8 * math.log(2), abs=0.02)

    def test_equal_and_absurd_seconds(self) -> None:
        points = some(3)
        for seconds in ([5.0, 5.0, 5.0], [0.0, 1e300, -1.0]):
            found = Spending(points, np.array(seconds), MIXED)
            assert np.isfinite(found.value(some(5, seed=1))).all()

    def test_it_cools(self) -> None:
        assert [cooled(n, 40) for n in (0, 10, 40, 50)] == [1.0, 0.75, 0.0, 0.0]
        assert cooled(0, None) == 1.0
        assert cooled(100, None) == 0.5
