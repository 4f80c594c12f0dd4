"""What a model has to learn from: observations as arrays.

Values that are as good as infinite are cut off, so that no sum of squares overflows. What was
stopped has no value that could be compared: it counts as no better than the worst that was not
stopped, and as if it had taken the seconds of the longest curve at its own pace. Neighbours:
model.py; observation.py in the folder above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sweeps.search.gp.limits import kept
from sweeps.search.gp.transfer import with_source
from sweeps.search.observation import Observation, Standing

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MOST_DEAD = 100  # failed points that the process is told of
_LIMIT = 1e150  # beyond which values are as good as infinite


@dataclass(frozen=True)
class Known:
    """What there is to learn from, in columns.

    Attributes:
        points: with a value, (n, d).
        costs: theirs, (n,).
        pending: points without one yet, (p, d).
        ended: points that failed or did not, (m, d).
        failed: which of these did.
        count: of all observations.
        own: which of the points with a value are of the sweep itself, (n,).
        others: their further costs, (n, k); nan where unknown.
        excess: of each limit, (n, m); nan where unknown.
        seconds: that they took, or would have, (n,); nan where unknown.
        mixed: points get a column that says which are prior runs (transfer.py).
    """

    points: Array
    costs: Array
    pending: Array
    ended: Array
    failed: Mask
    count: int
    own: Mask
    others: Array
    excess: Array
    seconds: Array
    mixed: bool = False

    def only(self, rows: NDArray[np.intp]) -> Known:
        """As if nothing else had a value."""
        parts = ("points", "costs", "own", "others", "excess", "seconds")
        return replace(self, **{part: getattr(self, part)[rows] for part in parts})

    def placed(self, points: Array, *, prior: Mask | None = None) -> Array:
        """Points (q, d) as the process sees them: the sweep's own, unless `prior` says other."""
        if not self.mixed:
            return points
        found = with_source(points, prior=False)
        if prior is not None:
            found[prior] = with_source(points[prior], prior=True)
        return found

    @property
    def badness(self) -> Array:
        """The less, the more there is to learn around a point: (n,). The cost; of several
        objectives the mean rank; where a limit is broken, behind all that keep them."""
        found = self.costs
        objectives = [found, *(each for each in self.others.T if np.isfinite(each).any())]
        if len(objectives) > 1:
            found = np.mean([each.argsort(kind="stable").argsort() for each in objectives], axis=0)
        broken = ~kept(self.excess)
        if broken.any() and not broken.all():
            found = found.argsort(kind="stable").argsort() + len(found) * broken
        return found

    @property
    def dead(self) -> Array:
        """The newest points that failed, (k, d)."""
        found: Array = self.ended[self.failed][-_MOST_DEAD:]
        return found


def known_of(seen: Sequence[Observation], points: Array) -> Known:
    """Of observations at points (n, d)."""
    valued = np.array([one.cost is not None for one in seen], bool)
    waits = np.array([one.standing is Standing.PENDING for one in seen], bool)
    failed = np.array([one.standing is Standing.FAILED for one in seen], bool)
    stopped = np.array([one.standing is Standing.STOPPED and bool(one.curve) for one in seen], bool)
    costs = np.array([np.nan if one.cost is None else one.cost for one in seen], np.float64)
    costs = np.clip(costs, -_LIMIT, _LIMIT)
    whole = valued & ~stopped
    if whole.any():
        costs[stopped] = np.maximum(costs[stopped], costs[whole].max())
    longest = max((len(one.curve) for one in seen), default=0)
    seconds = [np.nan if one.seconds is None else one.seconds for one in seen]
    for n, one in enumerate(seen):
        if stopped[n]:  # had it gone on
            seconds[n] *= longest / len(one.curve)
    return Known(
        points[valued],
        costs[valued],
        points[waits & ~valued],
        points[~waits],
        failed[~waits],
        len(seen),
        np.array([one.number > 0 for one in seen], bool)[valued],
        _table([one.others for one in seen])[valued],
        _table([one.excess for one in seen])[valued],
        np.array(seconds, np.float64)[valued],
    )


def _table(rows: Sequence[Sequence[float | None]]) -> Array:
    """Numbers of each observation, (n, m); nan where unknown."""
    found = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for n, row in enumerate(rows):
        found[n, : len(row)] = [np.nan if value is None else value for value in row]
    clipped: Array = np.clip(found, -_LIMIT, _LIMIT)
    return clipped
