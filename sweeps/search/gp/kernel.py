"""The covariance of two configurations: Matern-5/2 with automatic relevance determination.

    k(x, x') = (1 + r + r²/3) exp(-r),   r² = 5 Σ_j w_j δ_j(x, x')

(Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", eq. 4.17; ARD as in eq.
5.1 with w_j = 1/ℓ_j².) δ_j is the squared difference in a column of numbers, and 0 or 1 in one of
categories, where w_j says how much it matters that two differ (Hamming distance, as in Hutter et
al. 2011, "Sequential Model-Based Optimization for General Algorithm Configuration", section 4.2).
A parameter that a configuration does not have stands at one fixed place in its column, so that two
configurations without it are alike in it. Neighbours: process.py.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ROOT5 = math.sqrt(5.0)


def differences(a: Array, b: Array, categorical: NDArray[np.bool_]) -> Array:
    """δ of each pair and column, of shape (len(a), len(b), d). For small sets: it is large."""
    found: Array = (a[:, None, :] - b[None, :, :]) ** 2
    if categorical.any():
        found[..., categorical] = found[..., categorical] > 0
    return found


def distances(a: Array, b: Array, weights: Array, categorical: NDArray[np.bool_]) -> Array:
    """Σ_j w_j δ_j of each pair, of shape (len(a), len(b)), without the space for `differences`."""
    numeric = ~categorical
    scale = np.sqrt(weights[numeric])
    left, right = a[:, numeric] * scale, b[:, numeric] * scale
    squares = (left**2).sum(1)[:, None] + (right**2).sum(1)[None, :] - 2.0 * left @ right.T
    found: Array = np.maximum(squares, 0.0)
    for column in np.flatnonzero(categorical):
        found += weights[column] * (a[:, column][:, None] != b[:, column][None, :])
    return found


def matern(distance: Array) -> Array:
    """The correlation at each weighted squared distance."""
    r = _ROOT5 * np.sqrt(distance)
    found: Array = (1.0 + r + r * r / 3.0) * np.exp(-r)
    return found


def matern_slope(distance: Array) -> Array:
    """Its derivative by that distance; finite at 0."""
    r = _ROOT5 * np.sqrt(distance)
    found: Array = (-5.0 / 6.0) * (1.0 + r) * np.exp(-r)
    return found
