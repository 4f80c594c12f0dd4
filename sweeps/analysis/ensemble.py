"""Hyperparameters as they may be, rather than the likeliest ones only.

A handful of trials does not tell noise from a rough function, nor which parameters matter; whoever
picks one answer is too sure of everything that follows. So some are drawn. The noise, on which most
hangs, by its marginal posterior on a ladder of levels, at each of which the others are fitted anew;
a sweep is believed to be noisier than its searcher hopes (process.py), which must not give up
looking. The others around their fit, by the posterior's curvature there (Laplace's approximation;
Bishop 2006, "Pattern Recognition and Machine Learning", section 4.4), and of these by importance
(Rubin 1988, "Using the SIR Algorithm to Simulate Posterior Distributions"). The more trials, the
fewer are needed. Neighbours: search/gp/process.py (the evidence); belief.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from sweeps.search.gp.process import Evidence, Hyperparameters

Array = NDArray[np.float64]

_MOST_TRIALS = 100  # that are looked at here
_MOST_COLUMNS = 24  # that vary; the others stay where they are
_LEVELS = np.array([-9.0, -6.0, -4.0, -2.7, -1.6, -0.6])  # of the noise's logarithm
_HOPED, _BELIEVED = (-5.0, 1.5), (-3.5, 2.0)  # mean and deviation: process.py's, and here
_FITTING = 15  # steps at a level
_STEP = 0.05
_FLATTEST = 0.15  # least precision in any direction
_DRAWS = 4  # for each one kept
_LOW, _HIGH = (-14.0, -4.0, -12.0), (9.0, 4.0, 1.0)  # weights, variance, noise


def plausible(
    peak: Hyperparameters,
    points: Array,
    values: Array,
    categorical: NDArray[np.bool_],
    count: int,
    rng: np.random.Generator,
) -> list[Hyperparameters]:
    """So many, as likely each; the peak alone, where it is one.

    Args:
        peak: of the largest posterior density.
        points: (n, d).
        values: (n,), about standard normal.
        categorical: which columns are categories, (d,).
        count: how many, at least 1.
        rng: of the draws.
    """
    if count == 1:
        return [peak]
    if len(values) > _MOST_TRIALS:
        kept = np.linspace(0, len(values) - 1, _MOST_TRIALS).astype(np.intp)
        kept = np.sort(np.argsort(values, kind="stable")[kept])
        points, values = points[kept], values[kept]
    evidence = Evidence(points, values, categorical)
    columns = len(peak.weights)
    low = np.r_[np.full(columns, _LOW[0]), _LOW[1:]]
    high = np.r_[np.full(columns, _HIGH[0]), _HIGH[1:]]
    rungs, weights = _ladder(evidence, np.clip(peak.logarithms, low, high), low, high)
    likeliest = rungs[int(weights.argmax())]
    heaviest = np.argsort(-likeliest[:columns], kind="stable")[:_MOST_COLUMNS]
    free = np.r_[np.sort(heaviest), columns]
    precision, axes = np.linalg.eigh(_curvature(evidence, likeliest, free))
    spread = 1.0 / np.sqrt(np.maximum(precision, _FLATTEST))
    sums = np.cumsum(weights)
    marks = (np.arange(count) + rng.random()) / count
    found = []
    for rung in np.minimum(np.searchsorted(sums, marks), len(rungs) - 1):
        normal = rng.standard_normal((_DRAWS, len(free)))
        tried = np.tile(rungs[rung], (_DRAWS, 1))
        tried[:, free] += (normal * spread) @ axes.T
        tried = np.clip(tried, low, high)
        logs = np.array([-evidence(each)[0] for each in tried]) + 0.5 * (normal**2).sum(1)
        odds = np.cumsum(np.exp(logs - logs.max()))
        chosen = min(int(np.searchsorted(odds, rng.random() * odds[-1])), _DRAWS - 1)
        found.append(Hyperparameters.of(tried[chosen]))
    return found


def _ladder(evidence: Evidence, start: Array, low: Array, high: Array) -> tuple[list[Array], Array]:
    """The likeliest hyperparameters at each level of the noise, and how likely that is."""
    rungs: list[Array] = []
    logs: list[float] = []
    for level in _LEVELS:

        def at(others: Array, level: float = float(level)) -> tuple[float, Array]:
            value, gradient = evidence(np.r_[others, level])
            return value, gradient[:-1]

        begin = rungs[-1][:-1] if rungs else start[:-1]
        bounds = list(zip(low[:-1], high[:-1], strict=True))
        options = {"maxiter": _FITTING}
        one = minimize(at, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        rungs.append(np.r_[one.x, level])
        hoped, believed = ((level - mean) / spread for mean, spread in (_HOPED, _BELIEVED))
        logs.append(-float(one.fun) + 0.5 * hoped**2 - 0.5 * believed**2)
    weights = np.exp(np.array(logs) - max(logs)) * np.gradient(_LEVELS)
    return rungs, weights / weights.sum()


def _curvature(evidence: Evidence, center: Array, free: NDArray[np.intp]) -> Array:
    """The second derivatives by those that are free, by differences of gradients."""
    here = evidence(center)[1][free]
    found = np.empty((len(free), len(free)))
    for row, n in enumerate(free):
        moved = center.copy()
        moved[n] += _STEP
        found[row] = (evidence(moved)[1][free] - here) / _STEP
    return 0.5 * (found + found.T)
