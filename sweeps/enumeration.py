"""The points of a finite space with conditions, numbered: each once, and none kept in memory.

A point gives a place (0 ≤ place < count) to every dimension that is there; a dimension with needs
is there only where its parents are, at places within some ranges. Two points differ in what is
there, so that what is not there never multiplies anything.

How it counts: the dimensions are gone through in an order in which parents come first. How many
points are left to the right of a dimension depends only on which needs of later dimensions hold so
far; that state goes into a table. A run of places that decide the same needs counts as one, so the
work grows with the conditions and not with the numbers of values. Neighbours: `sweeps.space.Grid`
and `sweeps.search.axes.Axes`, which give the dimensions names and values.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

MOST_STATES = 20_000
"""Conditions that are more entangled than that are refused."""

Name = TypeVar("Name", bound=Hashable)
Ranges = tuple[tuple[int, int], ...]
"""Places from … to …, both included; in rising order, apart."""


@dataclass(frozen=True)
class Need(Generic[Name]):
    """The dimension `parent` is there, at a place in one of `ranges`."""

    parent: Name
    ranges: Ranges

    def holds(self, place: int) -> bool:
        return any(low <= place <= high for low, high in self.ranges)


@dataclass(frozen=True)
class _Run:
    """Places from `start` up to `stop` (not included) that make the same needs hold."""

    start: int
    stop: int
    holds: frozenset[int]


class Enumeration(Generic[Name]):
    """Points 0, 1, … below `total`; the last dimension changes fastest.

    Args:
        counts: of places, above 0, by dimension; parents before their children.
        needs: of the dimensions that are not always there.

    Raises:
        ValueError: there are more than MOST_STATES states.
    """

    def __init__(
        self, counts: Mapping[Name, int], needs: Mapping[Name, Sequence[Need[Name]]]
    ) -> None:
        self._counts = dict(counts)
        self._names = list(counts)
        numbered: dict[Name, dict[int, Need[Name]]] = {}  # by parent: needs with a number each
        self._needed: dict[Name, frozenset[int]] = {}
        last_use: dict[int, int] = {}
        for at, name in enumerate(self._names):
            mine = []
            for need in needs.get(name, ()):
                number = len(last_use)
                last_use[number] = at
                numbered.setdefault(need.parent, {})[number] = need
                mine.append(number)
            self._needed[name] = frozenset(mine)
        self._runs = [_runs(counts[name], numbered.get(name, {})) for name in self._names]
        self._later = [
            frozenset(number for number, used in last_use.items() if used >= at)
            for at in range(len(self._names) + 1)
        ]
        self._left: dict[tuple[int, frozenset[int]], int] = {}
        self.total = self._count()

    def _count(self) -> int:
        """Fills the table, from the right; without recursion, for there may be many dimensions."""
        reached: list[set[frozenset[int]]] = [{frozenset()}]
        for at in range(len(self._names)):
            after = set()
            for state in reached[at]:
                after |= {held for _, held in self._ways(at, state)}
            reached.append(after)
            if sum(map(len, reached)) > MOST_STATES:
                raise ValueError("the conditions of the parameters are too entangled")
        for state in reached[-1]:
            self._left[len(self._names), state] = 1
        for at in range(len(self._names) - 1, -1, -1):
            for state in reached[at]:
                self._left[at, state] = sum(
                    (1 if run is None else run.stop - run.start) * self._left[at + 1, held]
                    for run, held in self._ways(at, state)
                )
        return self._left[0, frozenset()]

    def _ways(self, at: int, state: frozenset[int]) -> Iterable[tuple[_Run | None, frozenset[int]]]:
        """The runs that dimension `at` may be in, each with the state behind it; None: it is not
        there."""
        if not self._needed[self._names[at]] <= state:
            yield None, state & self._later[at + 1]
            return
        for run in self._runs[at]:
            yield run, (state | run.holds) & self._later[at + 1]

    def places(self, index: int) -> dict[Name, int]:
        """The point of that number, 0 ≤ index < total."""
        rest, state, found = index, frozenset[int](), dict[Name, int]()
        for at, name in enumerate(self._names):
            for run, held in self._ways(at, state):
                left = self._left[at + 1, held]
                here = left if run is None else (run.stop - run.start) * left
                if rest < here:
                    break
                rest -= here
            if run is not None:
                found[name] = run.start + rest // left
                rest %= left
            state = held
        return found

    def index(self, places: Mapping[Name, int]) -> int | None:
        """The number of the point; None when a dimension that is there has no place in `places`.
        What is not there is passed over."""
        index, state = 0, frozenset[int]()
        for at, name in enumerate(self._names):
            ways = self._ways(at, state)
            for run, held in ways:
                if run is None:
                    break
                place = places.get(name)
                if place is None or not 0 <= place < self._counts[name]:
                    return None
                left = self._left[at + 1, held]
                if place < run.stop:
                    index += (place - run.start) * left
                    break
                index += (run.stop - run.start) * left
            state = held
        return index


def _runs(count: int, needs: Mapping[int, Need[Name]]) -> list[_Run]:
    cuts = {0, count}
    for need in needs.values():
        for low, high in need.ranges:
            cuts |= {min(max(low, 0), count), min(max(high + 1, 0), count)}
    ends = sorted(cuts)
    return [
        _Run(start, stop, frozenset(n for n, need in needs.items() if need.holds(start)))
        for start, stop in itertools.pairwise(ends)
    ]


def together(places: Iterable[int]) -> Ranges:
    """Single places, rising, as ranges: 1, 2, 5 -> (1, 2), (5, 5)."""
    found: list[tuple[int, int]] = []
    for place in places:
        if found and found[-1][1] == place - 1:
            found[-1] = (found[-1][0], place)
        else:
            found.append((place, place))
    return tuple(found)


def rising(count: int, value: Callable[[int], float], low: float, high: float) -> Ranges:
    """The places below `count` whose value, which rises with the place, is in [low, high]."""
    first = bisect.bisect_left(range(count), low, key=value)
    last = bisect.bisect_right(range(count), high, key=value) - 1
    return ((first, last),) if first <= last else ()
