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
"""Hyperparameters are fitted to so many trials at most: failed ones first, up to half of them."""
MOST_KNOWN = 300
"""The posterior knows so many at most, chosen alike."""

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
    """

    def __init__(
        self,
        points: Array,
        failed: NDArray[np.bool_],
        categorical: NDArray[np.bool_],
    ) -> None:
        self._categorical = categorical
        labels = np.where(failed, -1.0, 1.0)
        fitted = _few(failed, MOST_FITTED)
        found = _fit(points[fitted], labels[fitted], categorical)
        self._weights = np.exp(found[:-2])
        self._variance, self._mean = float(np.exp(found[-2])), float(found[-1])
        kept = _few(failed, MOST_KNOWN)
        self._points = points[kept]
        covariance = self._covariance(self._points)
        covariance[np.diag_indices(len(kept))] += _JITTER
        self._mode = _mode(covariance, labels[kept], self._mean)
        self._precision = self._mode.precision
        good = self._points[labels[kept] > 0]
        self._usual = float(np.median(self.value(good))) if len(good) else 0.0

    def value(self, points: Array) -> Array:
        """log P at points (q, d): (q,)."""
        covariance = self._covariance(points)
        solved = solve_triangular(
            self._mode.factor, (covariance * self._mode.root).T, lower=True, check_finite=False
        )
        variance = np.maximum(self._variance - (solved**2).sum(0), 0.0)
        mean = self._mean + covariance @ self._mode.a
        found: Array = log_ndtr(mean / np.sqrt(1.0 + variance))
        return found

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        """The same, and the gradient at each point, (q, d); 0 in columns of categories."""
        distance = distances(points, self._points, self._weights, self._categorical)
        covariance = self._variance * matern(distance)
        solved = covariance @ self._precision
        mean = self._mean + covariance @ self._mode.a
        spread = 1.0 + np.maximum(self._variance - (covariance * solved).sum(1), 0.0)
        z = mean / np.sqrt(spread)
        value = log_ndtr(z)
        ratio = np.exp(-0.5 * z * z - _LOG_ROOT_2PI - value) / np.sqrt(spread)
        by_covariance = ratio[:, None] * (self._mode.a[None, :] + (mean / spread)[:, None] * solved)
        by_distance = by_covariance * (self._variance * matern_slope(distance))
        steps = points * by_distance.sum(1)[:, None] - by_distance @ self._points
        gradient = np.where(self._categorical, 0.0, 2.0 * self._weights * steps)
        return value, gradient

    def innocence(self, points: Array) -> Array:
        """How much of the usual chance points (q, d) have, (q,), at most 1: near 1 where a failure
        was but bad luck, however often there is that, and near 0 where there is no other end."""
        found: Array = np.exp(np.minimum(self.value(points) - self._usual, 0.0))
        return found

    def _covariance(self, at: Array) -> Array:
        distance = distances(at, self._points, self._weights, self._categorical)
        return self._variance * matern(distance)


def _few(failed: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """Indices, in order: all, or the newest failures and others from the whole sweep."""
    bad = np.flatnonzero(failed)
    if len(failed) > most:
        bad = bad[-(most // 2) :]
    return np.sort(np.r_[bad, _evenly(np.flatnonzero(~failed), most - len(bad))])


def _evenly(indices: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """All, or `most` of them, from the first to the last."""
    if len(indices) <= most:
        return indices
    return indices[np.linspace(0, len(indices) - 1, most).astype(np.intp)]


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
