"""From the user's units to about standard normal, and back.

There it goes as the searcher goes (search/gp/outputs.py: half-ranked, power-transformed,
standardised); back by the inverse of each step. All are monotone, so a quantile there is the same
quantile here, and what stands for the middle of a belief is its median. In the bad half only ranks
were kept: between two of its values the way back is a straight line, and beyond the worst there is
nothing. Costs everywhere, smaller being better. Neighbour: belief.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sweeps.search.gp.outputs import half_ranked, power_of, yeo_johnson

Array = NDArray[np.float64]

_NEAR_END = 0.95  # of what a power can reach, where that is bounded
_LIMIT = 1e150


class Units:
    """The scale of these costs.

    What was never negative (or positive) is not expected to become so, nor is what was never
    outside [0, 1]: accuracies, error rates, losses.

    Args:
        costs: (n,), finite; not all equal.

    Attributes:
        costs: as given, but for what is as good as infinite.
        values: the costs on the other side, (n,).
    """

    def __init__(self, costs: Array) -> None:
        costs = np.clip(costs, -_LIMIT, _LIMIT)
        self.costs: Array = costs
        ranked = half_ranked(costs)
        self._middle = float(np.median(costs))
        order = np.argsort(costs, kind="stable")
        bad = order[costs[order] > self._middle]
        self._from = np.r_[self._middle, ranked[bad]]
        self._to = np.r_[self._middle, costs[bad]]
        self._first = _Line.over(ranked)
        scaled = self._first(ranked)
        self._power = power_of(scaled)
        moved = scaled if self._power is None else yeo_johnson(scaled, self._power)
        self._second = _Line.over(moved)
        self.values: Array = self._second(moved)
        self._floor, self._ceiling = _ends(costs)

    def back(self, values: Array) -> Array:
        """The costs at values of any shape."""
        moved = self._second.back(np.asarray(values, np.float64))
        scaled = moved if self._power is None else _inverse(moved, self._power)
        ranked = self._first.back(scaled)
        costs = np.where(ranked > self._middle, np.interp(ranked, self._from, self._to), ranked)
        found: Array = np.clip(costs, self._floor, self._ceiling)
        return found


class _Line:
    """Mean 0 and deviation 1."""

    def __init__(self, center: float, spread: float) -> None:
        self._center, self._spread = center, spread

    @classmethod
    def over(cls, values: Array) -> _Line:
        return cls(float(values.mean()), float(values.std()) or 1.0)

    def __call__(self, values: Array) -> Array:
        found: Array = (values - self._center) / self._spread
        return found

    def back(self, values: Array) -> Array:
        found: Array = self._center + self._spread * values
        return found


def _inverse(moved: Array, power: float) -> Array:
    """Of yeo_johnson; what no value leads to is taken for the last that one does."""
    good = np.where(moved < 0.0, 2.0 - power, power)
    size = np.abs(moved)
    most = np.where(good < 0.0, _NEAR_END / np.maximum(-good, 1e-12), np.inf)
    inner = np.maximum(good * np.minimum(size, most), -_NEAR_END)
    flat = np.abs(good) < 1e-9
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        grown = np.where(
            flat, np.expm1(size), np.expm1(np.log1p(inner) / np.where(flat, 1.0, good))
        )
    found: Array = np.copysign(np.minimum(grown, _LIMIT), moved)
    return found


def _ends(costs: Array) -> tuple[float, float]:
    low, high = float(costs.min()), float(costs.max())
    floor, ceiling = -np.inf, np.inf
    if low >= 0.0:
        floor, ceiling = 0.0, 1.0 if high <= 1.0 else np.inf
    elif high <= 0.0:
        floor, ceiling = -1.0 if low >= -1.0 else -np.inf, 0.0
    return floor, ceiling
