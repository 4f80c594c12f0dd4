"""Several objectives at once: the volume that a set of trials dominates, and what more to expect.

The hypervolume is that of all that is worse than some trial in every objective, up to a reference
point (Zitzler and Thiele 1998, "Multiobjective Optimization Using Evolutionary Algorithms"). What
no trial dominates is cut into boxes; over a box with corners l and u a value y gains
Π_j (u_j - max(l_j, y_j))₊, so that for independent normal objectives

    EHVI(x) = Σ_boxes Π_j (ψ_j(u_j) - ψ_j(l_j)),   ψ_j(c) = E(c - y_j)₊ = σ_j h((c - μ_j) / σ_j)

(Yang et al. 2019, "Efficient computation of expected hypervolume improvement using box
decomposition algorithms", eq. 11). Its logarithm is a term of the acquisition, computed from
logarithms throughout (improvement.py says why; Ament et al. 2023, section 4.3).

A scalar does as well, and better at first and with three objectives: `scalarised`, by weights drawn
anew for each trial. The model takes either by chance, and falls behind neither by much.

Smaller is better in every objective. Neighbours: process.py; acquisition.py; model.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.search.gp.improvement import log_h
from sweeps.search.gp.process import Process

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MOST_BOXES = 300
"""So many at most are summed over; a front with more is thinned out first."""
MOST_POINTS = 100
"""So many points of a front of two objectives are looked at; of more objectives fewer."""
_BEYOND = (0.1, 1.0)  # how far beyond the front's worst the reference point is, in its extents
_AUGMENTED = 0.05  # the sum's share
_LEAST = -1e-14  # the logarithm of the ratio of two ψ that are as good as the same


def undominated(values: Array) -> Mask:
    """Which rows (n, m) no other one dominates: is nowhere worse and somewhere better than."""
    found = np.ones(len(values), bool)
    for n, row in enumerate(values):
        if found[n]:
            found &= ~((values >= row).all(1) & (values > row).any(1))
    return found


def reference(front: Array, values: Array) -> Array:
    """The point (m,) below which to look: at the worst of all values, or an extent of the front
    (n, m) beyond its worst where that is nearer. Where the front has no extent, that of all values
    counts.

    A point just beyond the front was tried, too: a front that does not reach its ends yet is then
    filled up rather than made longer.
    """
    worst, everywhere = front.max(0), np.ptp(values, axis=0)
    extent = np.ptp(front, axis=0)
    extent = np.where(extent > 0.0, extent, np.where(everywhere > 0.0, everywhere, 1.0))
    least, most = (worst + share * extent for share in _BEYOND)
    found: Array = np.clip(values.max(0), least, most)
    return found


def scalarised(values: Array, rng: np.random.Generator) -> Array:
    """One number for each row (n, m), (n,): the augmented Chebyshev distance from the best values,
    by random weights (Knowles 2006, "ParEGO", eq. 2 and 3)."""
    best = values.min(0)
    scale = reference(values[undominated(values)], values) - best
    weights = rng.dirichlet(np.ones(values.shape[1]))
    weighted = weights * ((values - best) / scale)
    found: Array = weighted.max(1) + _AUGMENTED * weighted.sum(1)
    return found


def boxes(front: Array, most: Array) -> tuple[Array, Array]:
    """What lies below `most` (m,) and no row of the front (n, m) dominates, as boxes that do not
    overlap: their lower corners (b, m), -inf where there is no end, and their upper ones.

    Slice by slice along the last objective; a box that goes on in the next slice is one box.
    """
    inside = front[(front < most).all(1)]
    found = list(_boxes(inside[undominated(inside)], most))
    lower = np.array([[side[0] for side in box] for box in found])
    upper = np.array([[side[1] for side in box] for box in found])
    return lower, upper


_Side = tuple[float, float]


def _boxes(front: Array, most: Array) -> list[tuple[_Side, ...]]:
    last, highest = len(most) - 1, float(most[-1])
    if last == 0:
        return [((-np.inf, float(front.min(initial=highest))),)]
    ends: list[float] = [float(level) for level in np.unique(front[:, last])] + [highest]
    opened: dict[tuple[_Side, ...], float] = {}
    found = []
    start = -np.inf
    for end in ends:
        known = front[front[:, last] <= start][:, :last]
        here = set(_boxes(known[undominated(known)], most[:last]))
        for base in [base for base in opened if base not in here]:
            found.append((*base, (opened.pop(base), start)))
        for base in sorted(here):
            opened.setdefault(base, start)
        start = end
    return found + [(*base, (begin, highest)) for base, begin in opened.items()]


def hypervolume(values: Array, most: Array) -> float:
    """Of all that the rows (n, m) dominate, below `most` (m,)."""
    inside = values[(values < most).all(1)]
    if not len(inside):
        return 0.0
    best = inside.min(0)
    lower, upper = boxes(inside, most)
    free = np.maximum(upper - np.maximum(lower, best), 0.0).prod(1).sum()
    return float((most - best).prod() - free)


def thinned(front: Array, most: Array) -> tuple[Array, Array]:
    """`boxes`, of as many of the front's points as do not make too many of them: of a crowded
    front the points that are farthest from each other."""
    room = MOST_POINTS // max(1, len(most) - 1)
    if len(front) > room:
        front = front[_spread(front, room)]
    while True:
        lower, upper = boxes(front, most)
        if len(lower) <= MOST_BOXES or len(front) <= 2:
            return lower, upper
        front = front[_spread(front, max(2, len(front) * 2 // 3))]


def _spread(front: Array, count: int) -> NDArray[np.intp]:
    """Indices of `count` rows, each the farthest from those before it; the best of the first
    objective comes first."""
    extent = np.ptp(front, axis=0)
    scaled = front / np.where(extent > 0.0, extent, 1.0)
    chosen = [int(np.argmin(front[:, 0]))]
    distance = ((scaled - scaled[chosen[0]]) ** 2).sum(1)
    while len(chosen) < count:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, ((scaled - scaled[chosen[-1]]) ** 2).sum(1))
    return np.array(chosen)


class FrontImprovement:
    """log EHVI, a term of the acquisition.

    Args:
        processes: one an objective, each told values of shape (n,).
        front: the values that are to be improved on, (k, m), in the processes' units.
        most: the reference point, (m,).
    """

    def __init__(self, processes: Sequence[Process], front: Array, most: Array) -> None:
        self._processes = tuple(processes)
        lower, upper = thinned(front, most)
        # each bound once: many boxes share one
        self._bounds = []
        self._sides = []
        for j in range(len(self._processes)):
            bounds, index = np.unique(np.r_[lower[:, j], upper[:, j]], return_inverse=True)
            self._bounds.append(bounds)
            self._sides.append((index[: len(lower)], index[len(lower) :]))

    def value(self, points: Array) -> Array:
        """log EHVI at points (q, d): (q,)."""
        total = np.zeros((len(points), len(self._sides[0][0])))
        for j, process in enumerate(self._processes):
            mean, variance = process.posterior(points)
            total += self._sides_of(j, mean, np.sqrt(variance)).log
        return _log_sum(total)

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        """The same, and the gradient at each point, (q, d); 0 in columns of categories."""
        parts, pulls = [], []
        for j, process in enumerate(self._processes):
            mean, variance, pull = process.gradients(points)
            parts.append(self._sides_of(j, mean[:, 0], np.sqrt(variance)))
            pulls.append((pull, 2.0 * np.sqrt(variance)))
        total = sum((part.log for part in parts[1:]), parts[0].log)
        value = _log_sum(total)
        shares = np.exp(total - value[:, None])
        gradient = np.zeros(points.shape)
        for part, (pull, twice) in zip(parts, pulls, strict=True):
            by_mean, by_deviation = part.slopes()
            by_variance = (shares * by_deviation).sum(1) / twice
            gradient += pull((shares * by_mean).sum(1)[:, None], by_variance)
        return value, gradient

    def _sides_of(self, j: int, mean: Array, deviation: Array) -> _Part:
        bounds = self._bounds[j]
        finite = np.isfinite(bounds)
        z = (np.where(finite, bounds, 0.0) - mean[:, None]) / deviation[:, None]
        log, slope = log_h(z)
        log = np.where(finite, log, -np.inf)
        low, high = self._sides[j]
        ratio = np.minimum(log[:, low] - log[:, high], _LEAST)
        found = log[:, high] + np.log(-np.expm1(ratio)) + np.log(deviation)[:, None]
        return _Part(found, ratio, slope, z, deviation, low, high)


@dataclass(frozen=True)
class _Part:
    """One objective's factor of each point's gain in each box, (q, b), as a logarithm, and what
    its derivatives are made of."""

    log: Array
    ratio: Array  # log ψ(l)/ψ(u)
    slope: Array  # Φ/h at each bound
    z: Array
    deviation: Array
    low: NDArray[np.intp]  # of each box, which bound is its lower one
    high: NDArray[np.intp]

    def slopes(self) -> tuple[Array, Array]:
        """The derivatives of `log` by the mean and by the deviation, (q, b) each."""
        r, scale = np.exp(self.ratio), self.deviation[:, None] * -np.expm1(self.ratio)
        density = 1.0 - self.z * self.slope  # φ/h
        by_mean = -(self.slope[:, self.high] - r * self.slope[:, self.low]) / scale
        by_deviation = (density[:, self.high] - r * density[:, self.low]) / scale
        return by_mean, by_deviation


def _log_sum(logarithms: Array) -> Array:
    most = logarithms.max(1, keepdims=True)
    found: Array = most[:, 0] + np.log(np.exp(logarithms - most).sum(1))
    return found
