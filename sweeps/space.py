"""The space that a sweep searches: its parameters, drawn at random or walked as a grid.

Pure values. `sweeps.parameters` reads a Space from a sweep file; `sweeps.search` asks it for
configs. A config is a nested dict as the training script sees it; a flat one is keyed by path. A
parameter whose `when` does not hold is in neither. Never builds a grid in memory, whose size the
user chooses: a point is computed from its index (`sweeps.enumeration`).
"""

from __future__ import annotations

import copy
import difflib
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from sweeps.conditions import When, in_order
from sweeps.constraints import Constraint
from sweeps.distributions import (
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    Uniform,
    canonical,
    is_number,
)
from sweeps.enumeration import Enumeration, Need, Ranges, rising, together
from sweeps.errors import SpecError

if TYPE_CHECKING:
    import numpy

Path = tuple[str, ...]
"""The keys that lead to a parameter, outermost first."""

MOST_DRAWS = 1_000_000
"""So many configs are drawn for one that keeps the constraints; a file is refused long before one
among so many does not (`sweeps.spec`)."""

__all__ = ["Axis", "Grid", "Misfit", "Parameter", "Path", "Space", "canonical", "nest"]


@dataclass(frozen=True)
class Parameter:
    """A leaf of the space: where it stands in the config, what it is drawn from, and the
    conditions under which it is there (all of them; none: always)."""

    path: Path
    distribution: Distribution
    when: tuple[When, ...] = ()

    @property
    def name(self) -> str:
        """The path with dots, unique within a space."""
        return ".".join(self.path)


@dataclass(frozen=True)
class Misfit:
    """Why a config does not fit a space: where in the config, and the problem."""

    path: Path
    problem: str


@dataclass(frozen=True)
class Space:
    """The leaves of the (nested) parameters, sorted by path, which is W&B's order for a grid, and
    what they must be together."""

    parameters: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        by_path = tuple(sorted(self.parameters, key=lambda parameter: parameter.path))
        object.__setattr__(self, "parameters", by_path)

    @cached_property
    def conditional(self) -> bool:
        """Whether some parameter is not always there."""
        return any(parameter.when for parameter in self.parameters)

    @cached_property
    def parents_first(self) -> tuple[Parameter, ...]:
        """The parameters in an order in which each comes behind those that its `when` names."""
        by_path = {parameter.path: parameter for parameter in self.parameters}
        order = in_order(list(by_path), lambda path: [when.parent for when in by_path[path].when])
        return tuple(by_path[path] for path in order)

    def sample(self, rng: numpy.random.Generator) -> dict[str, Any]:
        """A nested config of plain JSON values; the parameters draw in their order, parents first.
        One that the constraints exclude is drawn again.

        Raises SpecError when MOST_DRAWS were all excluded.
        """
        for _ in range(MOST_DRAWS if self.constraints else 1):
            flat = self.draw(rng)
            if self.allows(flat):
                return self.nest(flat)
        raise SpecError(
            f"of {MOST_DRAWS:,} configurations drawn at random, none keeps them all.",
            key_path="constraints",
            hint="Loosen them, or narrow the parameters to where they hold.",
        )

    def draw(self, rng: numpy.random.Generator) -> dict[Path, Any]:
        """One flat config, whatever the constraints; in the space's order."""
        if not self.conditional:
            return {p.path: p.distribution.sample(rng) for p in self.parameters}
        flat: dict[Path, Any] = {}
        for parameter in self.parents_first:
            if _there(parameter, flat):
                flat[parameter.path] = parameter.distribution.sample(rng)
        return self.sort(flat)

    def prune(self, flat: Mapping[Path, Any]) -> dict[Path, Any]:
        """A flat config without the parameters that are not there, in the space's order."""
        if not self.conditional:
            return dict(flat)
        kept: dict[Path, Any] = {}
        for parameter in self.parents_first:
            if parameter.path in flat and _there(parameter, kept):
                kept[parameter.path] = flat[parameter.path]
        return self.sort(kept)

    def missing(self, flat: Mapping[Path, Any]) -> list[Path]:
        """The parameters that would be there in a flat config, and have no value in it."""
        kept = self.prune(flat)
        return [p.path for p in self.parents_first if p.path not in kept and _there(p, kept)]

    def sort(self, flat: Mapping[Path, Any]) -> dict[Path, Any]:
        """A flat config in the space's order, which a config's keys have."""
        return {p.path: flat[p.path] for p in self.parameters if p.path in flat}

    def allows(self, flat: Mapping[Path, Any]) -> bool:
        """Whether a flat config keeps the constraints; those that name what it lacks hold."""
        return self.broken(flat) is None

    def broken(self, flat: Mapping[Path, Any]) -> Constraint | None:
        """The first constraint that a flat config does not keep."""
        if not self.constraints:
            return None
        values = {".".join(path): value for path, value in flat.items()}
        return next((each for each in self.constraints if not each.holds(values)), None)

    def grid(self) -> Grid:
        """All configs, in W&B's order and without duplicates; constraints are not looked at.

        Raises SpecError (with the parameter's key path) when a parameter has no finite list of
        values, and when there are more points than can be counted in 63 bits.
        """
        return Grid(self)

    def nest(self, flat: Mapping[Path, Any]) -> dict[str, Any]:
        """The nested config of a flat one (of all paths or of some)."""
        return nest(flat)

    def flatten(self, config: Mapping[str, Any]) -> dict[Path, Any]:
        """The values of `config` by the path of their parameter, in the space's order.

        Parameters that the config lacks are left out, and so are keys that no parameter has.
        """
        flat = {}
        for parameter in self.parameters:
            inner: Any = config
            for key in parameter.path:
                if not isinstance(inner, Mapping) or key not in inner:
                    break
                inner = inner[key]
            else:
                flat[parameter.path] = inner
        return flat

    def check(self, config: Mapping[str, Any]) -> None:
        """Raises SpecError when a full or partial config does not fit this space."""
        misfit = self.misfit(config)
        if misfit:
            raise SpecError(misfit.problem, key_path=".".join(misfit.path))

    def misfit(self, config: Mapping[str, Any]) -> Misfit | None:
        """Where a full or partial config does not fit this space; None when it does."""
        found = self._misfit(config, self._tree, ())
        if found or not (self.conditional or self.constraints):
            return found
        flat = self.flatten(config)
        for parameter in self.parents_first:
            for when in parameter.when if parameter.path in flat else ():
                if when.parent in flat and not when.holds(flat[when.parent]):
                    value = flat[when.parent]
                    return Misfit(
                        parameter.path,
                        f"it is there only when {when.describe()}, not when it is {value!r}.",
                    )
        broken = self.broken(flat)
        return Misfit((), f"the constraint `{broken.text}` does not hold.") if broken else None

    def _misfit(
        self, config: Mapping[str, Any], tree: Mapping[str, Any], above: Path
    ) -> Misfit | None:
        for key, value in config.items():
            path = (*above, key)
            expected = tree.get(key)
            if expected is None:
                close = difflib.get_close_matches(str(key), tree, n=1)
                guess = f" Did you mean `{close[0]}`?" if close else ""
                return Misfit(path, f"there is no such parameter.{guess}")
            if isinstance(expected, Distribution):
                if not expected.contains(value):
                    return Misfit(path, f"must be {expected.describe()}, not {value!r}.")
            elif not isinstance(value, Mapping):
                return Misfit(path, f"must hold nested parameters, not {value!r}.")
            else:
                found = self._misfit(value, expected, path)
                if found:
                    return found
        return None

    @cached_property
    def _tree(self) -> dict[str, Any]:
        return nest({p.path: p.distribution for p in self.parameters})


def _there(parameter: Parameter, kept: Mapping[Path, Any]) -> bool:
    """Whether it is, where `kept` has all the parents that are."""
    return all(w.parent in kept and w.holds(kept[w.parent]) for w in parameter.when)


def nest(flat: Mapping[Path, Any]) -> dict[str, Any]:
    """{("a", "b"): 1} -> {"a": {"b": 1}}."""
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        inner = nested
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = value
    return nested


class Grid(Sequence[dict[str, Any]]):
    """Every config of a finite space, computed on demand: the last parameter changes fastest.

    A parameter that is there only under conditions comes behind its parents, and multiplies only
    the points that have it. `grid[i]` takes as long for 10 points as for 10 ** 12. Raises
    SpecError, as Space.grid does.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self.axes: dict[Path, Axis] = {p.path: _axis(p) for p in space.parents_first}
        if math.prod(axis.count for axis in self.axes.values()) > sys.maxsize:
            raise SpecError(
                f"the grid has more than {sys.maxsize:.0e} points.",
                key_path="parameters",
                hint="Take `method: random`, or fewer values.",
            )
        needs = {
            p.path: [Need(when.parent, self.axes[when.parent].ranges(when)) for when in p.when]
            for p in space.parents_first
        }
        counts = {path: axis.count for path, axis in self.axes.items()}
        try:
            self._points = Enumeration(counts, needs)
        except ValueError as error:
            raise SpecError(f"{error}.", key_path="parameters") from None
        self.total = self._points.total

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
        places = self._points.places(at)
        return nest(
            self._space.sort({path: self.axes[path].value(n) for path, n in places.items()})
        )

    def allows(self, index: int) -> bool:
        """Whether point `index` keeps the space's constraints."""
        space = self._space
        return not space.constraints or space.allows(space.flatten(self[index]))

    def find(self, config: Mapping[str, Any]) -> int | None:
        """The index of a full config, equal as W&B sees it; None when it is no point of this."""
        places = {}
        for path, value in self._space.flatten(config).items():
            place = self.axes[path].find(value)
            if place is not None:
                places[path] = place
        return self._points.index(places)


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
