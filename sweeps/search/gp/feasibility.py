"""How likely a configuration is not to fail, from those that failed and those that did not.

A Gaussian process f over the columns, with a constant mean, seen through a probit: a trial
succeeds with probability Φ(f(x)). The posterior is Laplace's approximation (Rasmussen and Williams
2006, algorithms 3.1 and 3.2, eq. 3.25), the hyperparameters are those of the largest approximate
evidence (algorithm 5.1; the sign of its third derivative as in the book's errata) times weak
priors. log P is a term of the acquisition (Gardner et al. 2014, "Bayesian Optimization with
Inequality Constraints", section 3.1; Gelbart et al. 2014, "Bayesian Optimization with Unknown
Constraints", eq. 6).

Failures by chance are the mean's to explain: they lower P everywhere alike, which no maximum
notices. Only where they gather does the process bend. The mean's prior leans to success, so that
the first failure of a sweep is not a verdict. Labels fitted by least squares were tried and are
too sure of themselves: two chance failures scared the search away. Neighbours: kernel.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import log_ndtr

from sweeps.search.gp.kernel import differences, distances, matern, matern_slope

Array = NDArray[np.float64]

MOST_FITTED = 100
"""Hyperparameters are fitted to so many trials at most."""
MOST_KNOWN = 300
"""The posterior knows so many at most: failed ones first, up to half of them."""

_LENGTH = (math.sqrt(2.0), math.sqrt(3.0))  # as in process.py
_VARIANCE = (1.0, 1.0)  # of its logarithm: mean and deviation
_MEAN = (1.3, 0.5)  # Φ(1.3) = 0.9
_BOUNDS = {"weight": (-14.0, 6.0), "variance": (-4.0, 4.0), "mean": (-2.0, 4.0)}
_STEPS = 40
_CLOSE = 1e-3
_NEWTON = 30
_JITTER = 1e-6
_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True)
class _Mode:
    """Laplace's approximation: at the mode, a = K⁻¹(f - mean); R = (K + W⁻¹)⁻¹."""

    latent: Array
    a: Array
    root: Array  # √W
    factor: Array  # of I + √W K √W, lower
    evidence: float

    @property
    def precision(self) -> Array:
        """R, of shape (n, n)."""
        inverse = cho_solve((self.factor, True), np.diag(self.root), check_finite=False)
        found: Array = self.root[:, None] * inverse
        return found


def _probit(labels: Array, latent: Array) -> tuple[Array, Array, Array, Array]:
    """log Φ(t f), its first derivative by f, minus the second, and the third; t is 1 or -1."""
    at = labels * latent
    logs = log_ndtr(at)
    ratio = np.exp(-0.5 * at * at - _LOG_ROOT_2PI - logs)  # φ/Φ
    curvature = ratio * (ratio + at)
    third = labels * ratio * ((at + 2.0 * ratio) * (at + ratio) - 1.0)
    return logs, labels * ratio, np.maximum(curvature, 1e-12), third


def _mode(covariance: Array, labels: Array, mean: float, start: Array | None = None) -> _Mode:
    """By Newton's method; each step is halved while it makes things worse."""
    a = np.zeros(len(labels)) if start is None else start
    latent = covariance @ a + mean
    score = -math.inf
    for _ in range(_NEWTON):
        logs, slope, curvature, _third = _probit(labels, latent)
        now = float(logs.sum() - 0.5 * a @ (latent - mean))
        if now < score + 1e-9 * max(1.0, abs(score)):
            break
        score = now
        root = np.sqrt(curvature)
        factor = _cholesky(root, covariance)
        b = curvature * (latent - mean) + slope
        inner = cho_solve((factor, True), root * (covariance @ b), check_finite=False)
        step = b - root * inner - a
        moved = covariance @ step
        length = 1.0
        while length > 1e-3:
            trial = latent + length * moved
            value = log_ndtr(labels * trial).sum()
            value -= 0.5 * (a + length * step) @ (trial - mean)
            if value >= now:
                break
            length *= 0.5
        a, latent = a + length * step, latent + length * moved
    logs, _slope, curvature, _third = _probit(labels, latent)
    root = np.sqrt(curvature)
    factor = _cholesky(root, covariance)
    evidence = logs.sum() - 0.5 * a @ (latent - mean) - np.log(np.diag(factor)).sum()
    return _Mode(latent, a, root, factor, float(evidence))


def _cholesky(root: Array, covariance: Array) -> Array:
    found: Array = cholesky(
        np.eye(len(root)) + root[:, None] * covariance * root, lower=True, check_finite=False
    )
    return found


def negative_log_evidence(logarithms: Array, pairs: Array, labels: Array) -> tuple[float, Array]:
    """What the fit minimises (with the priors), and its gradient.

    Args:
        logarithms: of the weights and the variance, and then the mean as it is; (d + 2,).
        pairs: `differences` of the points with themselves, (n, n, d).
        labels: 1 or -1, (n,).
    """
    columns = len(logarithms) - 2
    weights, variance = np.exp(logarithms[:columns]), float(np.exp(logarithms[columns]))
    mean = float(logarithms[-1])
    distance = pairs @ weights
    correlation = matern(distance)
    covariance = variance * correlation
    covariance[np.diag_indices(len(labels))] += _JITTER
    mode = _mode(covariance, labels, mean)
    r = mode.precision
    within = np.diag(covariance) - (covariance * (r @ covariance)).sum(0)
    by_mode = 0.5 * within * _probit(labels, mode.latent)[3]
    through = by_mode - r @ (covariance @ by_mode)
    by_covariance = 0.5 * (np.outer(mode.a, mode.a) - r) + np.outer(through, mode.a)
    gradient = np.empty_like(logarithms)
    by_distance = by_covariance * matern_slope(distance)
    gradient[:columns] = (
        weights * variance * np.tensordot(by_distance, pairs, axes=([0, 1], [0, 1]))
    )
    gradient[columns] = variance * (by_covariance * correlation).sum()
    gradient[-1] = mode.a.sum() + through.sum()
    prior, by_prior = _log_prior(logarithms)
    return -(mode.evidence + prior), -(gradient + by_prior)


def _log_prior(logarithms: Array) -> tuple[float, Array]:
    columns = len(logarithms) - 2
    center, spread = _LENGTH[0] + 0.5 * math.log(max(columns, 1)), _LENGTH[1]
    lengths = (-0.5 * logarithms[:columns] - center) / spread
    variance = (logarithms[columns] - _VARIANCE[0]) / _VARIANCE[1]
    mean = (logarithms[-1] - _MEAN[0]) / _MEAN[1]
    gradient = np.r_[0.5 * lengths / spread, -variance / _VARIANCE[1], -mean / _MEAN[1]]
    return -0.5 * float((lengths**2).sum() + variance**2 + mean**2), gradient


class Feasibility:
    """log P(does not fail), a term of the acquisition.

    Args:
        points: of the trials that ended, (n, d), n > 0; numbers in [0, 1], categories as codes.
        failed: which of them failed, (n,).
        categorical: which columns are categories, (d,).
        rng: picks trials where there are too many.
    """

    def __init__(
        self,
        points: Array,
        failed: NDArray[np.bool_],
        categorical: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> None:
        self._categorical = categorical
        labels = np.where(failed, -1.0, 1.0)
        fitted = np.arange(len(labels))
        if len(labels) > MOST_FITTED:
            fitted = rng.choice(fitted, MOST_FITTED, replace=False)
        found = _fit(points[fitted], labels[fitted], categorical)
        self._weights = np.exp(found[:-2])
        self._variance, self._mean = float(np.exp(found[-2])), float(found[-1])
        kept = _kept(failed, rng)
        self._points = points[kept]
        covariance = self._covariance(self._points)
        covariance[np.diag_indices(len(kept))] += _JITTER
        self._mode = _mode(covariance, labels[kept], self._mean)
        self._precision = self._mode.precision

    def value(self, at: Array) -> Array:
        """log P at points (q, d), of shape (q,)."""
        covariance = self._covariance(at)
        solved = solve_triangular(
            self._mode.factor, (covariance * self._mode.root).T, lower=True, check_finite=False
        )
        variance = np.maximum(self._variance - (solved**2).sum(0), 0.0)
        mean = self._mean + covariance @ self._mode.a
        found: Array = log_ndtr(mean / np.sqrt(1.0 + variance))
        return found

    def value_and_gradient(self, at: Array) -> tuple[float, Array]:
        """log P at one point (d,), and its gradient (d,); 0 in columns of categories."""
        steps = at[None, :] - self._points
        squares = steps**2
        squares[:, self._categorical] = squares[:, self._categorical] > 0
        distance = squares @ self._weights
        covariance = self._variance * matern(distance)
        slopes = (2.0 * self._variance * matern_slope(distance))[:, None] * steps * self._weights
        slopes[:, self._categorical] = 0.0
        solved = self._precision @ covariance
        mean = self._mean + float(covariance @ self._mode.a)
        spread = 1.0 + max(self._variance - float(covariance @ solved), 0.0)
        z = mean / math.sqrt(spread)
        by_mean, by_spread = slopes.T @ self._mode.a, -2.0 * slopes.T @ solved
        by_z = (by_mean - 0.5 * mean / spread * by_spread) / math.sqrt(spread)
        value = float(log_ndtr(z))
        ratio = math.exp(-0.5 * z * z - _LOG_ROOT_2PI - value)
        return value, ratio * by_z

    def _covariance(self, at: Array) -> Array:
        distance = distances(at, self._points, self._weights, self._categorical)
        return self._variance * matern(distance)


def _kept(failed: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices, in order: all, or the newest failures and a draw of the others."""
    if len(failed) <= MOST_KNOWN:
        return np.arange(len(failed))
    bad = np.flatnonzero(failed)[-(MOST_KNOWN // 2) :]
    good = np.flatnonzero(~failed)
    room = min(MOST_KNOWN - len(bad), len(good))
    return np.sort(np.r_[bad, rng.choice(good, room, replace=False)])


def _fit(points: Array, labels: Array, categorical: NDArray[np.bool_]) -> Array:
    columns = points.shape[1]
    pairs = differences(points, points, categorical)
    bounds = [_BOUNDS["weight"]] * columns + [_BOUNDS["variance"], _BOUNDS["mean"]]
    length = 0.5 * max(columns, 1) ** 0.25
    start = np.r_[np.full(columns, -2.0 * math.log(length)), _VARIANCE[0], _MEAN[0]]
    result = minimize(
        negative_log_evidence,
        start,
        args=(pairs, labels),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": _STEPS, "ftol": _CLOSE, "gtol": 1e-2},
    )
    found: Array = result.x
    return found
