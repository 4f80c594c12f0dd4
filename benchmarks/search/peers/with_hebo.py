"""HEBO, by suggest and observe, one config at a time (it is told of no pending trial: it has no
way to be). No conditions: see `pruned`."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

from benchmarks.search.peers import Peer, Setting
from benchmarks.search.space import Config, Parameter, Space, pruned


def make(space: Space, setting: Setting) -> Peer:
    return Hebo(space, setting)


class Hebo(Peer):
    def __init__(self, space: Space, setting: Setting) -> None:
        super().__init__(space, setting)
        torch.set_num_threads(1)
        numpy.random.seed(setting.seed)
        torch.manual_seed(setting.seed)
        self._optimizer = HEBO(
            DesignSpace().parse([_axis(p) for p in space]), scramble_seed=setting.seed
        )
        self._asked: dict[int, Any] = {}

    def ask(self, number: int) -> Config:
        row = self._asked[number] = self._optimizer.suggest(n_suggestions=1)
        return pruned(self.space, row.iloc[0].to_dict())

    def tell(self, number: int, value: float, *, stopped: bool) -> None:  # noqa: ARG002
        self._optimizer.observe(self._asked.pop(number), numpy.array([[value]]))

    def learn(self, number: int, config: Config, value: float | None) -> None:  # noqa: ARG002
        if value is not None:
            self._optimizer.observe(pandas.DataFrame([config]), numpy.array([[value]]))


def _axis(p: Parameter) -> dict[str, Any]:
    if p.kind == "choice":
        return {"name": p.name, "type": "cat", "categories": list(p.choices)}
    whole = p.kind == "integer"
    kind = ("pow_int" if whole else "pow") if p.log else ("int" if whole else "num")
    base = {"base": 10} if p.log else {}
    low, high = (int(p.low), int(p.high)) if whole else (p.low, p.high)
    return {"name": p.name, "type": kind, "lb": low, "ub": high, **base}
