"""Order that a rounding does not turn over.

Sums come out differently in the last digits with every BLAS, processor and release of NumPy. Where
two things are equally good (two choices that nobody has tried) such a digit would decide what is
suggested. So what is nearly equal counts as equal, and of equals the first comes first. Neighbours:
columns.py and process.py round points and hyperparameters, so that no such digit lives on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_DIGITS = 8


def evened(values: Array) -> Array:
    """Rounded, so that what is nearly equal is equal; for values about 1 in size."""
    found: Array = np.round(values, _DIGITS)
    return found


def rising(values: Array) -> NDArray[np.intp]:
    """The places of values (n,), the lowest first, of equals the first."""
    return np.argsort(evened(values), kind="stable")
