"""Grid search: every point exactly once, in W&B's order (parameters by name, the last fastest).

A point counts as tried once its trial is suggested, whatever becomes of the trial, so no number of
agents can run it twice; and where a prior run has tried it. Never keeps the grid in memory; what it
keeps is the place where it is, and the tried points ahead of it. Neighbour: `sweeps.space.Grid`,
which knows the points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.search.base import Prior, Searcher
from sweeps.space import Space


class GridSearch(Searcher):
    """Walks the grid of `space` once; what its constraints exclude is passed over.

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
        self._tried = 0  # points

    @property
    def total(self) -> int:
        """The trials so far, which may be of another grid (a sweep's file can change), and all
        that are to come: what is enqueued, and the points that nothing has tried or will."""
        waiting = self._enqueue[self._next - 1 :]
        found = {self._grid.find(config) for config in waiting} - {None}
        fresh = sum(point is not None and not self._is_tried(point) for point in found)
        return self._next - 1 + len(waiting) + self._grid.allowed - self._tried - fresh

    def _propose(self, number: int) -> dict[str, Any] | None:  # noqa: ARG002
        while self._place < len(self._grid):
            if self._place in self._ahead:
                self._ahead.remove(self._place)
            elif self._grid.allows(self._place):
                break
            self._place += 1
        return self._grid[self._place] if self._place < len(self._grid) else None

    def _on_suggested(self, number: int, config: Mapping[str, Any]) -> None:  # noqa: ARG002
        self._take(config)

    def _on_prior(self, run: Prior) -> None:
        self._take(run.config)

    def _take(self, config: Mapping[str, Any]) -> None:
        point = self._grid.find(config)
        if point is not None and not self._is_tried(point) and self._grid.allows(point):
            self._ahead.add(point)
            self._tried += 1

    def _is_tried(self, point: int) -> bool:
        return point < self._place or point in self._ahead
