"""Values made fit for a Gaussian process: about standard normal, whatever their tails.

A loss that explodes in a corner of the space is all that a process would see of it. Only the order
of the bad half matters, so it is replaced by the quantiles of a normal distribution that has the
spread of the good half (the half-rank warping of Song et al. 2024, "The Vizier Gaussian Process
Bandit Algorithm", section 3.2); what skewness is left goes by a power transform (Yeo and Johnson
2000, "A New Family of Power Transformations to Improve Normality or Symmetry", eq. 2.1), with the
power of the largest likelihood. Both keep the order of values. Smaller is better here, always.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Array = NDArray[np.float64]

_POWERS = np.linspace(-1.5, 3.5, 51)
_FEWEST = 3  # values; fewer have no shape
_TINY = 1e-12


def standardised(values: Array) -> Array:
    """Mean 0 and deviation 1; all 0 where all are equal."""
    spread = float(values.std())
    centred: Array = values - values.mean()
    return centred / spread if spread > 1e-300 else np.zeros_like(centred)


def warped(values: Array) -> Array:
    """Half-ranked, power-transformed and standardised. Values are finite; shape (n,)."""
    if len(values) < _FEWEST:
        return standardised(values)
    return standardised(_powered(standardised(half_ranked(values))))


def half_ranked(values: Array) -> Array:
    """The good half as it is; the bad half at the quantiles of its ranks."""
    middle = float(np.median(values))
    bad = values > middle
    if not bad.any():
        return values
    spread = float(np.sqrt(np.mean((values[~bad] - middle) ** 2)))
    ranks = np.searchsorted(np.sort(values), values[bad], side="left")
    quantiles = np.clip((ranks + 0.5) / len(values), 0.5, 1.0 - 1e-9)
    found = values.copy()
    found[bad] = middle + (spread or 1.0) * ndtri(quantiles)
    return found


def yeo_johnson(values: Array, power: float) -> Array:
    """The transform; it keeps the order of values (n,) and the sign of each."""
    size = np.log1p(np.abs(values))
    good = np.where(values < 0.0, 2.0 - power, power)
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = np.where(np.abs(good) > _TINY, np.expm1(good * size) / good, size)
    found: Array = np.copysign(moved, values)
    return found


def _powered(values: Array) -> Array:
    power = power_of(values)
    return values if power is None else yeo_johnson(values, power)


def power_of(values: Array) -> float | None:
    """The power under which the values look most normal: of the largest profile likelihood,
    -n/2 log variance + (power - 1) Σ sign(value) log(1 + |value|). None: there is none."""
    steepness = float(np.copysign(np.log1p(np.abs(values)), values).sum())
    best, found = -np.inf, None
    for power in _POWERS:
        with np.errstate(all="ignore"):  # a power that takes a value out of range is not chosen
            moved = yeo_johnson(values, float(power))
            likelihood = -0.5 * len(values) * np.log(moved.var()) + (power - 1.0) * steepness
        if np.isfinite(likelihood) and likelihood > best + _TINY:
            best, found = float(likelihood), float(power)
    return found
