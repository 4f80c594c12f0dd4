"""How a model sees one parameter: a choice among n, a whole number, or a real number.

W&B's distributions come down to three kinds of axis, each with `encode` (value to coordinate) and
`decode` (back). Those whose density is neither flat nor flat in the logarithm (normal, beta, …) are
real numbers u in [0, 1] with value ppf(u), so that a model's flat prior is the distribution itself;
where their values are multiples of a step, there are only so many points on the axis that differ.
Whatever can be counted has a `size`, and numbers its points: `place` and `at`. Neighbours: axes.py.
"""

from __future__ import annotations

import bisect
import copy
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sweeps.distributions import (
    Categorical,
    Constant,
    Continuous,
    Distribution,
    IntUniform,
    LogUniform,
    Uniform,
    canonical,
)

_MOST_STEPS = 2**31  # a step finer than this is none
_MOST_LEVELS = 4096  # of a quantile axis; with more, its values count as real numbers
_TAIL = 1e-9  # six standard deviations: how far out an unbounded distribution is searched

Coordinate = int | float


@dataclass(frozen=True)
class Choice:
    """One of `values`; the coordinate is an index into them."""

    values: tuple[Any, ...]
    _index: Mapping[Hashable, int] = field(compare=False, repr=False)

    @classmethod
    def of(cls, distribution: Categorical) -> Choice:
        """The values that can be drawn at all, each once."""
        odds = distribution.probabilities or (1.0,) * len(distribution.values)
        possible = {
            canonical(value): value
            for value, chance in zip(distribution.values, odds, strict=True)
            if chance > 0
        }
        return cls(tuple(possible.values()), {key: i for i, key in enumerate(possible)})

    @property
    def low(self) -> int:
        return 0

    @property
    def size(self) -> int:
        return len(self.values)

    def encode(self, value: Any) -> int | None:
        """None: no value of this parameter."""
        return self._index.get(canonical(value))

    def decode(self, coordinate: Coordinate) -> Any:
        return copy.deepcopy(self.values[int(coordinate)])

    def place(self, coordinate: Coordinate) -> int:
        """Which of the axis's points that is, from 0."""
        return int(coordinate) - self.low

    def at(self, place: int) -> int:
        """The coordinate of a point; `place` is its inverse."""
        return self.low + place


@dataclass(frozen=True)
class Whole:
    """A multiple of `step` from low·step to high·step; the coordinate is the factor."""

    low: int
    high: int
    log: bool = False
    step: int | float = 1

    @property
    def size(self) -> int:
        return self.high - self.low + 1

    def encode(self, value: Any) -> int | None:
        factor = _number(value) / self.step
        return min(max(round(factor), self.low), self.high) if math.isfinite(factor) else None

    def decode(self, coordinate: Coordinate) -> int | float:
        return min(max(round(coordinate), self.low), self.high) * self.step

    def place(self, coordinate: Coordinate) -> int:
        """Which of the axis's points that is, from 0."""
        return int(coordinate) - self.low

    def at(self, place: int) -> int:
        """The coordinate of a point; `place` is its inverse."""
        return self.low + place


@dataclass(frozen=True)
class Real:
    """A number from `low` to `high`; of a `quantile` axis the coordinate u stands for ppf(u)."""

    low: float
    high: float
    distribution: Continuous
    log: bool = False
    quantile: bool = False

    @property
    def size(self) -> int | None:
        """None: of no one knows how many values."""
        return None if self.levels is None else len(self.levels)

    @cached_property
    def levels(self) -> tuple[float, ...] | None:
        """The coordinates of the values, in order, where these are multiples of a step; None where
        they are not, or are too many, or too close for a coordinate to tell them apart."""
        step = self.distribution.q
        if not self.quantile or step is None:
            return None
        first, last = self.decode(self.low), self.decode(self.high)
        count = (last - first) / step + 1
        if not 0 < count <= _MOST_LEVELS:
            return None
        values = [self.distribution.quantise(first + n * step) for n in range(round(count))]
        found = tuple(min(max(self.distribution.cdf(v), self.low), self.high) for v in values)
        known = all(self.decode(u) == value for u, value in zip(found, values, strict=True))
        return found if known else None

    def place(self, coordinate: Coordinate) -> int:
        """Which of `levels` has the same value, from 0."""
        levels = self.levels or ()
        value = self.decode(coordinate)
        return bisect.bisect_left(levels, value, key=self.decode)

    def at(self, place: int) -> float:
        """The coordinate of one of `levels`."""
        return (self.levels or ())[place]

    def encode(self, value: Any) -> float | None:
        number = _number(value)
        if not math.isfinite(number):
            return None
        place = self.distribution.cdf(number) if self.quantile else number
        return min(max(place, self.low), self.high)

    def decode(self, coordinate: Coordinate) -> int | float:
        place = min(max(float(coordinate), self.low), self.high)
        return self.distribution.quantise(self.distribution.ppf(place) if self.quantile else place)


Axis = Choice | Whole | Real


def axis(distribution: Distribution) -> Axis | None:
    """The axis of a parameter; None when there is nothing to search."""
    if isinstance(distribution, Constant):
        return None
    if isinstance(distribution, Categorical):
        return Choice.of(distribution)
    if isinstance(distribution, IntUniform):
        return Whole(distribution.low, distribution.high)
    if not isinstance(distribution, Continuous):
        raise TypeError(f"no searcher knows the distribution {distribution!r}")
    if isinstance(distribution, (Uniform, LogUniform)):
        log = isinstance(distribution, LogUniform)
        if distribution.q is not None:
            steps = _steps(distribution, distribution.q, log)
            if steps is not None:
                return steps
        else:
            return Real(float(distribution.low), float(distribution.high), distribution, log)
    return Real(_TAIL, 1 - _TAIL, distribution, quantile=True)


def _steps(bounds: Uniform | LogUniform, q: int | float, log: bool) -> Whole | None:
    """The multiples of `q` within the bounds; None where they are too many, or log has a 0."""
    if (bounds.high - bounds.low) / q > _MOST_STEPS:
        return None
    low, high = round(bounds.low / q), round(bounds.high / q)
    return None if log and low < 1 else Whole(low, high, log, q)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
