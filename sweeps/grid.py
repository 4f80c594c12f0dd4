"""The grid of a finite space: its points numbered, and none kept in memory.

A point is computed from its index (`sweeps.enumeration`), for the user chooses the grid's size.
Neighbours: `sweeps.space`, whose `Space.grid` makes one; `sweeps.search.grid`, which walks it.
"""

from __future__ import annotations

import copy
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from sweeps.conditions import Path, When
from sweeps.distributions import (
    Categorical,
    Constant,
    IntUniform,
    Uniform,
    canonical,
    is_number,
)
from sweeps.enumeration import Enumeration, Need, Ranges, rising, together
from sweeps.errors import SpecError

if TYPE_CHECKING:
    from sweeps.space import Parameter, Space


class Grid(Sequence[dict[str, Any]]):
    """Every config of a finite space, computed on demand: the last parameter changes fastest.

    A parameter that is there only under conditions comes behind its parents, and multiplies only
    the points that have it. `grid[i]` takes as long for 10 points as for 10 ** 12. Raises
    SpecError, as Space.grid does.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self.axes: dict[Path, Axis] = {p.path: _axis(p) for p in space.parents_first}
        counts = {path: axis.count for path, axis in self.axes.items()}
        _refuse_beyond_count(max(counts.values(), default=0))
        needs = {
            p.path: [Need(when.parent, self.axes[when.parent].ranges(when)) for when in p.when]
            for p in space.parents_first
        }
        try:
            self._points = Enumeration(counts, needs)
        except ValueError as error:
            raise SpecError(f"{error}.", key_path="parameters") from None
        self.total = self._points.total
        _refuse_beyond_count(self.total)

    def __len__(self) -> int:
        return self.total

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.total))]
        at = index + self.total if index < 0 else index
        if not 0 <= at < self.total:
            raise IndexError(f"point {index} of a grid of {self.total}")
        return self._space.nest(self.flat(at))

    def flat(self, index: int) -> dict[Path, Any]:
        """The point as a flat config."""
        places = self._points.places(index)
        return self._space.sort({path: self.axes[path].value(n) for path, n in places.items()})

    def allows(self, index: int) -> bool:
        """Whether point `index` keeps the space's constraints."""
        return not self._space.constraints or self._space.allows(self.flat(index))

    @cached_property
    def allowed(self) -> int:
        """How many points keep the constraints. Looks at each of them, where there are any."""
        if not self._space.constraints:
            return self.total
        return sum(self.allows(index) for index in range(self.total))

    def find(self, config: Mapping[str, Any]) -> int | None:
        """The index of a full config, equal as W&B sees it; None when it is no point of this."""
        places = {}
        for path, value in self._space.flatten(config).items():
            place = self.axes[path].find(value)
            if place is not None:
                places[path] = place
        return self._points.index(places)


def _refuse_beyond_count(points: int) -> None:
    if points > sys.maxsize:
        raise SpecError(
            f"the grid has more than {sys.maxsize:.0e} points.",
            key_path="parameters",
            hint="Take `method: random`, or fewer values.",
        )


class Axis(ABC):
    """The values of one parameter of a grid, in order and distinct."""

    count: int

    @abstractmethod
    def value(self, place: int) -> Any:
        """The value at `place`, 0 <= place < count; a fresh one, the caller's to keep."""

    @abstractmethod
    def find(self, value: Any) -> int | None:
        """The place of `value`; None when it is not on this axis."""

    @abstractmethod
    def ranges(self, when: When) -> Ranges:
        """The places at whose values `when` holds."""


class Listed(Axis):
    """Values that were written down. Of equal ones the first gives the place, the last the
    value (3e6 and 3000000: one place), as in W&B."""

    def __init__(self, values: Sequence[Any]) -> None:
        distinct = {canonical(value): value for value in values}
        self._values = list(distinct.values())
        self._places = {key: place for place, key in enumerate(distinct)}
        self.count = len(self._values)

    def value(self, place: int) -> Any:
        return copy.deepcopy(self._values[place])

    def find(self, value: Any) -> int | None:
        return self._places.get(canonical(value))

    def ranges(self, when: When) -> Ranges:
        return together(n for n, value in enumerate(self._values) if when.holds(value))


class Stepped(Axis):
    """start, start + step, …: `count` values; ints when both are."""

    def __init__(self, start: float, step: float, count: int) -> None:
        self._start, self._step, self.count = start, step, count

    def value(self, place: int) -> int | float:
        return self._start + place * self._step

    def find(self, value: Any) -> int | None:
        if not is_number(value):
            return None
        place = round((value - self._start) / self._step)
        near = abs(self.value(place) - value) <= 1e-6 * self._step
        return place if near and 0 <= place < self.count else None

    def ranges(self, when: When) -> Ranges:
        if when.values is None:
            return rising(self.count, self.value, when.low, when.high)
        places = {self.find(value) for value in when.values} - {None}
        return together(sorted(place for place in places if place is not None))


def _axis(parameter: Parameter) -> Axis:
    """What a parameter contributes to a grid; SpecError when it has no finite list of values."""
    match parameter.distribution:
        case Constant(value):
            return Listed([value])
        case Categorical(values, probabilities=None):
            return Listed(values)
        case IntUniform(low, high):
            return Stepped(low, 1, high - low + 1)
        case Uniform(low, high, q) if q is not None:
            # numpy.arange(low, high, q), by its own arithmetic: `high` is left out, and the step
            # is the difference of the first two values.
            step = (low + q) - low
            return Stepped(_like(low, high, q), step, math.ceil((high - low) / q))
        case Categorical():
            problem = "a grid takes every value once, so probabilities have no meaning."
            hint = "Leave `probabilities` out, or take `method: random`."
        case _:
            problem = "a grid needs a finite list of values."
            hint = (
                "Give `values`, an `int_uniform` or a `q_uniform` distribution, "
                "or take `method: random` or `method: bayes`."
            )
    raise SpecError(problem, key_path=f"parameters.{parameter.name}", hint=hint)


def _like(low: float, high: float, q: float) -> int | float:
    """`low`, as a float if any of the three is one."""
    whole = isinstance(low, int) and isinstance(high, int) and isinstance(q, int)
    return low if whole else float(low)
