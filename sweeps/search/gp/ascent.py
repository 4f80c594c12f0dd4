"""Uphill from many places at once, within the unit cube.

Limited-memory BFGS (Nocedal and Wright 2006, "Numerical Optimization", algorithm 7.4), with bounds
by projection: a coordinate that is at its bound and wants out stays there, and each step is cut
off at the bounds (Kim, Sra and Dhillon 2010, "Tackling Box-constrained Optimization via a New
Projected Quasi-Newton Approach", section 2.2). All climbers share every call of the function,
which for a Gaussian process costs little more for ten points than for one; each has its own step
length and its own memory. Knows nothing of what it climbs. Neighbours: maximise.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Climbed = Callable[[Array], tuple[Array, Array]]

_MEMORY = 6
_FIRST = 0.2  # the first step's length, in units of the scale
_ENOUGH = 1e-4  # of the rise that the slope promised (Armijo)
_SHORTER = 0.3
_SHORTEST = 1e-4
_RISE = 1e-7  # below which a climber is at the top
_TINY = 1e-300


def climb(function: Climbed, starts: Array, scale: Array, calls: int) -> tuple[Array, Array]:
    """Where each climber ends, (q, d), and how high, (q,).

    Args:
        function: values (q,) and gradients (q, d) at points (q, d).
        starts: (q, d), in [0, 1].
        scale: how far one must go along each column to see a change, (d,); 0 keeps a column.
        calls: of the function, at most.
    """
    free = scale > 0.0
    unit = scale[free]
    most = 1.0 / unit
    points = starts.copy()

    def at(x: Array, who: NDArray[np.intp]) -> tuple[Array, Array]:
        here = points[who]
        here[:, free] = x * unit
        value, gradient = function(here)
        return -value, -gradient[:, free] * unit

    everyone = np.arange(len(starts))
    x = starts[:, free] / unit
    if not free.any() or not len(x):
        return points, function(points)[0]
    value, gradient = at(x, everyone)
    memory = _Memory(len(x), x.shape[1])
    step = np.ones(len(x))
    way = np.zeros_like(x)
    fresh = np.ones(len(x), bool)
    going = np.ones(len(x), bool)
    for _ in range(calls - 1):
        pinned = ((x <= 0.0) & (gradient > 0.0)) | ((x >= most) & (gradient < 0.0))
        downhill = np.where(pinned, 0.0, -gradient)
        slope = np.sqrt((downhill**2).sum(1))
        going &= slope > 1e-9
        if not going.any():
            break
        if fresh.any():
            newton = np.where(pinned, 0.0, memory.direction(downhill))
            bad = (newton * downhill).sum(1) <= 1e-10 * slope * np.sqrt((newton**2).sum(1))
            plain = downhill * (_FIRST / np.maximum(slope, _TINY))[:, None]
            newton = np.where((bad | memory.empty)[:, None], plain, newton)
            way[fresh] = newton[fresh]
            step[fresh] = 1.0
        who = np.flatnonzero(going)
        tried = np.clip(x[who] + step[who, None] * way[who], 0.0, most)
        there, uphill = at(tried, who)
        promised = (gradient[who] * (x[who] - tried)).sum(1)
        better = (value[who] - there >= _ENOUGH * promised) & (value[who] >= there)
        fresh[:] = False
        won = who[better]
        memory.add(won, tried[better] - x[won], uphill[better] - gradient[won])
        rise = value[won] - there[better]
        x[won], value[won], gradient[won] = tried[better], there[better], uphill[better]
        fresh[won] = True
        going[won[rise < _RISE]] = False
        lost = who[~better]
        step[lost] *= _SHORTER
        going[lost[step[lost] < _SHORTEST]] = False
    points[:, free] = np.clip(x * unit, 0.0, 1.0)
    return points, -value


class _Memory:
    """The last steps of each climber and how the gradient changed over them, newest first."""

    def __init__(self, climbers: int, columns: int) -> None:
        self._steps = np.zeros((_MEMORY, climbers, columns))
        self._changes = np.zeros((_MEMORY, climbers, columns))
        self._inverse = np.zeros((_MEMORY, climbers))  # 1 / (step · change); 0: none
        self._scale = np.ones(climbers)

    @property
    def empty(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self._inverse[0] == 0.0
        return found

    def add(self, who: NDArray[np.intp], steps: Array, changes: Array) -> None:
        """Those whose gradient did not rise along the step are left out."""
        product = (steps * changes).sum(1)
        good = product > 1e-10 * (changes**2).sum(1)
        who, steps, changes, product = who[good], steps[good], changes[good], product[good]
        new: Array = 1.0 / product
        for kept, added in (
            (self._steps, steps),
            (self._changes, changes),
            (self._inverse, new),
        ):
            kept[1:, who] = kept[:-1, who]
            kept[0, who] = added
        self._scale[who] = product / (changes**2).sum(1)

    def direction(self, downhill: Array) -> Array:
        """The inverse Hessian times the downhill gradient, by two loops."""
        found = downhill.copy()
        shares = np.zeros_like(self._inverse)
        for i in range(_MEMORY):
            shares[i] = self._inverse[i] * (self._steps[i] * found).sum(1)
            found -= shares[i][:, None] * self._changes[i]
        found *= self._scale[:, None]
        for i in reversed(range(_MEMORY)):
            back = self._inverse[i] * (self._changes[i] * found).sum(1)
            found += (shares[i] - back)[:, None] * self._steps[i]
        return found
