"""Of thousands of trials those that a process is to know: it costs n² a point, n³ to set up.

What is promising is decided near the best, so the process knows the best trials and those closest
to them, like the local models of Eriksson et al. 2019, "Scalable Global Optimization via Local
Bayesian Optimization" (section 2); and, so that it does not take the rest of the space for
unknown, others evenly by rank. Neighbours: model.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sweeps.search.gp.order import rising

Array = NDArray[np.float64]

_CENTRES = 5  # the best few, around which lies what is close


def nearest(
    points: Array, costs: Array, categorical: NDArray[np.bool_], most: int
) -> NDArray[np.intp]:
    """Which rows to know, in order; all of them where they are not too many.

    Args:
        points: (n, d).
        costs: (n,).
        categorical: which columns are categories, (d,).
        most: how many at most; about a third are the best, a third the closest to these.
    """
    if len(costs) <= most:
        return np.arange(len(costs))
    order = np.argsort(costs, kind="stable")
    third = most // 3
    best, rest = order[:third], order[third:]
    apart = np.full(len(rest), np.inf)
    for centre in points[order[:_CENTRES]]:
        steps = points[rest] - centre
        steps = np.where(categorical, steps != 0.0, steps)
        apart = np.minimum(apart, (steps**2).sum(1))
    by_distance = rising(apart)
    close, far = rest[by_distance[:third]], np.sort(by_distance[third:])
    left = most - 2 * third
    others = rest[far[np.linspace(0, len(far) - 1, left).astype(np.intp)]]
    return np.sort(np.r_[best, close, others])
