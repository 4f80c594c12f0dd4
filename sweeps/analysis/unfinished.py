"""What trials that were stopped early would have come to.

The value of a trial that a rule stopped is that of an early epoch, and would make its surroundings
look worse than they are. Trials that went on tell how far curves still fall from there
(stopping/extrapolation.py), so it is told as the value expected at the end: no worse than its own,
and no better than the best of those that ran to theirs. Costs, smaller being better. Neighbour:
advice.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sweeps.stopping.extrapolation import Scale, outlook, stages_of

Array = NDArray[np.float64]

_GROWTH = 1.5  # from checkpoint to checkpoint
_FEWEST = 3  # finished trials with a curve


def carried_on(
    costs: Array, stopped: NDArray[np.bool_], curves: Sequence[Sequence[float]]
) -> Array:
    """The costs (n,), those of stopped trials as they would be at the end; unchanged where too
    little is known.

    Args:
        costs: the best of each trial.
        stopped: which were, (n,).
        curves: of each trial, the costs that it reported, the first first; empty where unknown.
    """
    lengths = np.array([len(curve) for curve in curves])
    whole = ~stopped & (lengths > 1)
    if not stopped.any() or whole.sum() < _FEWEST:
        return costs
    checks = _checkpoints(int(np.median(lengths[whole])))
    if len(checks) < 2:
        return costs
    scale = Scale(costs)
    levels = np.full((len(costs), len(checks)), np.nan)
    for row, curve, length in zip(levels, curves, lengths, strict=True):
        if length:
            best = scale(np.minimum.accumulate(np.array(curve, np.float64)))
            reached = checks[checks <= length]
            row[: len(reached)] = best[reached - 1]
    stages = stages_of(levels)
    order = np.argsort(costs[whole], kind="stable")
    ends = costs[whole][order]
    found = costs.copy()
    for n in np.flatnonzero(stopped & (lengths > 0)):
        last = int((checks <= lengths[n]).sum()) - 1
        if last < 0:
            continue
        before = float(levels[n, last - 1] - levels[n, last]) if last else 0.0
        level = float(scale(costs[n : n + 1])[0])
        gain, _ = outlook(stages[last:], level, before)
        expected = float(np.interp(level - gain, scale(ends), ends))
        found[n] = max(min(costs[n], expected), ends[0]) if costs[n] > ends[0] else costs[n]
    return found


def _checkpoints(end: int) -> NDArray[np.intp]:
    found = [1]
    while found[-1] < end:
        found.append(min(max(found[-1] + 1, int(found[-1] * _GROWTH + 0.5)), end))
    return np.array(found, np.intp)
