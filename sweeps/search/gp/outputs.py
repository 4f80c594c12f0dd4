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
from scipy.stats import yeojohnson, yeojohnson_llf

Array = NDArray[np.float64]

_POWERS = np.linspace(-1.5, 3.5, 51)
_FEWEST = 3  # values; fewer have no shape


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


def _powered(values: Array) -> Array:
    """By the power under which the values look most normal (profile likelihood)."""
    with np.errstate(all="ignore"):  # a power that takes a value out of range is not chosen
        likelihoods = [yeojohnson_llf(power, values) for power in _POWERS]
    found: Array = yeojohnson(values, _POWERS[int(np.nanargmax(likelihoods))])
    return found
