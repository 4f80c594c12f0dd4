"""The parameters of trials as bins, each with the share of the space that it stands for.

A numeric parameter is cut where its trials lie (fine where there are many), and a bin weighs what
the parameter's own distribution gives it: so a share of variance is one over the space as the file
describes it, wherever a search has looked. Trials without the parameter have a bin of their own,
which weighs as much as the conditions of the file leave configurations without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.distributions import (
    Categorical,
    Constant,
    Continuous,
    Distribution,
    IntUniform,
    canonical,
    is_number,
)
from sweeps.space import Parameter, Path, Space

MOST_BINS = 32
"""Of numbers; categories have one each, up to MOST_CATEGORIES."""
MOST_CATEGORIES = 64
_LEAST_WEIGHT = 1e-6
_DRAWN = 2000  # configurations, for the share that lack a parameter


@dataclass(frozen=True)
class Column:
    """One parameter of all trials.

    Attributes:
        name: dotted.
        ordered: numbers; otherwise categories.
        bins: the bin of each trial.
        weights: the share of the space that lies in each bin; they sum to 1.
        shown: of each bin, a value that stands for it (None: trials without the parameter).
        values: of each trial as a number, NaN where it has none; only where `ordered`.
    """

    name: str
    ordered: bool
    bins: NDArray[np.int64]
    weights: NDArray[np.float64]
    shown: tuple[Any, ...]
    values: NDArray[np.float64]


def columns(space: Space, configs: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The parameters that differ between these trials, in the space's order."""
    flat = [space.flatten(config) for config in configs]
    absent = _absent_shares(space)
    found = []
    for parameter in space.parameters:
        if isinstance(parameter.distribution, Constant):
            continue
        values = [each.get(parameter.path, _MISSING) for each in flat]
        if all(value is _MISSING for value in values):
            continue
        column = _column(parameter, values, absent.get(parameter.path))
        if len(np.unique(column.bins)) > 1:
            found.append(column)
    return found


class _Missing:
    """Stands where a trial has no value; None is one."""


_MISSING = _Missing()


def _absent_shares(space: Space) -> dict[Path, float]:
    """Of parameters with conditions: the share of configurations that lack them."""
    if not space.conditional:
        return {}
    rng = np.random.default_rng(0)
    drawn = [space.draw(rng).keys() for _ in range(_DRAWN)]
    return {
        p.path: sum(p.path not in each for each in drawn) / _DRAWN
        for p in space.parameters
        if p.when
    }


def _column(parameter: Parameter, values: Sequence[Any], absent: float | None) -> Column:
    numeric = all(value is _MISSING or is_number(value) for value in values)
    if numeric and isinstance(parameter.distribution, (Continuous, IntUniform)):
        return _numbers(parameter.name, parameter.distribution, values, absent)
    return _categories(parameter.name, parameter.distribution, values, absent)


def _numbers(
    name: str,
    distribution: Continuous | IntUniform,
    values: Sequence[Any],
    absent: float | None,
) -> Column:
    numbers = np.array([np.nan if v is _MISSING else float(v) for v in values])
    there = ~np.isnan(numbers)
    known = np.unique(numbers[there])
    if len(known) > MOST_BINS:
        cuts = np.unique(np.quantile(numbers[there], np.linspace(0, 1, MOST_BINS + 1)[1:-1]))
    else:
        cuts = (known[1:] + known[:-1]) / 2
    bins = np.searchsorted(cuts, numbers)
    ends = np.array([0.0, *(_share_below(distribution, float(cut)) for cut in cuts), 1.0])
    weights = np.maximum(np.diff(ends), _LEAST_WEIGHT)
    kept = np.unique(bins[there])
    shown: list[Any] = [float(np.median(numbers[there & (bins == each)])) for each in kept]
    # A bin in which no trial lies goes to its neighbour (equal cuts of a quantile).
    place = np.searchsorted(kept, np.arange(len(weights))).clip(max=len(kept) - 1)
    weights = np.bincount(place, weights=weights, minlength=len(kept)).astype(np.float64)
    bins = place[bins.clip(max=len(place) - 1)]
    return _with_missing(name, True, bins, weights, shown, there, numbers, absent)


def _share_below(distribution: Continuous | IntUniform, value: float) -> float:
    if isinstance(distribution, IntUniform):
        whole = np.floor(value) - distribution.low + 1
        return float(np.clip(whole / (distribution.high - distribution.low + 1), 0.0, 1.0))
    return distribution.cdf(value)


def _categories(
    name: str, distribution: Distribution, values: Sequence[Any], absent: float | None
) -> Column:
    odds: dict[Any, float] = {}
    if isinstance(distribution, Categorical):
        each = distribution.probabilities or (1.0,) * len(distribution.values)
        for value, chance in zip(distribution.values, each, strict=True):
            odds[canonical(value)] = odds.get(canonical(value), 0.0) + chance
    seen: dict[Any, tuple[int, Any]] = {}
    for value in values:
        if value is not _MISSING:
            count, first = seen.get(canonical(value), (0, value))
            seen[canonical(value)] = (count + 1, first)
    most = sorted(seen, key=lambda key: -seen[key][0])[:MOST_CATEGORIES]
    index = {key: i for i, key in enumerate(key for key in seen if key in set(most))}
    # Values beyond the most frequent ones count as the last of them.
    bins = np.array(
        [0 if v is _MISSING else index.get(canonical(v), len(index) - 1) for v in values],
        dtype=np.int64,
    )
    there = np.array([v is not _MISSING for v in values])
    weights = np.array([max(odds.get(key, 0.0), _LEAST_WEIGHT) for key in index])
    if not odds:
        weights = np.bincount(bins[there], minlength=len(index)).astype(np.float64)
    shown = [seen[key][1] for key in index]
    nothing = np.full(len(values), np.nan)
    return _with_missing(name, False, bins, weights, shown, there, nothing, absent)


def _with_missing(
    name: str,
    ordered: bool,
    bins: NDArray[np.int64],
    weights: NDArray[np.float64],
    shown: list[Any],
    there: NDArray[np.bool_],
    numbers: NDArray[np.float64],
    absent: float | None,
) -> Column:
    """`absent`: what the bin without a value weighs; None: as many as there are."""
    if len(weights):
        weights = weights / weights.sum()
    if not there.all():
        absent = max(1.0 - there.mean() if absent is None else absent, _LEAST_WEIGHT)
        bins = np.where(there, bins, len(weights))
        weights = np.append(weights * (1.0 - absent), absent)
        shown = [*shown, None]
    return Column(name, ordered, bins, weights, tuple(shown), numbers)
