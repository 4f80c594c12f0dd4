"""Random search: each trial drawn from the parameters' distributions, by (seed, number) alone.

It learns nothing and never ends; `run_cap` ends the sweep. Trial 7 is the same whether 6 or no
trials ran before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.search.base import Searcher, generator
from sweeps.space import Space


class RandomSearch(Searcher):
    """Draws every trial independently from `space`."""

    def __init__(self, space: Space, seed: int, enqueue: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(seed, enqueue)
        self._space = space

    def _propose(self, number: int) -> dict[str, Any]:
        return self._space.sample(generator(self._seed, number))
