"""W&B's own search and early termination: the package `sweeps`, as its local controller uses it.

It knows no conditions: an inactive parameter is drawn all the same, and left out of the config.
"""

from __future__ import annotations

import random
from typing import Any

import numpy
from sweeps.bayes_search import bayes_search_next_run
from sweeps.hyperband_stopping import hyperband_stop_runs
from sweeps.random_search import random_search_next_runs

import sweeps  # W&B's: this file runs in the environment that has it
from benchmarks.search.peers import Peer, Setting
from benchmarks.search.space import Config, Parameter, Space, pruned


def make(space: Space, setting: Setting, method: str = "bayes", min_iter: int = 0) -> Peer:
    """`method`: bayes or random; `min_iter`: of its hyperband; 0: no trial is stopped."""
    return Wandb(space, setting, method, min_iter)


class _Run(sweeps.SweepRun):
    """The same answers without looking through each row anew: all values here are finite."""

    def metric_history(self, metric_name: str, filter_invalid: bool = False) -> list[float]:  # noqa: ARG002
        return [row[metric_name] for row in self.history]


class Wandb(Peer):
    def __init__(self, space: Space, setting: Setting, method: str, min_iter: int) -> None:
        super().__init__(space, setting)
        numpy.random.seed(setting.seed)
        random.seed(setting.seed)
        file: dict[str, Any] = {
            "method": method,
            "metric": {"name": "loss", "goal": "minimize"},
            "parameters": {p.name: _parameter(p) for p in space},
        }
        if min_iter:
            file["early_terminate"] = {"type": "hyperband", "min_iter": min_iter}
        self._bayes, self._stops = method == "bayes", bool(min_iter)
        self._file = sweeps.SweepConfig(file)
        self._runs: list[Any] = []

    def ask(self, number: int) -> Config:
        if self._bayes:
            drawn = bayes_search_next_run(self._runs, self._file)
        else:
            (drawn,) = random_search_next_runs(self._file, n=1)
        run = _Run(name=str(number), config=drawn.config, state=sweeps.RunState.running)
        self._runs.append(run)
        return pruned(self.space, {p.name: run.config[p.name]["value"] for p in self.space})

    def report(self, number: int, epoch: int, value: float) -> bool:  # noqa: ARG002
        run = self._runs[number - 1]
        run.history.append({"loss": value})
        run.summary_metrics = {"loss": value}
        if not self._stops:
            return False
        return any(each is run for each in hyperband_stop_runs(self._runs, self._file))

    def tell(self, number: int, value: float, *, stopped: bool) -> None:  # noqa: ARG002
        run = self._runs[number - 1]
        if not run.history:
            run.history = [{"loss": value}]
        run.summary_metrics = {"loss": value}
        run.state = sweeps.RunState.finished  # a stopped one, too: it counts with its best value

    def learn(self, number: int, config: Config, value: float | None) -> None:
        given = {p.name: {"value": config[p.name]} for p in self.space}
        state = sweeps.RunState.running
        self._runs.append(_Run(name=str(number), config=given, state=state))
        if value is not None:
            self.tell(number, value, stopped=False)


def _parameter(p: Parameter) -> dict[str, Any]:
    if p.kind == "choice":
        return {"values": list(p.choices)}
    if p.kind == "integer":
        named = "q_log_uniform_values" if p.log else "int_uniform"
        return {"distribution": named, "min": int(p.low), "max": int(p.high)}
    named = "log_uniform_values" if p.log else "uniform"
    return {"distribution": named, "min": p.low, "max": p.high}
