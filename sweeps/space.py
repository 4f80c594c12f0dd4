"""The space that a sweep searches: its parameters, drawn at random or walked as a grid.

Pure values. `sweeps.parameters` reads a Space from a sweep file; `sweeps.search` asks it for
configs. A config is a nested dict as the training script sees it; a flat one is keyed by path. A
parameter whose `when` does not hold is in neither. Never builds a grid in memory, whose size the
user chooses (`sweeps.grid`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sweeps.conditions import Path, When, in_order
from sweeps.constraints import Constraint
from sweeps.distributions import Constant, Distribution, canonical
from sweeps.errors import SpecError
from sweeps.grid import Grid

if TYPE_CHECKING:
    import numpy

__all__ = ["Grid", "Misfit", "Parameter", "Path", "Space", "canonical", "nest"]

MOST_DRAWS = 1_000_000
"""So many configs are drawn for one that keeps the constraints; `sweeps.feasibility` refuses files
of which far fewer would not do."""
MOST_LOOKED = 100_000
"""So many points of a grid are held against constraints."""


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

    def sample(
        self,
        rng: numpy.random.Generator,
        given: Mapping[Path, Any] | None = None,
        most: int = MOST_DRAWS,
    ) -> dict[str, Any]:
        """A nested config of plain JSON values; the parameters draw in their order, parents first.
        One that the constraints exclude is drawn again.

        Args:
            given: values that are not drawn; their parameters are there.
            most: configs are drawn in search of one.

        Raises SpecError when all of them were excluded.
        """
        given = given or {}
        for _ in range(most if self.constraints or (given and self.conditional) else 1):
            flat = self.draw(rng, given)
            if given.keys() <= flat.keys() and self.allows(flat):
                return self.nest(flat)
        what = "has these values, and " if given else ""
        raise SpecError(
            f"of {most:,} configurations drawn at random, none {what}keeps the constraints.",
            hint="Loosen them, or narrow the parameters to where they hold.",
        )

    def draw(
        self, rng: numpy.random.Generator, given: Mapping[Path, Any] | None = None
    ) -> dict[Path, Any]:
        """One flat config, whatever the constraints; in the space's order."""
        given = given or {}
        flat: dict[Path, Any] = {}
        for parameter in self.parents_first:
            if _there(parameter, flat):
                drawn = parameter.distribution.sample(rng)
                flat[parameter.path] = given.get(parameter.path, drawn)
        return self.sort(flat) if self.conditional else flat

    def first(self, given: Mapping[Path, Any]) -> dict[str, Any]:
        """The first point of the grid that has these values and keeps the constraints, nested.

        Raises SpecError when there is none among the first MOST_LOOKED, and as `grid` does.
        """
        fixed = tuple(
            replace(p, distribution=Constant(given[p.path])) if p.path in given else p
            for p in self.parameters
        )
        grid = Space(fixed, self.constraints).grid()
        for at in range(min(grid.total, MOST_LOOKED)):
            flat = grid.flat(at)
            if given.keys() <= flat.keys() and self.allows(flat):
                return nest(flat)
        raise SpecError("no point of the grid has these values and keeps the constraints.")

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
        return self._grid

    @cached_property
    def _grid(self) -> Grid:
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
