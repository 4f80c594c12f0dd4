"""The logarithm of the expected improvement, where the improvement itself would be 0 to a computer.

    EI(x) = σ h(z),   h(z) = φ(z) + z Φ(z),   z = (best - μ) / σ          (for minimisation)

Far from the best known value h underflows, and an optimiser sees a plain. Its logarithm does not
(Ament et al. 2023, "Unexpected Improvements to Expected Improvement for Bayesian Optimization",
section 4.1 and appendix A.1: by the scaled complementary error function for z < -1, and by its
asymptotic h(z) ≈ φ(z)/z² where even that cancels). Neighbours: process.py (gives μ and σ).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

Array = NDArray[np.float64]

_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
_FAR = -1e3  # from here on 1 + z Φ/φ has lost its digits
_FARTHEST = -1e6


def log_h(z: Array) -> tuple[Array, Array]:
    """log h(z) and its derivative Φ(z)/h(z), of z's shape; finite for every finite z."""
    z = np.asarray(z, np.float64)
    value, slope = np.empty_like(z), np.empty_like(z)
    near = z > -1.0
    at = z[near]
    h = np.exp(-0.5 * at * at - _LOG_ROOT_2PI) + at * ndtr(at)
    value[near], slope[near] = np.log(h), ndtr(at) / h
    at = np.maximum(z[~near], _FARTHEST)
    ratio = math.sqrt(0.5 * math.pi) * erfcx(-at / math.sqrt(2.0))  # Φ/φ, without underflow
    far = at < _FAR
    rest = np.where(far, 1.0 / (at * at), 1.0 + at * ratio)  # h/φ
    value[~near] = -0.5 * at * at - _LOG_ROOT_2PI + np.log(rest)
    slope[~near] = np.where(far, -at, ratio / rest)
    return value, slope


def log_improvement(mean: Array, deviation: Array, best: Array | float) -> Array:
    """log EI below `best`, for a normal distribution of this mean and deviation (> 0)."""
    found: Array = log_h((best - mean) / deviation)[0] + np.log(deviation)
    return found
