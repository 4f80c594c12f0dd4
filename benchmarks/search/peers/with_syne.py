"""Syne Tune's schedulers, by its ask-and-tell interface. No conditions: see `pruned`."""

from __future__ import annotations

import datetime
from typing import Any

import numpy
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer import baselines
from syne_tune.optimizer.scheduler import SchedulerDecision

from benchmarks.search.peers import Peer, Setting
from benchmarks.search.space import Config, Parameter, Space, pruned


def make(space: Space, setting: Setting, scheduler: str = "CQR") -> Peer:
    """`scheduler`: a class of `syne_tune.optimizer.baselines`."""
    return SyneTune(space, setting, scheduler)


class SyneTune(Peer):
    def __init__(self, space: Space, setting: Setting, scheduler: str) -> None:
        super().__init__(space, setting)
        numpy.random.seed(setting.seed)
        lengths = {"time_attr": "epoch", "max_t": setting.epochs} if setting.epochs > 1 else {}
        self._scheduler = getattr(baselines, scheduler)(
            {p.name: _domain(p) for p in space},
            metric="loss",
            do_minimize=True,
            random_seed=setting.seed,
            **lengths,
        )
        self._trials: dict[int, Any] = {}
        self._epochs: dict[int, int] = {}

    def ask(self, number: int) -> Config:
        config = self._scheduler.suggest().config
        trial = Trial(number - 1, config, datetime.datetime(2026, 1, 1))
        self._trials[number] = trial
        self._scheduler.on_trial_add(trial)
        return pruned(self.space, {name: _plain(value) for name, value in config.items()})

    def report(self, number: int, epoch: int, value: float) -> bool:
        self._epochs[number] = epoch
        if epoch == self.setting.epochs:
            return False  # the end of it is told as such
        result = {"loss": value, "epoch": epoch}
        told = self._scheduler.on_trial_result(self._trials[number], result)
        return bool(told == SchedulerDecision.STOP)

    def tell(self, number: int, value: float, *, stopped: bool) -> None:
        trial = self._trials.pop(number)
        if not stopped:
            result = {"loss": value, "epoch": self._epochs.pop(number, 1)}
            self._scheduler.on_trial_complete(trial, result)

    def learn(self, number: int, config: Config, value: float | None) -> None:
        trial = self._trials[number] = Trial(number - 1, config, datetime.datetime(2026, 1, 1))
        self._scheduler.on_trial_add(trial)
        if value is not None:
            self.tell(number, value, stopped=False)


def _domain(p: Parameter) -> Any:
    if p.kind == "choice":
        return choice(list(p.choices))
    if p.kind == "integer":
        return (lograndint if p.log else randint)(int(p.low), int(p.high))
    return (loguniform if p.log else uniform)(p.low, p.high)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
