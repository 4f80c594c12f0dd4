"""The Gaussian process against closed forms, finite differences and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import yeojohnson
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from sweeps.search.gp.improvement import log_h, log_improvement
from sweeps.search.gp.kernel import differences, distances, matern, matern_slope
from sweeps.search.gp.outputs import half_ranked, standardised, warped, yeo_johnson
from sweeps.search.gp.process import (
    FAR,
    Evidence,
    Hyperparameters,
    Process,
    fit,
    usual,
)

MIXED = np.array([False, False, True, False])
HYPERPARAMETERS = Hyperparameters(np.array([3.0, 0.2, 1.5, 8.0]), 1.7, 0.03)


def some(n: int, seed: int = 0) -> np.ndarray:
    """Points of three numbers and a category of four."""
    rng = np.random.default_rng(seed)
    points = rng.random((n, 4))
    points[:, 2] = rng.integers(0, 4, n)
    return points


def slope(function, at: float, step: float = 1e-6) -> float:
    return (function(at + step) - function(at - step)) / (2 * step)


class TestImprovement:
    @pytest.mark.parametrize("z", [-8.0, -3.0, -1.0001, -0.9999, 0.0, 0.7, 5.0, 30.0])
    def test_it_is_the_expectation(self, z: float) -> None:
        density = lambda u: math.exp(-0.5 * u * u) / math.sqrt(2 * math.pi)  # noqa: E731
        expected, _ = quad(lambda u: (z + u) * density(u), -z, max(-z, 0) + 40, epsabs=1e-300)
        assert log_h(np.array([z]))[0][0] == pytest.approx(math.log(expected), rel=1e-7, abs=1e-9)

    @pytest.mark.parametrize("t", [40.0, 300.0, 999.0, 1001.0, 1e5])
    def test_far_out_it_is_the_series_of_mills(self, t: float) -> None:
        series = 1 / t**2 - 3 / t**4 + 15 / t**6 - 105 / t**8
        expected = -0.5 * t * t - 0.5 * math.log(2 * math.pi) + math.log(series)
        assert log_h(np.array([-t]))[0][0] == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("z", [-900.0, -20.0, -1.5, -0.5, 0.0, 3.0])
    def test_its_derivative(self, z: float) -> None:
        value = lambda at: log_h(np.array([at]))[0][0]  # noqa: E731
        assert log_h(np.array([z]))[1][0] == pytest.approx(slope(value, z, 1e-4), rel=1e-4)

    def test_it_grows_with_the_deviation_and_falls_with_the_mean(self) -> None:
        deviations = np.array([1e-6, 0.01, 0.1, 1.0, 10.0])
        rising = log_improvement(np.zeros(5), deviations, -0.5)
        assert (np.diff(rising) > 0).all()
        falling = log_improvement(np.linspace(-5, 50, 100), np.full(100, 0.1), 0.0)
        assert np.isfinite(falling).all()
        assert (np.diff(falling) < 0).all()


class TestKernel:
    def test_distances_are_sums_of_differences(self) -> None:
        a, b = some(7), some(5, seed=1)
        whole = differences(a, b, MIXED) @ HYPERPARAMETERS.weights
        found = distances(a, b, HYPERPARAMETERS.weights, MIXED)
        assert found == pytest.approx(whole, abs=1e-12)
        codes = differences(a, b, MIXED)[..., 2]
        assert set(codes.ravel()) == {0.0, 1.0}

    @pytest.mark.parametrize("distance", [1e-4, 0.3, 4.0])
    def test_its_slope(self, distance: float) -> None:
        value = lambda at: matern(np.array([at]))[0]  # noqa: E731
        expected = slope(value, distance, 1e-7)
        assert matern_slope(np.array([distance]))[0] == pytest.approx(expected, rel=1e-5)
        assert np.isfinite(matern_slope(np.zeros(1))).all()


class TestProcess:
    @pytest.fixture
    def process(self) -> Process:
        process = Process(HYPERPARAMETERS, MIXED, some(25))
        process.observe(np.sin(np.arange(25.0)))
        return process

    def test_it_is_that_of_scikit_learn(self) -> None:
        rng = np.random.default_rng(3)
        points, values, at = rng.random((30, 3)), rng.normal(size=30), rng.random((10, 3))
        weights = np.array([2.0, 0.5, 9.0])
        kernel = ConstantKernel(1.3) * Matern(1 / np.sqrt(weights), nu=2.5)
        kernel += ConstantKernel(1.0) + WhiteKernel(0.05)
        theirs = GaussianProcessRegressor(kernel, optimizer=None).fit(points, values)
        ours = Process(Hyperparameters(weights, 1.3, 0.05), np.zeros(3, bool), points)
        ours.observe(values)
        mean, covariance = theirs.predict(at, return_cov=True)
        covariance = covariance - 0.05 * np.eye(10)  # theirs is with the noise
        assert ours.posterior(at)[0] == pytest.approx(mean, abs=1e-9)
        assert ours.posterior(at)[1] == pytest.approx(np.diag(covariance), abs=1e-9)
        assert ours.joint(at)[1] == pytest.approx(covariance, abs=1e-9)

    def test_gradients(self, process: Process) -> None:
        at, step = some(3, seed=5), 1e-6
        mean, variance, pull = process.gradients(at)
        found = process.posterior(at)
        assert mean[:, 0] == pytest.approx(found[0])
        assert variance == pytest.approx(found[1])
        by_mean = pull(np.ones((3, 1)), np.zeros(3))
        by_variance = pull(np.zeros((3, 1)), np.ones(3))
        for column in (0, 1, 3):
            moved = np.zeros(4)
            moved[column] = step
            after, before = process.posterior(at + moved), process.posterior(at - moved)
            slopes = [(up - down) / (2 * step) for up, down in zip(after, before, strict=True)]
            assert by_mean[:, column] == pytest.approx(slopes[0], rel=1e-5)
            assert by_variance[:, column] == pytest.approx(slopes[1], rel=1e-4)
        assert not by_mean[:, 2].any()
        assert not by_variance[:, 2].any()

    def test_fantasies_cost_no_factor_of_their_own(self, process: Process) -> None:
        rng = np.random.default_rng(0)
        values, at = rng.normal(size=(25, 6)), some(4, seed=9)
        process.observe(values)
        together = process.posterior(at)[0]
        for fantasy in range(6):
            process.observe(values[:, fantasy])
            assert process.posterior(at)[0] == pytest.approx(together[:, fantasy])

    def test_more_points_are_as_if_all_had_been_there(self) -> None:
        points, values, at = some(40), np.cos(np.arange(40.0)), some(6, seed=2)
        whole = Process(HYPERPARAMETERS, MIXED, points)
        grown = Process(HYPERPARAMETERS, MIXED, points[:25]).extended(points[25:33])
        grown = grown.extended(points[33:])
        for process in (whole, grown):
            process.observe(values)
        for ours, theirs in zip(grown.posterior(at), whole.posterior(at), strict=True):
            assert ours == pytest.approx(theirs, abs=1e-10)

    def test_values_left_out(self) -> None:
        points, values = some(12), np.sin(np.arange(12.0))
        mean, variance = Process(HYPERPARAMETERS, MIXED, points).left_out(values)
        for i in range(12):
            others = np.arange(12) != i
            process = Process(HYPERPARAMETERS, MIXED, points[others])
            process.observe(values[others])
            expected = process.posterior(points[i : i + 1])
            assert mean[i] == pytest.approx(expected[0][0])
            assert variance[i] == pytest.approx(expected[1][0] + HYPERPARAMETERS.noise)

    def test_points_that_are_the_same_many_times(self) -> None:
        process = Process(
            Hyperparameters(np.ones(4), 1.0, 1e-6), MIXED, np.repeat(some(2), 20, axis=0)
        )
        process.observe(np.zeros(40))
        mean, variance = process.posterior(some(3, seed=4))
        assert np.isfinite(mean).all()
        assert (variance > 0).all()


class TestFit:
    def test_the_gradient_of_the_posterior_density(self) -> None:
        unsure = np.linspace(0.0, 0.2, 20)
        evidence = Evidence(some(20), np.sin(np.arange(20.0)), MIXED, unsure, FAR)
        logarithms = HYPERPARAMETERS.logarithms
        _, gradient = evidence(logarithms)
        for i in range(len(logarithms)):

            def moved(step: float, i: int = i) -> float:
                place = logarithms.copy()
                place[i] += step
                return evidence(place)[0]

            assert gradient[i] == pytest.approx(slope(moved, 0.0), rel=1e-5, abs=1e-6)

    def test_what_matters_is_found(self) -> None:
        points = some(80, seed=7)
        values = standardised(np.sin(6 * points[:, 0]) + (points[:, 2] == 1))
        found = fit(points, values, MIXED)
        lengths = 1 / np.sqrt(found.weights)
        assert lengths[0] < lengths[1]
        assert lengths[0] < lengths[3]
        assert lengths[2] < lengths[1]
        assert found.noise < 0.01

    def test_noise_is_found(self) -> None:
        rng = np.random.default_rng(1)
        points = some(150)
        values = standardised(points[:, 0] + rng.normal(scale=0.3, size=150))
        assert fit(points, values, MIXED).noise == pytest.approx(0.5, rel=0.4)

    @pytest.mark.parametrize("values", [np.zeros(5), np.ones(1), np.array([1e3, -1e3])])
    def test_little_or_nothing_to_learn_from(self, values: np.ndarray) -> None:
        found = fit(some(len(values)), standardised(values), MIXED, before=usual(MIXED))
        assert np.isfinite(found.logarithms).all()


class TestOutputs:
    @given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=40))
    def test_order_is_kept_and_nothing_breaks(self, given_values: list[float]) -> None:
        values = np.array(given_values)
        found = warped(values)
        assert np.isfinite(found).all()
        order = np.argsort(values, kind="stable")
        assert (np.diff(found[order]) >= -1e-9).all()

    def test_a_heavy_tail_hides_nothing(self) -> None:
        """What is near the best is still told apart beside a value of a million."""
        values = np.r_[np.linspace(0.1, 0.2, 20), 1e6, 1e9]
        assert np.ptp(standardised(values)[:20]) < 1e-6
        assert np.ptp(warped(values)[:20]) > 1.5
        assert abs(warped(values)).max() < 4

    def test_the_good_half_stays_as_it_is(self) -> None:
        values = np.array([5.0, 1.0, 2.0, 3.0, 1e9])
        assert half_ranked(values)[[1, 2, 3]] == pytest.approx([1.0, 2.0, 3.0])

    @pytest.mark.parametrize("power", [-1.5, 0.0, 0.7, 1.0, 2.0, 3.5])
    def test_the_power_transform_is_that_of_scipy(self, power: float) -> None:
        values = np.random.default_rng(0).normal(size=50)
        assert yeo_johnson(values, power) == pytest.approx(yeojohnson(values, power))

    def test_skewness_goes(self) -> None:
        values = np.exp(np.linspace(-3, 3, 60))
        found = warped(values)
        assert abs(np.mean(found**3)) < 0.3 < np.mean(standardised(values) ** 3)
