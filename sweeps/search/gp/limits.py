"""How likely a configuration keeps the limits on its other metrics (`at_most`, `at_least`).

One Gaussian process a limit, over by how much it is broken (above 0) or kept; the logarithms of
the chances P(excess ≤ 0) add up, as if the limits were independent (Gardner et al. 2014, "Bayesian
Optimization with Inequality Constraints", section 3.1, eq. 8; Gelbart et al. 2014, "Bayesian
Optimization with Unknown Constraints", section 3). The sum is a term of the acquisition: with the
best known among those that keep the limits it is the expected constrained improvement; while none
is known to keep them it is all there is to maximise (Gelbart et al., section 3.1).

An excess may be of any size: it goes through asinh, which keeps its sign, so that 0 remains the
border. Running trials count at their expected excess: while no configuration keeps the limits they
hold others off a place that does not look good enough. Neighbours: process.py; feasibility.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from sweeps.search.gp.process import Process, fit

Array = NDArray[np.float64]

MOST_FITTED = 150
"""Hyperparameters are fitted to so many trials at most."""

_FARTHEST = 6.0  # deviations between the values and a border that they never come near
_LARGEST = 1e6  # times the usual excess
_SOFTNESS = 1e-3  # variance: at a trial itself, too, the border is no cliff for an optimiser
_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True)
class _Limit:
    process: Process
    border: float  # what an excess of 0 is to the process


class Limits:
    """The logarithm of the chance that all limits are kept.

    Args:
        points: of the trials that ended, (n, d); numbers in [0, 1], categories as codes.
        excess: of each trial and limit, (n, m); not finite where it is unknown.
        categorical: which columns are categories, (d,).
        pending: the points of running trials, (p, d).
    """

    def __init__(
        self,
        points: Array,
        excess: Array,
        categorical: NDArray[np.bool_],
        pending: Array | None = None,
    ) -> None:
        self._limits = [
            _limit(points[known], column[known], categorical, pending)
            for column in excess.T
            if (known := np.isfinite(column)).any()
        ]

    def value(self, points: Array) -> Array:
        """The sum of the logarithms at points (q, d): (q,), at most 0."""
        found = np.zeros(len(points))
        for limit in self._limits:
            mean, variance = limit.process.posterior(points)
            found += log_ndtr((limit.border - mean) / np.sqrt(variance + _SOFTNESS))
        return found

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        """The same, and the gradient at each point, (q, d); 0 in columns of categories."""
        total, gradient = np.zeros(len(points)), np.zeros(points.shape)
        for limit in self._limits:
            mean, variance, pull = limit.process.gradients(points)
            deviation = np.sqrt(variance + _SOFTNESS)
            z = (limit.border - mean[:, 0]) / deviation
            value = log_ndtr(z)
            ratio = np.exp(-0.5 * z * z - _LOG_ROOT_2PI - value) / deviation
            total += value
            gradient += pull(-ratio[:, None], -0.5 * ratio * z / deviation)
        return total, gradient


def kept(excess: Array) -> NDArray[np.bool_]:
    """Of which trials all limits are known and kept, (n,), by their excess, (n, m); of a metric
    that no trial ever had, nothing is asked."""
    logged = excess[:, np.isfinite(excess).any(axis=0)]
    with np.errstate(invalid="ignore"):
        found = logged <= 0.0
    return np.asarray(found.all(axis=1), np.bool_)


def _limit(
    points: Array,
    excess: Array,
    categorical: NDArray[np.bool_],
    pending: Array | None,
) -> _Limit:
    size = float(np.median(np.abs(excess)))
    with np.errstate(over="ignore"):
        tamed = np.arcsinh(np.clip(excess / (size or 1.0), -_LARGEST, _LARGEST))
    center = float(tamed.mean())
    spread = max(float(tamed.std()), abs(center) / _FARTHEST, 1e-9)
    values = (tamed - center) / spread
    process = Process(fit(points, values, categorical, most=MOST_FITTED), categorical, points)
    process.observe(values)
    if pending is not None and len(pending):
        expected = process.posterior(pending)[0]
        process = process.extended(pending)
        process.observe(np.r_[values, expected])
    return _Limit(process, -center / spread)
