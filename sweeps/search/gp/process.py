"""A Gaussian process: hyperparameters from the data, the posterior, and its gradients.

The hyperparameters are those of the largest posterior density (MAP) given the data: the marginal
likelihood (Rasmussen and Williams 2006, eq. 2.30, its gradient eq. 5.9) times priors, all of them
log-normal. That of the length scales grows with the number of columns (Hvarfner et al. 2024,
"Vanilla Bayesian Optimization Performs Great in High Dimensions", section 4) and is longer for
categories: two points drawn at random are nearly 1 apart in a category, squared, but 1/6 in a
number. Outputs are expected to be about standard normal (outputs.py).

The mean is a constant that the process learns (Rasmussen and Williams 2006, section 2.7): a search
has most of its trials where it is good, so their average is no estimate of what is elsewhere.

One factor serves many right-hand sides: running trials enter as several fantasies of their values
at the cost of one. A process whose hyperparameters stay takes more data by a few rows of the
factor. Neighbours: kernel.py; improvement.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs
from scipy.optimize import minimize

from sweeps.search.gp.kernel import distances, matern, matern_slope

Array = NDArray[np.float64]
Pull = Callable[[Array, Array], Array]

MOST_FITTED = 300
"""Hyperparameters are fitted to so many points at most: the better half of them, and others."""

_LEAST_NOISE = 1e-6
_LEAST_VARIANCE = 1e-12
_ROOT5 = math.sqrt(5.0)
_CATEGORY = 0.5 * math.log(5.0)  # more, for a category
_VARIANCE_SD = 1.0
NOISE = (-6.0, 2.0)
"""What is believed of the logarithm of the noise's variance: its mean and deviation."""
_MEAN_VARIANCE = 1.0
_BOUNDS = {"weight": (-14.0, 9.0), "variance": (-4.0, 4.0), "noise": (-12.0, 1.0)}
_STEPS = 40
_DIGITS = 3  # of the logarithms of what is found


@dataclass(frozen=True)
class Scales:
    """What is believed of length scales before there are data, of their logarithm.

    Attributes:
        mean: for one column; that for d columns is longer by √d.
        deviation: of it.
    """

    mean: float
    deviation: float


NEAR = Scales(-1.3, 0.7)
"""What predicts best after 20 to 50 trials: it sees bends, and is unsure where it has not been."""
FAR = Scales(math.sqrt(2.0), math.sqrt(3.0))
"""Hvarfner's: it sees trends, and follows them boldly."""


@dataclass(frozen=True)
class Hyperparameters:
    """Attributes:
    weights: 1/ℓ² of each column, of shape (d,).
    variance: of the signal.
    noise: variance of the noise.
    """

    weights: Array
    variance: float
    noise: float

    @property
    def logarithms(self) -> Array:
        """As `fit` works on them: of weights, variance and noise; shape (d + 2,)."""
        noise = max(self.noise - _LEAST_NOISE, math.exp(_BOUNDS["noise"][0]))
        found: Array = np.log(np.r_[self.weights, self.variance, noise])
        return found

    @staticmethod
    def of(logarithms: Array) -> Hyperparameters:
        plain = np.exp(logarithms)
        return Hyperparameters(plain[:-2], float(plain[-2]), float(plain[-1]) + _LEAST_NOISE)


def usual(categorical: NDArray[np.bool_]) -> Hyperparameters:
    """Where a fit begins that knows nothing better."""
    logarithm = math.log(0.5) + 0.25 * math.log(len(categorical)) + _CATEGORY * categorical
    return Hyperparameters(np.exp(-2.0 * logarithm), 1.0, math.exp(-4.0) + _LEAST_NOISE)


class Evidence:
    """What `fit` minimises: the negative logarithm of the posterior density, and its gradient.

    Each pair of points counts once: half the exponentials, and LAPACK's symmetric routines.

    Args:
        points: (n, d).
        values: (n,).
        categorical: which columns are categories, (d,).
        unsure: variance of each value beside the noise, (n,); None: of none.
        scales: what is believed of the length scales.
    """

    def __init__(
        self,
        points: Array,
        values: Array,
        categorical: NDArray[np.bool_],
        unsure: Array | None = None,
        scales: Scales = NEAR,
    ) -> None:
        n = len(points)
        self._scales = scales
        self._unsure: Array | float = 0.0 if unsure is None else unsure
        self._values, self._categorical = values, categorical
        self._one, self._other = np.tril_indices(n, -1)
        self._places = self._one + n * self._other  # of the pairs, in a matrix by columns
        self._pairs = (points[self._one] - points[self._other]) ** 2
        self._pairs[:, categorical] = self._pairs[:, categorical] > 0

    def __call__(self, logarithms: Array) -> tuple[float, Array]:
        """At logarithms of the hyperparameters, (d + 2,)."""
        n, columns = len(self._values), len(logarithms) - 2
        found = Hyperparameters.of(logarithms)
        r = _ROOT5 * np.sqrt(self._pairs @ found.weights)
        decay = np.exp(-r)
        correlation = (1.0 + r + r * r / 3.0) * decay
        covariance = np.zeros(n * n)
        covariance[self._places] = found.variance * correlation + _MEAN_VARIANCE
        lower = covariance.reshape(n, n, order="F")
        lower[np.diag_indices(n)] = found.variance + _MEAN_VARIANCE + found.noise + self._unsure
        factor, failed = dpotrf(lower, lower=1, clean=0, overwrite_a=1)
        if failed:
            return 1e10, np.zeros_like(logarithms)
        half_logarithm = float(np.log(np.diag(factor)).sum())
        alpha, _ = dpotrs(factor, self._values, lower=1)
        likelihood = -0.5 * float(self._values @ alpha) - half_logarithm
        inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
        by_pair = alpha[self._one] * alpha[self._other]
        by_pair -= inverse.ravel(order="F")[self._places]
        trace = 0.5 * float(alpha @ alpha - np.diag(inverse).sum())
        gradient = np.empty_like(logarithms)
        by_distance = by_pair * (1.0 + r) * decay
        gradient[:columns] = (
            (-5.0 / 6.0) * found.variance * found.weights * (by_distance @ self._pairs)
        )
        gradient[columns] = found.variance * (float(by_pair @ correlation) + trace)
        gradient[columns + 1] = trace * (found.noise - _LEAST_NOISE)
        prior, by_prior = _log_prior(logarithms, self._categorical, self._scales)
        return -(likelihood + prior), -(gradient + by_prior)


def _log_prior(
    logarithms: Array, categorical: NDArray[np.bool_], scales: Scales
) -> tuple[float, Array]:
    columns = len(categorical)
    center = scales.mean + 0.5 * math.log(columns) + _CATEGORY * categorical
    spread = scales.deviation
    lengths = (-0.5 * logarithms[:columns] - center) / spread
    variance = float(logarithms[columns]) / _VARIANCE_SD
    noise = (float(logarithms[columns + 1]) - NOISE[0]) / NOISE[1]
    gradient = np.r_[0.5 * lengths / spread, -variance / _VARIANCE_SD, -noise / NOISE[1]]
    return -0.5 * float((lengths**2).sum() + variance**2 + noise**2), gradient


def fit(
    points: Array,
    values: Array,
    categorical: NDArray[np.bool_],
    *,
    unsure: Array | None = None,
    scales: Scales = NEAR,
    most: int = MOST_FITTED,
    before: Hyperparameters | None = None,
) -> Hyperparameters:
    """The hyperparameters of the largest posterior density that L-BFGS finds.

    Args:
        points: (n, d); numbers in [0, 1], categories as codes.
        values: (n,), about standard normal, finite.
        unsure: variance of each value beside the noise, (n,); None: of none.
        scales: what is believed of the length scales.
        most: so many points are looked at; of more the better half of these, and others.
        before: of an earlier fit, to begin at; the usual ones are tried as well.
    """
    if len(values) > most:
        chosen = _few(values, most)
        points, values = points[chosen], values[chosen]
        unsure = None if unsure is None else unsure[chosen]
    columns = points.shape[1]
    evidence = Evidence(points, values, categorical, unsure, scales)
    bounds = [_BOUNDS["weight"]] * columns + [_BOUNDS["variance"], _BOUNDS["noise"]]
    low, high = np.array(bounds).T
    first = usual(categorical)
    starts = [first] if before is None else [before, first]
    tries = [
        minimize(
            evidence,
            np.clip(start.logarithms, low, high),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": _STEPS},
        )
        for start in starts
    ]
    found = min(tries, key=lambda one: float(one.fun)).x
    return Hyperparameters.of(np.round(found, _DIGITS))  # order.py says why


def _few(values: Array, most: int) -> NDArray[np.intp]:
    """The places of the best half of `most`, and of others evenly by their rank."""
    order = np.argsort(values, kind="stable")
    half = most // 2
    others = np.linspace(half, len(values) - 1, most - half).astype(np.intp)
    return np.sort(np.r_[order[:half], order[others]])


class Process:
    """The posterior given points and values.

    Args:
        hyperparameters: of the process.
        categorical: which columns are categories, of shape (d,).
        points: (n, d).
        unsure: variance of each value beside the noise, (n,); None: of none.
    """

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        categorical: NDArray[np.bool_],
        points: Array,
        unsure: Array | None = None,
    ) -> None:
        self.hyperparameters = hyperparameters
        self._categorical = categorical
        self.points = points
        covariance = self._covariance(points, points)
        noise = hyperparameters.noise + (0.0 if unsure is None else unsure)
        covariance[np.diag_indices(len(points))] += noise
        self._factor = _factor(covariance)
        self._alpha: Array = np.zeros(len(points))

    def extended(self, points: Array) -> Process:
        """One that knows `points` too, (m, d): by m rows of the factor instead of a new one."""
        found = object.__new__(Process)
        found.hyperparameters = self.hyperparameters
        found._categorical = self._categorical
        found.points = np.vstack([self.points, points])
        across = self._covariance(self.points, points)
        below = solve_triangular(self._factor, across, lower=True, check_finite=False)
        covariance = self._covariance(points, points) - below.T @ below
        covariance[np.diag_indices(len(points))] += self.hyperparameters.noise
        n, m = len(self.points), len(points)
        factor = np.zeros((n + m, n + m))
        factor[:n, :n], factor[n:, :n] = self._factor, below.T
        factor[n:, n:] = _factor(covariance)
        found._factor = factor
        found._alpha = np.zeros(n + m)
        return found

    def observe(self, values: Array) -> None:
        """The values at the points: (n,), or (n, f) for f fantasies at once."""
        self._alpha = cho_solve((self._factor, True), values, check_finite=False)

    def posterior(self, at: Array) -> tuple[Array, Array]:
        """Mean, (q,) or (q, f), and variance without noise, (q,), at points (q, d)."""
        covariance = self._covariance(at, self.points)
        solved = solve_triangular(self._factor, covariance.T, lower=True, check_finite=False)
        variance = self.hyperparameters.variance + _MEAN_VARIANCE - (solved**2).sum(0)
        return covariance @ self._alpha, np.maximum(variance, _LEAST_VARIANCE)

    def joint(self, at: Array) -> tuple[Array, Array]:
        """Mean and covariance matrix, (q, q), at points (q, d)."""
        covariance = self._covariance(at, self.points)
        solved = solve_triangular(self._factor, covariance.T, lower=True, check_finite=False)
        return covariance @ self._alpha, self._covariance(at, at) - solved.T @ solved

    def gradients(self, at: Array) -> tuple[Array, Array, Pull]:
        """Mean (q, f) and variance (q,) at points (q, d), and the way back: a function that takes
        the derivatives of something by those, of the same shapes, and gives its gradient by the
        points, (q, d). In columns of categories that is 0."""
        weights, variance = self.hyperparameters.weights, self.hyperparameters.variance
        distance = distances(at, self.points, weights, self._categorical)
        covariance = variance * matern(distance) + _MEAN_VARIANCE
        solved = cho_solve((self._factor, True), covariance.T, check_finite=False).T
        left = variance + _MEAN_VARIANCE - (covariance * solved).sum(1)
        left = np.maximum(left, _LEAST_VARIANCE)
        alpha = self._alpha.reshape(len(self.points), -1)

        def pull(by_mean: Array, by_variance: Array) -> Array:
            by_covariance = by_mean @ alpha.T - 2.0 * by_variance[:, None] * solved
            by_distance = by_covariance * (variance * matern_slope(distance))
            steps = at * by_distance.sum(1)[:, None] - by_distance @ self.points
            found: Array = np.where(self._categorical, 0.0, 2.0 * weights * steps)
            return found

        return covariance @ alpha, left, pull

    def left_out(self, values: Array) -> tuple[Array, Array]:
        """Mean and variance (with noise) of each value, (n,), given all the others
        (Rasmussen and Williams 2006, eq. 5.12)."""
        inverse = cho_solve((self._factor, True), np.eye(len(values)), check_finite=False)
        precision = np.diag(inverse)
        return values - (inverse @ values) / precision, 1.0 / precision

    def _covariance(self, a: Array, b: Array) -> Array:
        found = self.hyperparameters
        distance = distances(a, b, found.weights, self._categorical)
        return found.variance * matern(distance) + _MEAN_VARIANCE


def _factor(covariance: Array) -> Array:
    """The lower Cholesky factor, with as much added to the diagonal as it takes."""
    jitter = 0.0
    while True:
        try:
            padded = covariance + jitter * np.eye(len(covariance))
            factor: Array = cholesky(padded, lower=True, check_finite=False)
            return factor
        except np.linalg.LinAlgError:
            jitter = max(10.0 * jitter, 1e-10)
