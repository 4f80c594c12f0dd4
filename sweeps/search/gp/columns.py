"""A space as the process sees it: rows of numbers in [0, 1] and of category codes.

Each parameter that is searched is a column, in the order of `Axes.by_name`:

  a real number          linear, or linear in the logarithm, from 0 (low) to 1 (high), in steps so
                         fine that they count as none (order.py says what they are for)
  whole numbers, steps   the middles of cells of equal width (of equal ratio where log), so that
                         the first and the last value have as much room as any other
  numbers to choose from (three at least, `values: [16, 32, 64]`) such cells too, by rank: an order
                         is worth more to a model than none, and the user's choice says the scale
  other choices          the code 0, 1, …: only whether two differ counts (kernel.py)

The kernel sees every point as `canonical` leaves it: discrete columns rounded to a value that can
be tried (Garrido-Merchán and Hernández-Lobato 2020, "Dealing with Categorical and Integer-valued
Variables in Bayesian Optimization with Gaussian Processes", section 3), so that what is modelled is
what was run; and what a configuration does not have at one fixed place, so that two without it are
alike in it. Neighbours: maximise.py walks here, model.py comes and goes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from sweeps.distributions import is_number
from sweeps.search.axes import Axes, Axis, Choice, Coordinate, Real, Whole

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MOST_LEVELS = 4096  # with more, values are computed rather than listed
_MOST_LISTED = 2000  # points of a space, that are all looked at
_MOST_CODES = 32  # of a category, that count as neighbours
_FEWEST_ORDERED = 3  # two numbers are as well told apart as ordered
_REACH = (-3, -2, -1, 1, 2, 3)  # how far a neighbour is, in steps
_GRID = 2.0**14  # places on a line: finer than any search can tell, coarser than roundings
_DIGITS = 9  # points that agree in so many decimals are the same
_ROUNDING = 1e-12
_BLANK, _BLANK_CODE = 0.5, 0.0
_SHARE, _MOST_MOVED = 0.3, 6.0  # of the columns of a point, that are moved at once


@dataclass(frozen=True)
class _Codes:
    """A category of `size` values."""

    size: int

    def places(self, coordinates: Sequence[Coordinate]) -> Array:
        return np.array(coordinates, np.float64)

    def coordinate(self, place: float) -> Coordinate:
        return round(place)

    def rounded(self, places: Array) -> Array:
        found: Array = np.clip(np.rint(places), 0, self.size - 1)
        return found

    def drawn(self, unit: Array) -> Array:
        found: Array = np.minimum(np.floor(unit * self.size), self.size - 1)
        return found

    def holds(self, places: Array, low: Coordinate, high: Coordinate) -> Mask:
        return (places >= low) & (places <= high)

    def near(self, place: float) -> list[float]:
        count = min(self.size - 1, _MOST_CODES)
        return [float((int(place) + n) % self.size) for n in range(1, count + 1)]


@dataclass(frozen=True)
class _Levels:
    """The values that there are, in order: where they stand, what divides them, and their
    coordinates."""

    middles: Array
    between: Array
    coordinates: tuple[Coordinate, ...]
    rank: Mapping[Coordinate, int]

    @classmethod
    def of(
        cls,
        places: Sequence[float],
        coordinates: Sequence[Coordinate],
        between: Sequence[float] | None = None,
    ) -> _Levels:
        """Half-way between two places lies what divides them, if nothing else is said."""
        at = np.array(places, np.float64)
        edges = 0.5 * (at[1:] + at[:-1]) if between is None else np.array(between, np.float64)
        rank = {coordinate: n for n, coordinate in enumerate(coordinates)}
        return cls(at, edges, tuple(coordinates), rank)

    @property
    def size(self) -> int:
        return len(self.middles)

    def places(self, coordinates: Sequence[Coordinate]) -> Array:
        known = [self.rank.get(coordinate) for coordinate in coordinates]
        index = [
            self._index(coordinate) if rank is None else rank
            for rank, coordinate in zip(known, coordinates, strict=True)
        ]
        found: Array = self.middles[np.array(index, np.intp)]
        return found

    def coordinate(self, place: float) -> Coordinate:
        return self.coordinates[self._index(place)]

    def rounded(self, places: Array) -> Array:
        found: Array = self.middles[np.searchsorted(self.between, places)]
        return found

    def drawn(self, unit: Array) -> Array:
        return self.rounded(unit)

    def holds(self, places: Array, low: Coordinate, high: Coordinate) -> Mask:
        within = np.array([low <= coordinate <= high for coordinate in self.coordinates], bool)
        found: Mask = within[np.searchsorted(self.between, places)]
        return found

    def near(self, place: float) -> list[float]:
        at = self._index(place)
        return [float(self.middles[at + n]) for n in _REACH if 0 <= at + n < self.size]

    def _index(self, place: float) -> int:
        return int(np.searchsorted(self.between, place))


@dataclass(frozen=True)
class _Line:
    """Real numbers, or (`whole`) whole ones that are too many to list."""

    low: float
    high: float
    log: bool
    whole: bool

    @property
    def size(self) -> int:
        return round(self.high - self.low) if self.whole else 0

    def place(self, coordinate: Coordinate) -> float:
        return float(self.places([coordinate])[0])

    def places(self, coordinates: Sequence[Coordinate]) -> Array:
        numbers = np.array(coordinates, np.float64)
        low, high = self._scaled(self.low), self._scaled(self.high)
        if high <= low:
            return np.full(len(numbers), _BLANK)
        at = np.log(numbers) if self.log else numbers
        found: Array = np.clip((at - low) / (high - low), 0.0, 1.0)
        return found

    def coordinate(self, place: float) -> Coordinate:
        low, high = self._scaled(self.low), self._scaled(self.high)
        at = low + place * (high - low)
        number = min(max(math.exp(at) if self.log else at, self.low), self.high)
        return self._nearest(number) if self.whole else number

    def rounded(self, places: Array) -> Array:
        places = np.clip(places, 0.0, 1.0)
        if not self.whole:
            return np.rint(places * _GRID) / _GRID
        return self.places([self.coordinate(place) for place in places.tolist()])

    def drawn(self, unit: Array) -> Array:
        return self.rounded(unit)

    def holds(self, places: Array, low: Coordinate, high: Coordinate) -> Mask:
        """To within a rounding; whole numbers are in the middle of their cells anyway."""
        first = -math.inf if low <= self.low else self.place(low) - _ROUNDING
        last = math.inf if high >= self.high else self.place(high) + _ROUNDING
        return (places >= first) & (places <= last)

    def near(self, place: float) -> list[float]:
        if not self.whole:
            return []
        at = self.coordinate(place)
        around = {self._nearest(at + n) for n in _REACH} - {at}
        return [self.place(number) for number in sorted(around)]

    def _nearest(self, number: float) -> int:
        return min(max(round(number), math.ceil(self.low)), math.floor(self.high))

    def _scaled(self, number: float) -> float:
        return math.log(number) if self.log else number


_Column = _Codes | _Levels | _Line


def _ordered(values: Sequence[Any]) -> bool:
    return len(values) >= _FEWEST_ORDERED and all(is_number(value) for value in values)


def _column(axis: Axis) -> _Column:
    if isinstance(axis, Choice):
        if not _ordered(axis.values):
            return _Codes(axis.size)
        by_value = sorted(range(axis.size), key=lambda n: float(axis.values[n]))
        return _Levels.of([(n + 0.5) / axis.size for n in range(axis.size)], by_value)
    if isinstance(axis, Whole):
        line = _Line(axis.low - 0.5, axis.high + 0.5, axis.log, whole=True)
        if axis.size > _MOST_LEVELS:
            return line
        numbers = range(axis.low, axis.high + 1)
        return _Levels.of([line.place(number) for number in numbers], numbers)
    return _quantised(axis) or _Line(axis.low, axis.high, axis.log, whole=False)


def _quantised(axis: Real) -> _Levels | None:
    """The levels of a quantile axis whose values are multiples of a step: each stands in the
    middle of the quantiles that are rounded to it. None where there are none, or too many."""
    step = axis.distribution.q
    if axis.levels is None or step is None:
        return None
    first, cdf = axis.decode(axis.low), axis.distribution.cdf
    inner = (cdf(first + (n + 0.5) * step) for n in range(len(axis.levels) - 1))
    edges = sorted({axis.low, axis.high, *inner})
    middles = [0.5 * (left + right) for left, right in pairwise(edges)]
    if len(middles) != len(axis.levels):
        return None
    return _Levels.of(middles, middles, edges[1:-1])


class Columns:
    """The columns of a space.

    Attributes:
        axes: whose columns they are.
        names: of the parameters, (d).
        categorical: which columns are codes, of shape (d,).
        discrete: which columns have steps or are codes, of shape (d,).
        size: how many points there are; None when a column is a line.
    """

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.names = tuple(axes.by_name)
        self._columns = tuple(_column(axis) for axis in axes.by_name.values())
        self.categorical: Mask = np.array([isinstance(c, _Codes) for c in self._columns], bool)
        self.discrete: Mask = np.array([c.size > 0 for c in self._columns], bool)
        self.size = axes.size
        self._place = {name: n for n, name in enumerate(self.names)}
        self._all: Array | None = None

    @property
    def count(self) -> int:
        """d."""
        return len(self._columns)

    def encode(self, coordinates: Mapping[str, Coordinate]) -> Array:
        """The canonical point, (d,), at coordinates; what they lack is blank."""
        found: Array = self.encode_all([coordinates])[0]
        return found

    def encode_all(self, several: Sequence[Mapping[str, Coordinate]]) -> Array:
        """The canonical points, (n, d)."""
        points = np.tile(self._blanks(), (len(several), 1))
        for n, (name, column) in enumerate(zip(self.names, self._columns, strict=True)):
            there = [row for row, coordinates in enumerate(several) if name in coordinates]
            points[there, n] = column.places([several[row][name] for row in there])
        return self.canonical(points)

    def decode(self, point: Array) -> dict[str, Coordinate]:
        """The coordinates of the parameters that a point (d,) has."""
        full = {
            name: column.coordinate(float(place))
            for name, column, place in zip(self.names, self._columns, point, strict=True)
        }
        there = self.axes.active(full)
        return {name: coordinate for name, coordinate in full.items() if name in there}

    def canonical(self, points: Array) -> Array:
        """The points (n, d), each rounded to one that can be tried, and blank where it has not
        got the parameter."""
        found = np.empty_like(points, dtype=np.float64)
        for n, column in enumerate(self._columns):
            found[:, n] = column.rounded(points[:, n])
        blanked: Array = np.where(self.active(found), found, self._blanks())
        return blanked

    def active(self, points: Array) -> Mask:
        """Which parameters each of the points has, (n, d)."""
        found = np.ones(points.shape, bool)
        for name, conditions in self.axes.conditions.items():
            n = self._place[name]
            for condition in conditions:
                parent = self._place[condition.parent]
                column, places = self._columns[parent], points[:, parent]
                within = np.zeros(len(points), bool)
                for low, high in condition.ranges:
                    within |= column.holds(places, low, high)
                found[:, n] &= found[:, parent] & within
        return found

    def allowed(self, points: Array) -> Mask:
        """Which points keep the file's constraints, (n,)."""
        if not self.axes.constrained:
            return np.ones(len(points), bool)
        return np.array([self.axes.allows(self.decode(point)) for point in points], bool)

    def all(self) -> Array | None:
        """Every point that is allowed, (n, d); None where they are many."""
        if self.size is None or self.size > _MOST_LISTED:
            return None
        if self._all is None:
            configs = self.axes.ring({})
            self._all = self.encode_all([self.axes.encode(config) or {} for config in configs])
        return self._all

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Canonical points that fill the space evenly, (count, d): a scrambled Sobol sequence
        (Owen 1998, "Scrambling Sobol' and Niederreiter-Xing points"); every choice as likely."""
        unit = qmc.Sobol(self.count, scramble=True, seed=rng)
        return self.at(unit.random_base2(max(0, math.ceil(math.log2(count))))[:count])

    def at(self, unit: Array) -> Array:
        """The canonical points at places in the unit cube, (n, d)."""
        found = np.empty_like(unit)
        for n, column in enumerate(self._columns):
            found[:, n] = column.drawn(unit[:, n])
        return self.canonical(found)

    def near(self, points: Array, spread: float, rng: np.random.Generator) -> Array:
        """Canonical points around others (n, d), one each: some columns moved by a normal step
        of this deviation, or a code drawn anew; in each one column at least."""
        share = min(max(_SHARE, 1.5 / self.count), _MOST_MOVED / self.count)
        moved = rng.random(points.shape) < share
        moved[np.arange(len(points)), rng.integers(self.count, size=len(points))] = True
        steps = np.clip(points + spread * rng.standard_normal(points.shape), 0.0, 1.0)
        anew = rng.random(points.shape)
        for n in np.flatnonzero(self.categorical):
            steps[:, n] = self._columns[n].drawn(anew[:, n])
        return self.canonical(np.where(moved, steps, points))

    def neighbours(self, point: Array) -> Array:
        """The canonical points (n, d) that differ from a point (d,) in one discrete column: by a
        few steps, or in the code."""
        found = []
        for n in np.flatnonzero(self.discrete & self.active(point[None])[0]):
            for place in self._columns[n].near(float(point[n])):
                other = point.copy()
                other[n] = place
                found.append(other)
        return self.canonical(np.array(found)) if found else np.empty((0, self.count))

    def keys(self, points: Array) -> list[bytes]:
        """One for each canonical point; equal for points that are the same."""
        rounded = np.round(points, _DIGITS) + 0.0  # no -0
        return [row.tobytes() for row in rounded]

    def _blanks(self) -> Array:
        return np.where(self.categorical, _BLANK_CODE, _BLANK)
