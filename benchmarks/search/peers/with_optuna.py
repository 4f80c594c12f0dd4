"""Optuna's samplers and pruners, as a user of `study.ask()` has them."""

from __future__ import annotations

from typing import Any

from benchmarks.search.peers import Peer, Setting
from benchmarks.search.space import Config, Parameter, Space, is_active


def make(space: Space, setting: Setting, sampler: str = "tpe", pruner: str = "none") -> Peer:
    """`sampler`: tpe or gp; `pruner`: none, hyperband (told the length of a trial) or median (which
    lets the first 5 epochs pass), else with their defaults."""
    return Optuna(space, setting, sampler, pruner)


class Optuna(Peer):
    def __init__(self, space: Space, setting: Setting, sampler: str, pruner: str) -> None:
        super().__init__(space, setting)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        if sampler == "gp":
            import torch

            torch.set_num_threads(1)
        samplers, pruners = optuna.samplers, optuna.pruners
        self._pruned = optuna.trial.TrialState.PRUNED
        self._study = optuna.create_study(
            study_name=f"seed {setting.seed}",  # Hyperband draws brackets by it
            sampler={"tpe": samplers.TPESampler, "gp": samplers.GPSampler}[sampler](
                seed=setting.seed
            ),
            pruner={
                "none": pruners.NopPruner,
                "hyperband": lambda: pruners.HyperbandPruner(max_resource=setting.epochs),
                "median": lambda: pruners.MedianPruner(n_warmup_steps=5),
            }[pruner](),
        )
        self._trials: dict[int, Any] = {}

    def ask(self, number: int) -> Config:
        trial = self._trials[number] = self._study.ask()
        config: Config = {}
        for parameter in self.space:
            if is_active(parameter, config):
                config[parameter.name] = _suggest(trial, parameter)
        return config

    def report(self, number: int, epoch: int, value: float) -> bool:
        self._trials[number].report(value, epoch)
        return bool(self._trials[number].should_prune())

    def tell(self, number: int, value: float, *, stopped: bool) -> None:
        trial = self._trials.pop(number)
        if stopped:
            self._study.tell(trial, state=self._pruned)
        else:
            self._study.tell(trial, value)

    def learn(self, number: int, config: Config, value: float | None) -> None:  # noqa: ARG002
        import optuna

        known = {p.name: _distribution(p) for p in self.space if p.name in config}
        states = optuna.trial.TrialState
        state = states.RUNNING if value is None else states.COMPLETE
        self._study.add_trial(
            optuna.trial.create_trial(state=state, params=config, distributions=known, value=value)
        )


def _distribution(p: Parameter) -> Any:
    from optuna import distributions

    if p.kind == "choice":
        return distributions.CategoricalDistribution(p.choices)
    if p.kind == "integer":
        return distributions.IntDistribution(int(p.low), int(p.high), log=p.log)
    return distributions.FloatDistribution(p.low, p.high, log=p.log)


def _suggest(trial: Any, p: Parameter) -> Any:
    if p.kind == "choice":
        return trial.suggest_categorical(p.name, p.choices)
    if p.kind == "integer":
        return trial.suggest_int(p.name, int(p.low), int(p.high), log=p.log)
    return trial.suggest_float(p.name, p.low, p.high, log=p.log)
