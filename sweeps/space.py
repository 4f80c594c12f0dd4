"""The space that a sweep searches: its parameters, drawn at random or walked as a grid.

Pure values. `sweeps.parameters` reads a Space from a sweep file; `sweeps.search` asks it for
configs. A config is a nested dict as the training script sees it; a flat one is keyed by path.
Never builds a grid in memory, whose size the user chooses: a point is computed from its index.
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

from sweeps.distributions import (
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    Uniform,
    canonical,
    is_number,
)
from sweeps.errors import SpecError

if TYPE_CHECKING:
    import numpy

Path = tuple[str, ...]
"""The keys that lead to a parameter, outermost first."""

__all__ = ["Axis", "Grid", "Misfit", "Parameter", "Path", "Space", "canonical", "nest"]


@dataclass(frozen=True)
class Parameter:
    """A leaf of the space: where it stands in the config, and what it is drawn from."""

    path: Path
    distribution: Distribution

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
    """The leaves of the (nested) parameters, sorted by path, which is W&B's order for a grid."""

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        in_order = tuple(sorted(self.parameters, key=lambda parameter: parameter.path))
        object.__setattr__(self, "parameters", in_order)

    def sample(self, rng: numpy.random.Generator) -> dict[str, Any]:
        """A nested config of plain JSON values; the parameters draw in their order."""
        return self.nest({p.path: p.distribution.sample(rng) for p in self.parameters})

    def grid(self) -> Grid:
        """All configs, in W&B's order and without duplicates.

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
        return self._misfit(config, self._tree, ())

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

    `grid[i]` takes as long for 10 points as for 10 ** 12. Raises SpecError, as Space.grid does.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self.axes: dict[Path, Axis] = {p.path: _axis(p) for p in space.parameters}
        self.total = math.prod(axis.count for axis in self.axes.values())
        if self.total > sys.maxsize:
            raise SpecError(
                f"the grid has more than {sys.maxsize:.0e} points.",
                key_path="parameters",
                hint="Take `method: random`, or fewer values.",
            )

    def __len__(self) -> int:
        return self.total

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.total))]
        rest = index + self.total if index < 0 else index
        if not 0 <= rest < self.total:
            raise IndexError(f"point {index} of a grid of {self.total}")
        flat = {}
        for path, axis in reversed(self.axes.items()):
            rest, place = divmod(rest, axis.count)
            flat[path] = axis.value(place)
        return nest({path: flat[path] for path in self.axes})

    def find(self, config: Mapping[str, Any]) -> int | None:
        """The index of a full config, equal as W&B sees it; None when it is no point of this."""
        flat = self._space.flatten(config)
        index = 0
        for path, axis in self.axes.items():
            place = axis.find(flat[path]) if path in flat else None
            if place is None:
                return None
            index = index * axis.count + place
        return index


class Axis(ABC):
    """The values of one parameter of a grid, in order and distinct."""

    count: int

    @abstractmethod
    def value(self, place: int) -> Any:
        """The value at `place`, 0 <= place < count; a fresh one, the caller's to keep."""

    @abstractmethod
    def find(self, value: Any) -> int | None:
        """The place of `value`; None when it is not on this axis."""


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
