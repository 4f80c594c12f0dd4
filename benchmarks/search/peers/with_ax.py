"""Ax (BoTorch) by its client, with the strategy that it chooses. It is told of no conditions, for
its search spaces want a single root: see `pruned`."""

from __future__ import annotations

import logging
from typing import Any

import torch
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

from benchmarks.search.peers import Peer, Setting
from benchmarks.search.space import Config, Parameter, Space, pruned


def make(space: Space, setting: Setting) -> Peer:
    return Ax(space, setting)


class Ax(Peer):
    def __init__(self, space: Space, setting: Setting) -> None:
        super().__init__(space, setting)
        logging.disable(logging.WARNING)
        torch.set_num_threads(1)
        self._client = Client(random_seed=setting.seed)
        self._client.configure_experiment(parameters=[_axis(p) for p in space])
        self._client.configure_optimization(objective="-loss")
        self._client.configure_generation_strategy(
            initialization_random_seed=setting.seed,
            allow_exceeding_initialization_budget=True,  # with many workers it runs out
        )
        self._asked: dict[int, int] = {}

    def ask(self, number: int) -> Config:
        ((index, values),) = self._client.get_next_trials(max_trials=1).items()
        self._asked[number] = index
        return pruned(self.space, values)

    def tell(self, number: int, value: float, *, stopped: bool) -> None:  # noqa: ARG002
        self._client.complete_trial(self._asked.pop(number), raw_data={"loss": value})

    def learn(self, number: int, config: Config, value: float | None) -> None:  # noqa: ARG002
        index = self._client.attach_trial(parameters=config)
        if value is not None:
            self._client.complete_trial(index, raw_data={"loss": value})


def _axis(p: Parameter) -> Any:
    if p.kind == "choice":
        return ChoiceParameterConfig(
            name=p.name, values=list(p.choices), parameter_type="str", is_ordered=False
        )
    whole = p.kind == "integer"
    return RangeParameterConfig(
        name=p.name,
        bounds=(int(p.low), int(p.high)) if whole else (p.low, p.high),
        parameter_type="int" if whole else "float",
        scaling="log" if p.log else "linear",
    )
