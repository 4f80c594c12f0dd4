"""Hyperparameters as they may be, rather than the likeliest ones only.

A handful of trials does not tell noise from a rough function, nor which parameters matter; whoever
picks one answer is too sure of everything that follows. So some are drawn. The noise, on which most
hangs, by its marginal posterior on a ladder of levels, at each of which the others are fitted anew;
a sweep is believed to be noisier than its searcher hopes (process.py), which must not give up
looking. The others around their fit, by the posterior's curvature there (Laplace's approximation;
Bishop 2006, "Pattern Recognition and Machine Learning", section 4.4), and of these by importance
(Rubin 1988, "Using the SIR Algorithm to Simulate Posterior Distributions"). The more trials, the
fewer are needed.

Whether there is any noise is asked of the same ladder, without what is believed beforehand: how
much likelier the values are with noise than without (`Noisy`). A process is as steep everywhere,
so it takes the few steep places of a function without noise for noise; that makes it wrong by a
little at each trial, and so a verdict needs more evidence the more trials there are. Configurations
that ran twice need no model. Neighbours: search/gp/process.py (the evidence); belief.py.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from sweeps.search.gp.process import NOISE, Evidence, Hyperparameters

Array = NDArray[np.float64]

_MOST_TRIALS = 100  # that are looked at here
_MOST_COLUMNS = 24  # that vary; the others stay where they are
_LEVELS = np.array([-9.0, -6.0, -4.0, -2.7, -1.6, -0.6])  # of the noise's logarithm
_BELIEVED = (-2.5, 2.0)  # mean and deviation of that; process.py's is NOISE
_QUIET = -6.0  # a level of at most so much is none
_ENOUGH = (6.0, 0.4)  # log odds that say there is noise, and how many more for each trial
_SILENT = -2.0  # log odds that say there is none
_UNSURE = 1 / 3  # of the evidence counts where it tells no noise from none; the rest is belief
_REPEATED = 4  # runs beyond the first of a configuration, whose differences alone say it
_FITTING = 15  # steps at a level
_STEP = 0.05
_FLATTEST = 0.15  # least precision in any direction
_DRAWS = 4  # for each one kept
_LOW, _HIGH = (-14.0, -4.0, -12.0), (9.0, 4.0, 1.0)  # weights, variance, noise


class Noisy(StrEnum):
    """Whether runs of one configuration differ."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def plausible(
    peak: Hyperparameters,
    points: Array,
    values: Array,
    categorical: NDArray[np.bool_],
    count: int,
    rng: np.random.Generator,
) -> tuple[list[Hyperparameters], Noisy]:
    """So many, as likely each (the peak alone, where it is one); and whether there is noise.

    Args:
        peak: of the largest posterior density.
        points: (n, d).
        values: (n,), about standard normal.
        categorical: which columns are categories, (d,).
        count: how many, at least 1.
        rng: of the draws.
    """
    repeats = _repeats(points, values)
    if len(values) > _MOST_TRIALS:
        kept = np.linspace(0, len(values) - 1, _MOST_TRIALS).astype(np.intp)
        kept = np.sort(np.argsort(values, kind="stable")[kept])
        points, values = points[kept], values[kept]
    evidence = Evidence(points, values, categorical)
    columns = len(peak.weights)
    low = np.r_[np.full(columns, _LOW[0]), _LOW[1:]]
    high = np.r_[np.full(columns, _HIGH[0]), _HIGH[1:]]
    rungs, logs = _ladder(evidence, np.clip(peak.logarithms, low, high), low, high)
    noisy = _noisy(repeats, logs, len(values))
    if count == 1:
        return [peak], noisy
    weights = _weights(
        logs if noisy is not Noisy.UNKNOWN else _UNSURE * logs, quiet=noisy is Noisy.NO
    )
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
    return found, noisy


def _repeats(points: Array, values: Array) -> Array:
    """By how much runs of a configuration differ from its first, beyond these: (k,)."""
    order = np.lexsort(points.T)
    same = (points[order][1:] == points[order][:-1]).all(axis=1)
    found: Array = np.diff(values[order])[same]
    return found


def _noisy(repeats: Array, logs: Array, trials: int) -> Noisy:
    if len(repeats) and not repeats.any():
        return Noisy.NO
    if len(repeats) >= _REPEATED:
        quiet = float(np.mean(repeats**2)) / 2.0 < np.exp(_QUIET)
        return Noisy.NO if quiet else Noisy.YES
    odds = float(logs[_LEVELS > _QUIET].max() - logs[_LEVELS <= _QUIET].max())
    if odds >= _ENOUGH[0] + _ENOUGH[1] * trials:
        return Noisy.YES
    return Noisy.NO if odds <= _SILENT and not len(repeats) else Noisy.UNKNOWN


def _weights(logs: Array, *, quiet: bool) -> Array:
    """How likely each level is, by what is believed of it beforehand and the evidence."""
    found = logs - 0.5 * ((_LEVELS - _BELIEVED[0]) / _BELIEVED[1]) ** 2
    if quiet:
        found = np.where(_LEVELS <= _QUIET, found, -np.inf)
    weights = np.exp(found - found.max()) * np.gradient(_LEVELS)
    return np.asarray(weights / weights.sum())


def _ladder(evidence: Evidence, start: Array, low: Array, high: Array) -> tuple[list[Array], Array]:
    """The likeliest hyperparameters at each level of the noise, and the logarithm of how likely
    the values are with them."""
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
        logs.append(-float(one.fun) + 0.5 * ((float(level) - NOISE[0]) / NOISE[1]) ** 2)
    return rungs, np.array(logs)


def _curvature(evidence: Evidence, center: Array, free: NDArray[np.intp]) -> Array:
    """The second derivatives by those that are free, by differences of gradients."""
    here = evidence(center)[1][free]
    found = np.empty((len(free), len(free)))
    for row, n in enumerate(free):
        moved = center.copy()
        moved[n] += _STEP
        found[row] = (evidence(moved)[1][free] - here) / _STEP
    return 0.5 * (found + found.T)
