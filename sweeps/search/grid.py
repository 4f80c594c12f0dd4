"""Grid search: every point exactly once, in W&B's order (parameters by name, the last fastest).

A point counts as tried once its trial is suggested, whatever becomes of the trial, so no number of
agents can run it twice. Never keeps the grid in memory; what it keeps is the place where it is, and
the tried points ahead of it. Neighbour: `sweeps.space.Grid`, which knows the points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.search.base import Searcher
from sweeps.space import Space


class GridSearch(Searcher):
    """Walks the grid of `space` once.

    Args:
        space: every parameter with a finite list of values.
        seed: unused; a grid has no randomness.
        enqueue: full configs to try first; those that are points are not tried again.

    Raises:
        SpecError: a parameter has no finite list of values.
    """

    def __init__(
        self, space: Space, seed: int = 0, enqueue: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(seed, enqueue)
        self._grid = space.grid()
        self._place = 0
        self._ahead: set[int] = set()  # tried points at _place or later
        found = {self._grid.find(config) for config in self._enqueue} - {None}
        self._total = len(self._grid) + len(self._enqueue) - len(found)

    @property
    def total(self) -> int:
        return self._total

    def _propose(self, number: int) -> dict[str, Any] | None:  # noqa: ARG002
        while self._place in self._ahead:
            self._ahead.remove(self._place)
            self._place += 1
        return self._grid[self._place] if self._place < len(self._grid) else None

    def _on_suggested(self, number: int, config: Mapping[str, Any]) -> None:  # noqa: ARG002
        point = self._grid.find(config)
        if point is not None and point >= self._place:
            self._ahead.add(point)
