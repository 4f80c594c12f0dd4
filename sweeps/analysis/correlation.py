"""Rank correlation of parameters with the objective, and between which bounds it probably lies.

Spearman's, so that neither a log axis nor one huge loss changes it. Of a category it is that of
"the trial has this value". The interval is Fisher's z with the standard error of Bonett and Wright
(Psychometrika 65, 2000), 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.analysis.table import Column

_LEAST = 5
_MOST_VALUES = 12  # of a category
_TWO_SIDED_95 = 1.96


@dataclass(frozen=True)
class Correlation:
    """Attributes:
    name: the parameter.
    value: the category whose presence is meant; None: a number.
    has_value: whether it is a category (one may be None).
    rho, low, high: -1 to 1; above 0, more of it goes with a higher objective.
    trials: how many it is of.
    """

    name: str
    value: Any
    has_value: bool
    rho: float
    low: float
    high: float
    trials: int


def correlations(columns: Sequence[Column], objectives: NDArray[np.float64]) -> list[Correlation]:
    """The strongest first; parameters that are the same in all trials have none."""
    found = []
    for column in columns:
        if column.ordered:
            there = ~np.isnan(column.values)
            pair = _one(column.values[there], objectives[there])
            if pair:
                found.append(Correlation(column.name, None, False, *pair))
            continue
        for bin_, shown in enumerate(column.shown[:_MOST_VALUES]):
            has = (column.bins == bin_).astype(float)
            pair = _one(has, objectives)
            if pair and shown is not None:
                found.append(Correlation(column.name, shown, True, *pair))
    return sorted(found, key=lambda each: -abs(each.rho))


def _one(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[float, float, float, int] | None:
    if len(first) < _LEAST:
        return None
    a, b = _ranks(first), _ranks(second)
    spread = a.std() * b.std()
    if not spread:
        return None
    rho = float(np.clip(((a - a.mean()) * (b - b.mean())).mean() / spread, -1.0, 1.0))
    z = math.atanh(max(min(rho, 1 - 1e-12), -1 + 1e-12))
    reach = _TWO_SIDED_95 * math.sqrt((1 + rho * rho / 2) / (len(first) - 3))
    return rho, math.tanh(z - reach), math.tanh(z + reach), len(first)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """1, 2, 3, …; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    found: NDArray[np.float64] = ((2 * last - counts + 1) / 2)[place]
    return found
