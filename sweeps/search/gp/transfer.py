"""Learning from runs of before the sweep, whose values may be of another scale, or mislead.

One process over both, with a column that says where a point is from: how much it matters that two
points are from different places is a length scale like any other, and the evidence decides it
(multi-task regression with one correlation for all: Swersky et al. 2013, "Multi-Task Bayesian
Optimization", section 3; the categorical kernel in kernel.py). Prior runs that agree with the
sweep's own trials count nearly as such; ones that do not, count for nothing.

Before that, prior values are put on the sweep's scale. A process over the prior runs says what they
expect at the sweep's points; the line through what came of those says how the scales relate. They
are left as they are unless that line is clearly better (Schwarz 1978, "Estimating the Dimension of
a Model": two more parameters must pay). A line that does not rise means that the prior runs know
nothing of use. Neighbours: process.py; model.py.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sweeps.search.gp.acquisition import Term
from sweeps.search.gp.process import Process

Array = NDArray[np.float64]

MOST_PRIOR = 150
"""So many prior runs are learnt from: the better half of these, and others."""

_FEWEST = 3  # of the sweep's own trials, that a line is drawn through
_OWN, _PRIOR = 0.0, 1.0


def chosen(values: Array, most: int = MOST_PRIOR) -> NDArray[np.intp]:
    """The places of the runs, by their values (n,), that are learnt from, in order."""
    if len(values) <= most:
        return np.arange(len(values))
    order = np.argsort(values, kind="stable")
    half = most // 2
    others = np.linspace(half, len(values) - 1, most - half).astype(np.intp)
    return np.sort(np.r_[order[:half], order[others]])


def aligned(process: Process, prior_values: Array, own: Array, own_values: Array) -> Array | None:
    """The prior values (p,) on the scale of the sweep's own (n,); None: they are of no use.

    Args:
        process: at the points of the prior runs; it was told their `standardised` values.
        prior_values: theirs, p > 0.
        own: points of the sweep's trials, (n, d).
        own_values: theirs.
    """
    if len(own) < _FEWEST:
        return prior_values
    center, spread = float(prior_values.mean()), float(prior_values.std())
    if spread <= 0.0:
        return None
    mean, variance = process.posterior(own)
    expected = center + spread * mean
    doubt = spread**2 * float(variance.mean())
    slope, offset = _line(expected, own_values)
    as_they_are = float(((own_values - expected) ** 2).mean())
    moved = float(((own_values - offset - slope * expected) ** 2).mean())
    if as_they_are + doubt <= (moved + doubt) * math.exp(2.0 * math.log(len(own)) / len(own)):
        return prior_values
    if slope <= 0.0:
        return None
    found: Array = offset + slope * prior_values
    return found


def _line(x: Array, y: Array) -> tuple[float, float]:
    """Slope and offset of the least squares."""
    away = x - x.mean()
    extent = float(away @ away)
    slope = float(away @ (y - y.mean())) / extent if extent > 0.0 else 0.0
    return slope, float(y.mean()) - slope * float(x.mean())


def with_source(points: Array, *, prior: bool) -> Array:
    """Points (n, d) with the column that says where they are from, (n, d + 1)."""
    found: Array = np.c_[points, np.full(len(points), _PRIOR if prior else _OWN)]
    return found


class Own:
    """A term over points with their source, at points of the sweep's own without it."""

    def __init__(self, term: Term) -> None:
        self._term = term

    def value(self, points: Array) -> Array:
        return self._term.value(with_source(points, prior=False))

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        value, gradient = self._term.value_and_gradient(with_source(points, prior=False))
        return value, gradient[:, :-1]
