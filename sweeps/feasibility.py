"""Whether a sweep file leaves anything to try, told before the sweep is recorded.

Constraints that next to nothing keeps, a grid of which they leave no point, an expression that its
parameters' values cannot be put into, and configs of `enqueue` that fit nowhere: each is a
SpecError here rather than a searcher that draws for ever. Neighbours: `sweeps.spec`, which asks;
`sweeps.space`, which draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sweeps.arithmetic import Uncomputable
from sweeps.errors import SpecError
from sweeps.grid import Grid
from sweeps.parameters import place_in_file
from sweeps.section import Section
from sweeps.space import MOST_LOOKED, Parameter, Path, Space

if TYPE_CHECKING:
    import numpy

MOST_DRAWS = 10_000
FEWEST_KEPT = 5
"""So many of MOST_DRAWS random configs must keep the constraints."""
_LOOKED_AT = 200  # draws with which each constraint is computed


def read_grid(root: Section, space: Space) -> Grid:
    """The grid of the space; a complaint names the parameter that has none. Raises SpecError."""
    for parameter in space.parameters:
        try:
            Space((Parameter(parameter.path, parameter.distribution),)).grid()
        except SpecError as error:
            at = place_in_file(parameter.path)
            raise root.error(error.problem, *at, hint=error.hint) from None
    try:
        return space.grid()
    except SpecError as error:
        raise root.error(error.problem, "parameters", hint=error.hint) from None


def check_constraints(root: Section, space: Space, grid: Grid | None) -> None:
    """Raises SpecError where they leave (next to) nothing, or cannot be computed."""
    if not space.constraints:
        return
    _compute(root, space)
    if grid is not None:
        if grid.total > MOST_LOOKED:
            raise root.error(
                f"the grid has {grid.total:,} points, and of {MOST_LOOKED:,} at most it can be "
                "said which keep them.",
                "constraints",
                hint="Take `method: random`, or fewer values.",
            )
        if not any(grid.allows(index) for index in range(grid.total)):
            points = (grid.flat(index) for index in range(grid.total))
            raise _culprit(root, space, points, 1, "no point of the grid keeps")
        return
    rng = _rng()
    kept = 0
    for _ in range(MOST_DRAWS):
        kept += space.allows(space.draw(rng))
        if kept == FEWEST_KEPT:
            return
    rng = _rng()
    draws = (space.draw(rng) for _ in range(MOST_DRAWS))
    words = f"of {MOST_DRAWS:,} configurations drawn at random, next to none keep"
    raise _culprit(root, space, draws, FEWEST_KEPT, words)


def _culprit(
    root: Section,
    space: Space,
    configs: Iterable[Mapping[Path, Any]],
    enough: int,
    problem: str,
) -> SpecError:
    """The complaint: of the one constraint that fewer than `enough` keep, or the two; else all."""
    import numpy as np

    rows = [{".".join(path): value for path, value in flat.items()} for flat in configs]
    held = np.array([[each.holds(row) for each in space.constraints] for row in rows], dtype=float)
    texts = [f"`{each.text}`" for each in space.constraints]
    together = held.T @ held  # how many keep both; itself: how many keep one
    hint = "Loosen {}, or narrow the parameters to where {}."
    alone = np.flatnonzero(np.diag(together) < enough)
    if len(alone):
        n = int(alone[0])
        return root.error(
            f"{problem} {texts[n]}.", "constraints", n, hint=hint.format("it", "it holds")
        )
    pairs = np.argwhere(np.triu(together < enough, 1))
    if len(pairs):
        first, second = (int(n) for n in pairs[0])
        return root.error(
            f"{problem} both this, {texts[second]}, and {texts[first]}.",
            "constraints",
            second,
            hint=hint.format("one of them", "they hold"),
        )
    return root.error(f"{problem} them all.", "constraints", hint=hint.format("them", "they hold"))


def _rng() -> numpy.random.Generator:
    import numpy as np  # not for a file without constraints

    return np.random.default_rng(0)


def _compute(root: Section, space: Space) -> None:
    rng = _rng()
    for _ in range(_LOOKED_AT):
        values = {".".join(path): value for path, value in space.draw(rng).items()}
        for i, constraint in enumerate(space.constraints):
            try:
                constraint.value(values)
            except Uncomputable as error:
                named = {name: values[name] for name in sorted(constraint.names)}
                raise root.error(
                    f"`{constraint.text}` cannot be computed for {named}: {error}.",
                    "constraints",
                    i,
                ) from None


def read_enqueue(root: Section, space: Space, grid: Grid | None) -> tuple[Mapping[str, Any], ...]:
    """The configs to try first; under grid each value must be one that the grid has."""
    configs = []
    for i in range(len(root.entries("enqueue")) if "enqueue" in root else 0):
        config = root.section("enqueue", i)
        misfit = space.misfit(config.data)
        if misfit:
            raise config.error(misfit.problem, *misfit.path)
        given = space.flatten(config.data)
        for path, value in given.items() if grid else ():
            if grid and grid.axes[path].find(value) is None:
                raise config.error(f"the grid has no {value!r} here.", *path)
        _complete(config, space, grid, given)
        configs.append(config.data)
    return tuple(configs)


def _complete(config: Section, space: Space, grid: Grid | None, given: Mapping[Path, Any]) -> None:
    """Tries what the search will do: fill in the rest."""
    if not (space.conditional or space.constraints):
        return
    try:
        if grid is None:
            space.sample(_rng(), given, MOST_DRAWS)
        else:
            space.first(given)
    except SpecError as error:
        raise config.error(error.problem) from None
