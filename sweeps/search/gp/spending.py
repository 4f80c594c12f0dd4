"""What a trial will cost: improvement per accelerator-second instead of improvement.

A Gaussian process over the logarithm of the seconds (Snoek et al. 2012, "Practical Bayesian
Optimization of Machine Learning Algorithms", section 3.2): log EI(x) - power · log E[seconds(x)] is
the logarithm of their expected improvement per second at power 1. That spends all on what is cheap
when the best is dear; so the power falls from 1 to 0 as the budget goes (Lee et al. 2020,
"Cost-aware Bayesian Optimization", section 4, cost-cooling). Neighbours: process.py; limits.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sweeps.search.gp.process import Process, fit

Array = NDArray[np.float64]

MOST_FITTED = 150
"""Hyperparameters are fitted to so many trials at most."""

_LEAST_SECONDS = 1e-3
_USUAL_TRIALS = 100  # a sweep without an end cools as if this were half of it


def cooled(ended: int, most: int | None) -> float:
    """The power after `ended` trials of `most`; None: the sweep has no end."""
    if most is None:
        return _USUAL_TRIALS / (_USUAL_TRIALS + ended)
    return max(0.0, 1.0 - ended / max(most, 1))


class Spending:
    """-power · log E[seconds], a term of the acquisition.

    Args:
        points: of the trials whose seconds are known, (n, d), n > 0; as in process.py.
        seconds: what each took, or would have taken to its end, times its accelerators; (n,).
        categorical: which columns are categories, (d,).
        power: 1 is improvement per second, 0 is improvement alone.
    """

    def __init__(
        self,
        points: Array,
        seconds: Array,
        categorical: NDArray[np.bool_],
        *,
        power: float = 1.0,
    ) -> None:
        logs = np.log(np.maximum(seconds, _LEAST_SECONDS))
        self._power = power
        self._center, self._spread = float(logs.mean()), max(float(logs.std()), 1e-6)
        values = (logs - self._center) / self._spread
        self._process = Process(
            fit(points, values, categorical, most=MOST_FITTED), categorical, points
        )
        self._process.observe(values)

    def value(self, points: Array) -> Array:
        """The term at points (q, d): (q,)."""
        mean, variance = self._process.posterior(points)
        return self._term(mean, variance)

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        """The same, and the gradient at each point, (q, d); 0 in columns of categories."""
        mean, variance, pull = self._process.gradients(points)
        by_mean = np.full(mean.shape, -self._power * self._spread)
        by_variance = np.full(variance.shape, -0.5 * self._power * self._spread**2)
        return self._term(mean[:, 0], variance), pull(by_mean, by_variance)

    def _term(self, mean: Array, variance: Array) -> Array:
        expected = self._center + self._spread * mean + 0.5 * self._spread**2 * variance
        return -self._power * expected
