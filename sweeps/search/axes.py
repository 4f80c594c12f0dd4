"""How a model sees a space: an axis a parameter, and the way between configs and coordinates.

Constants have no axis. A parameter's `when` becomes conditions on the coordinates of its parents,
and what is not there has no coordinate. Knows no model: `tpe` turns axes into Optuna's
distributions. Neighbours: axis.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sweeps.conditions import When
from sweeps.distributions import Constant, canonical
from sweeps.enumeration import Enumeration, Need, rising, together
from sweeps.search.axis import Axis, Choice, Coordinate, Real, Whole, axis
from sweeps.space import Path, Space

__all__ = ["Axes", "Axis", "Choice", "Condition", "Coordinate", "Real", "Whole", "axis"]

_MOST_LOOKED = 100_000  # points of a ring that are held against the constraints


@dataclass(frozen=True)
class Condition:
    """Axis `parent` is there, with a coordinate in one of `ranges`, ends included (and integral
    where the axis is a Choice or a Whole)."""

    parent: str
    ranges: tuple[tuple[Coordinate, Coordinate], ...]

    def holds(self, coordinate: Coordinate) -> bool:
        return any(low <= coordinate <= high for low, high in self.ranges)


class Axes:
    """The axes of a space, by dotted name, and the way between configs and coordinates.

    Attributes:
        by_name: the axes of all parameters that can ever be there; parents before children.
        conditions: of the axes that are not always there; all of an axis's must hold.
        constrained: whether `allows` has anything to look at.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._paths: dict[str, Path] = {}
        self._constants = {
            p.path: p.distribution.value
            for p in space.parameters
            if isinstance(p.distribution, Constant)
        }
        self.by_name: dict[str, Axis] = {}
        self.conditions: dict[str, tuple[Condition, ...]] = {}
        self.constrained = bool(space.constraints)
        conditions: dict[Path, tuple[Condition, ...] | None] = {}  # None: never there
        for parameter in space.parents_first:
            mine = conditions[parameter.path] = self._conditions(parameter.when, conditions)
            found = None if mine is None else axis(parameter.distribution)
            if found is not None and mine is not None:
                self._paths[parameter.name] = parameter.path
                self.by_name[parameter.name] = found
                if mine:
                    self.conditions[parameter.name] = mine
        self._named = self._axes_named()

    def _axes_named(self) -> dict[str, Axis] | None:
        """The axes that the constraints name; None when they name constants, too."""
        names = {name for each in self._space.constraints for name in each.names}
        if any(".".join(path) in names for path in self._constants):
            return None
        return {name: axis_ for name, axis_ in self.by_name.items() if name in names}

    def _conditions(
        self, whens: Iterable[When], known: Mapping[Path, tuple[Condition, ...] | None]
    ) -> tuple[Condition, ...] | None:
        """Those on the coordinates; a constant parent's own stand for it."""
        found: dict[Condition, None] = {}
        for when in whens:
            above = known[when.parent]
            if above is None:
                return None
            if when.parent in self._constants:
                if not when.holds(self._constants[when.parent]):
                    return None
                found |= dict.fromkeys(above)
            else:
                name = ".".join(when.parent)
                found[Condition(name, _ranges(self.by_name[name], when))] = None
        return tuple(found)

    def active(self, coordinates: Mapping[str, Coordinate]) -> frozenset[str]:
        """The axes that are there at `coordinates`, which may have others besides."""
        there: set[str] = set()
        for name in self.by_name:
            if name in coordinates and all(
                condition.parent in there and condition.holds(coordinates[condition.parent])
                for condition in self.conditions.get(name, ())
            ):
                there.add(name)
        return frozenset(there)

    def allows(self, coordinates: Mapping[str, Coordinate]) -> bool:
        """Whether the point keeps the file's constraints."""
        if not self.constrained:
            return True
        if self._named is None:
            return self._space.allows(self._flat(coordinates))
        # Asked of thousands of points: only what the constraints name is computed.
        there = self.active(coordinates) if self.conditions else self.by_name.keys()
        values = {
            name: axis_.decode(coordinates[name])
            for name, axis_ in self._named.items()
            if name in there
        }
        return all(constraint.holds(values) for constraint in self._space.constraints)

    def encode(self, config: Mapping[str, Any]) -> dict[str, Coordinate] | None:
        """The coordinates of a full config's parameters that are there; None when it is no point
        of this space: one of them is missing, or has no such value."""
        flat = self._space.prune(self._space.flatten(config))
        coordinates: dict[str, Coordinate] = {}
        for name, axis_ in self.by_name.items():
            path = self._paths[name]
            if path not in flat:
                conditions = self.conditions.get(name)
                if conditions and not all(
                    c.parent in coordinates and c.holds(coordinates[c.parent]) for c in conditions
                ):
                    continue
                return None
            place = axis_.encode(flat[path])
            if place is None:
                return None
            coordinates[name] = place
        return coordinates

    def decode(self, coordinates: Mapping[str, Coordinate]) -> dict[str, Any]:
        """The nested config at `coordinates`, plain JSON values. Coordinates of what is not there
        are passed over. Raises KeyError when one is missing."""
        return self._space.nest(self._flat(coordinates))

    def _flat(self, coordinates: Mapping[str, Coordinate]) -> dict[Path, Any]:
        flat: dict[Path, Any] = {path: copy.deepcopy(v) for path, v in self._constants.items()}
        there: set[str] = set()
        for name, axis_ in self.by_name.items():
            conditions = self.conditions.get(name)
            if conditions is None or all(
                c.parent in there and c.holds(coordinates[c.parent]) for c in conditions
            ):
                there.add(name)
                flat[self._paths[name]] = axis_.decode(coordinates[name])
        # in the space's order, as a random draw has it; constants have conditions, too
        return self._space.prune(flat) if self._space.conditional else self._space.sort(flat)

    def key(self, config: Mapping[str, Any]) -> Hashable:
        """The same for two configs exactly when they are the same point."""
        flat = self._space.prune(self._space.flatten(config))
        if not self._space.conditional:
            return tuple(canonical(value) for value in flat.values())
        return tuple((path, canonical(value)) for path, value in flat.items())

    @cached_property
    def size(self) -> int | None:
        """How many points there are, whatever the constraints; None when the values of a parameter
        are not counted, as of a real number."""
        return None if self._points is None else self._points.total

    @cached_property
    def _points(self) -> Enumeration[str] | None:
        """All points of a finite space."""
        counts: dict[str, int] = {}
        needs = {}
        for name, axis_ in self.by_name.items():
            if axis_.size is None:
                return None
            counts[name] = axis_.size
            needs[name] = [
                Need(c.parent, self._places(c.parent, c)) for c in self.conditions.get(name, ())
            ]
        return Enumeration(counts, needs)

    def _places(self, parent: str, condition: Condition) -> tuple[tuple[int, int], ...]:
        axis_ = self.by_name[parent]
        if isinstance(axis_, Real):
            return together(n for n, u in enumerate(axis_.levels or ()) if condition.holds(u))
        return tuple((axis_.place(first), axis_.place(last)) for first, last in condition.ranges)

    def ring(self, config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Every point of a finite space once, the one at `config` first, computed as asked for;
        without those that the constraints exclude, of which it looks at many and then gives up.

        Raises ValueError when a parameter is a real number.
        """
        points = self._points
        if points is None:
            raise ValueError("there is no ring through a space with real numbers")
        start = points.index(
            {
                name: self.by_name[name].place(place)
                for name, place in (self.encode(config) or {}).items()
            }
        )
        for n in range(min(points.total, _MOST_LOOKED) if self.constrained else points.total):
            places = points.places(((start or 0) + n) % points.total)
            coordinates: dict[str, Coordinate] = {
                name: self.by_name[name].at(place) for name, place in places.items()
            }
            if self.allows(coordinates):
                yield self.decode(coordinates)


def _ranges(axis_: Axis, when: When) -> tuple[tuple[Coordinate, Coordinate], ...]:
    """The coordinates at which `when` holds of the value there."""
    if isinstance(axis_, Choice):
        return together(n for n, value in enumerate(axis_.values) if when.holds(value))
    if isinstance(axis_, Whole):
        low = axis_.low
        if when.values is None:
            found = rising(axis_.size, lambda n: axis_.decode(low + n), when.low, when.high)
        else:
            # what the file writes and what the axis gives may differ by a rounding
            places = (axis_.encode(value) for value in when.values)
            found = together(sorted({place - low for place in places if place is not None}))
        return tuple((low + first, low + last) for first, last in found)
    if when.values is None:
        return _interval(axis_, when.low, when.high)
    half = 0.25 * abs(axis_.distribution.q or 0.0)
    each = [_interval(axis_, float(value) - half, float(value) + half) for value in when.values]
    return tuple(sorted(interval for found in each for interval in found))


def _interval(axis_: Real, low: float, high: float) -> tuple[tuple[float, float], ...]:
    """Where the value of a real axis, which rises with the coordinate, is in [low, high]; to the
    last bit."""

    def first(holds: Callable[[float], bool]) -> float | None:
        """The lowest coordinate at which it holds, as it does at all above."""
        below, above = axis_.low, axis_.high
        if not holds(above):
            return None
        if holds(below):
            return below
        while below < (middle := below + (above - below) / 2) < above:
            below, above = (below, middle) if holds(middle) else (middle, above)
        return above

    start = first(lambda place: axis_.decode(place) >= low)
    behind = first(lambda place: axis_.decode(place) > high)
    if start is None or (behind is not None and behind <= start):
        return ()
    return ((start, axis_.high if behind is None else math.nextafter(behind, -math.inf)),)
