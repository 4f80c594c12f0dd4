"""The first points of a search, before there is anything to learn from: a scrambled Sobol sequence.

Low-discrepancy points fill a space more evenly than random ones (Sobol' 1967; scrambled as in Owen
1998, "Scrambling Sobol' and Niederreiter-Xing Points"). Neighbours: columns.py (draws them);
model.py and curves.py (begin with them).
"""

from __future__ import annotations

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from sweeps.search.base import generator
from sweeps.search.gp.columns import Columns

Array = NDArray[np.float64]

_POINTS = 64


class Design:
    """The points of one seed.

    Args:
        columns: of the space.
        seed: of the sequence.
    """

    def __init__(self, columns: Columns, seed: int) -> None:
        self._columns, self._seed = columns, seed
        self._points: Array | None = None

    def point(self, place: int, tried: Set[bytes], rng: np.random.Generator) -> Array | None:
        """The point at `place` of the sequence, (d,); if that was tried before or breaks a
        constraint, one drawn by `rng`; None where all of these do."""
        columns = self._columns
        if self._points is None:
            self._points = columns.draw(_POINTS, generator(self._seed, 0))
        points = np.vstack([self._points[place : place + 1], columns.draw(_POINTS, rng)])
        for point, key in zip(points, columns.keys(points), strict=True):
            if key not in tried and columns.allowed(point[None])[0]:
                found: Array = point
                return found
        return None
