"""What the ended trials say of any configuration: its true value, and how sure that is.

The Gaussian process of the searchers (search/gp), told all trials; those of one configuration are
several values at one point, and so are pooled. Its hyperparameters are uncertain, too, so there are
several processes (ensemble.py), each as good as the other. Where their predictions of each trial
from all others miss by more than they should (Rasmussen and Williams 2006, eq. 5.12), deviations
are stretched by as much. Neighbours: units.py (the scale); candidates.py, gain.py (ask).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky
from scipy.special import ndtri

from sweeps.analysis.ensemble import plausible
from sweeps.analysis.units import Units
from sweeps.search.gp.process import Hyperparameters, Process, fit

Array = NDArray[np.float64]

MOST_KNOWN = 600
"""Of more trials, the better half of so many, and others evenly."""
_MOST_FITTED = 150
_MOST_STRETCH = 2.0
_MEMBERS = ((60, 6), (150, 4), (300, 2))  # up to so many trials, so many
_SOBER = (
    0.67,
    4.0,
)  # the quantile of the variances from which on a trial is far; trials' worth of 1
_QUANTILES = ndtri((np.arange(64) + 0.5) / 64)


@dataclass(frozen=True)
class Member:
    """One process, on the scale of the belief.

    Attributes:
        process: that was told the trials.
        stretch: of its deviations, at least 1.
        noise: variance by which runs of one configuration differ from its true value.
        sober: at most 1: by how much less than that the trials that the others tell least of, far
            from them, missed their predictions.
    """

    process: Process
    stretch: float
    noise: float
    sober: float = 1.0

    @classmethod
    def told(
        cls, found: Hyperparameters, categorical: NDArray[np.bool_], points: Array, values: Array
    ) -> Member:
        process = Process(found, categorical, points)
        process.observe(values)
        mean, variance = process.left_out(values)
        missed = float(np.sqrt(np.mean((values - mean) ** 2 / np.maximum(variance, 1e-12))))
        stretch = min(max(missed, 1.0), _MOST_STRETCH) if np.isfinite(missed) else 1.0
        far = variance >= np.quantile(variance, _SOBER[0])
        squares = (values - mean)[far] ** 2 / np.maximum(variance[far], 1e-12)
        share = float((squares.sum() + _SOBER[1]) / (len(squares) + _SOBER[1]))
        sober = min(share**0.5, 1.0) if np.isfinite(share) and stretch == 1.0 else 1.0
        return cls(process, stretch, found.noise * stretch**2, sober)

    def at(self, points: Array) -> tuple[Array, Array]:
        """Mean and deviation of the true value at points (q, d): (q,) each."""
        mean, variance = self.process.posterior(points)
        return mean, self.stretch * np.sqrt(variance)

    def joint(self, points: Array) -> tuple[Array, Array]:
        """Mean, (q,), and covariance matrix, (q, q)."""
        mean, covariance = self.process.joint(points)
        return mean, self.stretch**2 * covariance


class Belief:
    """The posterior, on the scale of `units`, where smaller is better.

    Args:
        points: of trials with a value, (n, d); numbers in [0, 1], categories as codes.
        costs: theirs, (n,), finite; not all equal.
        categorical: which columns are categories, (d,).
        rng: of hyperparameters.

    Attributes:
        units: the scale.
        members: the processes, all as likely.
        noisy: whether runs of one configuration differ.
    """

    def __init__(
        self,
        points: Array,
        costs: Array,
        categorical: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> None:
        self.units = Units(costs)
        values = self.units.values
        known = _few(values, MOST_KNOWN)
        points, values = points[known], values[known]
        peak = fit(points, values, categorical, most=_MOST_FITTED)
        count = next((members for most, members in _MEMBERS if len(values) <= most), 1)
        several, self.noisy = plausible(peak, points, values, categorical, count, rng)
        self.members = [Member.told(each, categorical, points, values) for each in several]

    @property
    def noise(self) -> float:
        """The variance between runs of one configuration."""
        return float(np.mean([member.noise for member in self.members]))

    def at(self, points: Array) -> tuple[Array, Array]:
        """Mean and deviation of the true value at points (q, d): (q,) each."""
        means, deviations = zip(*(member.at(points) for member in self.members), strict=True)
        mean = np.mean(means, axis=0)
        square = np.mean(np.square(deviations) + np.square(means), axis=0) - mean**2
        return mean, np.sqrt(np.maximum(square, 0.0))

    def quantiles(self, points: Array, of: Array) -> Array:
        """Those of the true cost, in the user's units, at points (q, d): (q, len(of))."""
        each = [member.at(points) for member in self.members]
        drawn = np.hstack([m[:, None] + s[:, None] * _QUANTILES for m, s in each])
        if len(each) == 1:  # exactly
            drawn = each[0][0][:, None] + each[0][1][:, None] * ndtri(of)
            return self.units.back(drawn)
        return self.units.back(np.quantile(drawn, of, axis=1).T)

    def draws(
        self, points: Array, count: int, rng: np.random.Generator, *, sober: bool = False
    ) -> Array:
        """Functions as they may be, at q points: (count or a few more, q).

        Args:
            sober: deviations are those that trials far from the others had. A process is as unsure
                in every place that it does not know, and the more such places there are, the
                likelier is the best of any draw in one of them: too likely, where a function is
                calmer there than around the trials, which crowd at its bottom.
        """
        share = -(-count // len(self.members))
        found = []
        for member in self.members:
            mean, covariance = member.joint(points)
            factor = member.sober**2 if sober else 1.0
            found.append(draws(mean, factor * covariance, share, rng))
        return np.vstack(found)


def draws(mean: Array, covariance: Array, count: int, rng: np.random.Generator) -> Array:
    """From a normal distribution: (count, q)."""
    scale = max(float(np.diag(covariance).max()), 1e-12)
    jitter = 1e-9 * scale
    while True:
        try:
            padded = covariance + jitter * np.eye(len(mean))
            factor = cholesky(padded, lower=True, check_finite=False, overwrite_a=True)
            break
        except np.linalg.LinAlgError:
            jitter *= 10.0
    found: Array = mean + rng.standard_normal((count, len(mean))) @ factor.T
    return found


def _few(values: Array, most: int) -> NDArray[np.intp]:
    if len(values) <= most:
        return np.arange(len(values))
    order = np.argsort(values, kind="stable")
    half = most // 2
    others = np.linspace(half, len(values) - 1, most - half).astype(np.intp)
    return np.sort(np.r_[order[:half], order[others]])
