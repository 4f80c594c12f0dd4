"""SMAC3's facade for hyperparameters (random forests), by ask and tell."""

from __future__ import annotations

from typing import Any

from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, InCondition, Integer
from ConfigSpace.conditions import AndConjunction
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from benchmarks.search.peers import Peer, Setting
from benchmarks.search.space import Config, Parameter, Space, pruned


def make(space: Space, setting: Setting) -> Peer:
    return Smac(space, setting)


class Smac(Peer):
    def __init__(self, space: Space, setting: Setting) -> None:
        super().__init__(space, setting)
        known = ConfigurationSpace(seed=setting.seed)
        axes = {p.name: _axis(p) for p in space}
        for axis in axes.values():
            known.add(axis)
        for p in space:
            needs = [InCondition(axes[p.name], axes[on], list(values)) for on, values in p.when]
            if needs:
                known.add(AndConjunction(*needs) if len(needs) > 1 else needs[0])
        scenario = Scenario(
            known,
            n_trials=setting.trials + setting.workers,
            seed=setting.seed,
            deterministic=True,
            output_directory="smac",  # below this process's own home
        )
        self._facade = HyperparameterOptimizationFacade(
            scenario,
            lambda config, seed=0: 0.0,  # noqa: ARG005 - never called: we ask and tell
            overwrite=True,
            logging_level=40,
        )
        self._asked: dict[int, Any] = {}

    def ask(self, number: int) -> Config:
        info = self._asked[number] = self._facade.ask()
        values = {
            name: value.item() if hasattr(value, "item") else value
            for name, value in dict(info.config).items()
        }
        return pruned(self.space, values)

    def tell(self, number: int, value: float, *, stopped: bool) -> None:  # noqa: ARG002
        self._facade.tell(self._asked.pop(number), TrialValue(cost=value, time=1.0))

    def learn(self, number: int, config: Config, value: float | None) -> None:  # noqa: ARG002
        known = Configuration(self._facade.scenario.configspace, values=config)
        info = TrialInfo(known, seed=0)
        if value is None:
            self._facade.runhistory.add_running_trial(info)
        else:
            self._facade.tell(info, TrialValue(cost=value, time=1.0), save=False)


def _axis(p: Parameter) -> Any:
    if p.kind == "choice":
        return Categorical(p.name, list(p.choices))
    if p.kind == "integer":
        return Integer(p.name, (int(p.low), int(p.high)), log=p.log)
    return Float(p.name, (p.low, p.high), log=p.log)
