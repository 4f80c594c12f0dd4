"""Random search, alone or with asynchronous successive halving: what every tool must beat.

Standard library only.
"""

from __future__ import annotations

import random
from bisect import insort

from benchmarks.search.peers import Peer, Setting
from benchmarks.search.space import Config, Space, sample


def make(space: Space, setting: Setting, grace: int = 0) -> Peer:
    """`grace`: the first rung of ASHA, with eta 3; 0: no trial is stopped."""
    return Random(space, setting) if grace == 0 else RandomAsha(space, setting, grace)


class Random(Peer):
    """Independent draws."""

    def __init__(self, space: Space, setting: Setting) -> None:
        super().__init__(space, setting)
        self._rng = random.Random(setting.seed)

    def ask(self, number: int) -> Config:  # noqa: ARG002
        return sample(self.space, self._rng)

    def learn(self, number: int, config: Config, value: float | None) -> None:
        pass

    def tell(self, number: int, value: float, *, stopped: bool) -> None:
        pass


class RandomAsha(Random):
    """Li et al., A System for Massively Parallel Hyperparameter Tuning (arXiv 1810.05934), the
    variant that stops: at rung grace·3^k a trial goes on if its value there is among the best
    third of those that came so far; the first two always go on."""

    ETA = 3

    def __init__(self, space: Space, setting: Setting, grace: int) -> None:
        super().__init__(space, setting)
        self._rungs: dict[int, list[float]] = {}
        while grace < setting.epochs:
            self._rungs[grace] = []
            grace *= self.ETA

    def report(self, number: int, epoch: int, value: float) -> bool:  # noqa: ARG002
        values = self._rungs.get(epoch)
        if values is None:
            return False
        insort(values, value)
        survivors = len(values) // self.ETA
        return survivors > 0 and value > values[survivors - 1]
