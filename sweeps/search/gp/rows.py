"""Trials as rows: the points of a sweep's observations, each encoded once.

A model is asked again and again with the same trials and a few more, and to encode a thousand of
them takes longer than to ask a process. What is kept is a cache: it changes no answer. Neighbour:
columns.py, which encodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sweeps.search.axes import Coordinate
from sweeps.search.gp.columns import Columns
from sweeps.search.observation import Observation

Array = NDArray[np.float64]


class Rows:
    """The encoder of one sweep.

    Args:
        columns: of the space.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._known: dict[int, tuple[Mapping[str, Coordinate], Array, bytes]] = {}

    def of(self, seen: Sequence[Observation]) -> tuple[Array, list[bytes]]:
        """The canonical points, (n, d), and a key of each."""
        known = self._known
        new = [
            one for one in seen if one.number not in known or known[one.number][0] is not one.point
        ]
        if new:
            points = self._columns.encode_all([one.point for one in new])
            for one, point, key in zip(new, points, self._columns.keys(points), strict=True):
                known[one.number] = one.point, point, key
        if not seen:
            return np.empty((0, self._columns.count)), []
        found = [known[one.number] for one in seen]
        return np.stack([point for _, point, _ in found]), [key for _, _, key in found]
