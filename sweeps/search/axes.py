"""How a model sees a parameter: a choice among n, a whole number, or a real number.

W&B's distributions come down to three kinds of axis, each with `encode` (value to coordinate) and
`decode` (back). Those whose density is neither flat nor flat in the logarithm (normal, beta, …) are
real numbers u in [0, 1] with value ppf(u), so that a model's flat prior is the distribution itself.
Constants have no axis. Knows no model: `tpe` turns axes into Optuna's distributions.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
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
from sweeps.space import Path, Space

_MOST_STEPS = 2**31  # a step finer than this is none
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


@dataclass(frozen=True)
class Real:
    """A number from `low` to `high`; of a `quantile` axis the coordinate u stands for ppf(u)."""

    low: float
    high: float
    distribution: Continuous
    log: bool = False
    quantile: bool = False

    @property
    def size(self) -> None:
        return None

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


class Axes:
    """The axes of a space, by dotted name, and the way between configs and coordinates."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._paths: dict[str, Path] = {}
        self._constants: dict[Path, Constant] = {}
        self.by_name: dict[str, Axis] = {}
        for parameter in space.parameters:
            found = axis(parameter.distribution)
            if found is not None:
                self._paths[parameter.name] = parameter.path
                self.by_name[parameter.name] = found
            elif isinstance(parameter.distribution, Constant):
                self._constants[parameter.path] = parameter.distribution

    def encode(self, config: Mapping[str, Any]) -> dict[str, Coordinate] | None:
        """The coordinates of a full config; None when it is none of this space's."""
        flat = self._space.flatten(config)
        coordinates: dict[str, Coordinate] = {}
        for name, axis_ in self.by_name.items():
            path = self._paths[name]
            place = axis_.encode(flat[path]) if path in flat else None
            if place is None:
                return None
            coordinates[name] = place
        return coordinates

    def decode(self, coordinates: Mapping[str, Coordinate]) -> dict[str, Any]:
        """The nested config at `coordinates`, plain JSON values."""
        flat = {path: copy.deepcopy(c.value) for path, c in self._constants.items()}
        for name, axis_ in self.by_name.items():
            flat[self._paths[name]] = axis_.decode(coordinates[name])
        # in the space's order, as a random draw has it
        return self._space.nest({p.path: flat[p.path] for p in self._space.parameters})

    def key(self, config: Mapping[str, Any]) -> Hashable:
        """The same for two configs exactly when they are the same point."""
        return tuple(canonical(value) for value in self._space.flatten(config).values())

    @property
    def size(self) -> int | None:
        """How many points there are; None when a parameter is a real number."""
        sizes = [axis_.size for axis_ in self.by_name.values()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def ring(self, config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Every point of a finite space once, the one at `config` first, computed as asked for.

        Raises ValueError when a parameter is a real number.
        """
        size = self.size
        if size is None:
            raise ValueError("there is no ring through a space with real numbers")
        finite = {name: a for name, a in self.by_name.items() if not isinstance(a, Real)}
        start = 0
        for name, place in (self.encode(config) or {}).items():
            start = start * finite[name].size + int(place) - finite[name].low
        for n in range(size):
            rest = (start + n) % size
            coordinates: dict[str, Coordinate] = {}
            for name, axis_ in reversed(finite.items()):
                rest, place = divmod(rest, axis_.size)
                coordinates[name] = axis_.low + place
            yield self.decode(coordinates)
