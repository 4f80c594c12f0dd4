"""Any of Optuna's pruners as a stopping rule (`early_terminate: {pruner: HyperbandPruner, …}`).

It is asked once at each value, as a script would ask `trial.should_prune()` right after
`trial.report(value, step)`, and what it says then stands. The step is the iteration: 1 for a
trial's first value, so that `n_warmup_steps: 3` or `min_resource: 3` first judges its third one.
(Scripts for Optuna often count from 0.) A trial counts as COMPLETE when it finished, PRUNED when it
was stopped, by a rule or a user, and FAIL otherwise; its final value, which only WilcoxonPruner
looks at, is the mean of its values. The study is called "sweep", and a trial's number there is one
less than ours: HyperbandPruner deals brackets by these.

No values are copied: the pruner looks at trials that are written here in place. How much it looks
at is its own way (many go through a trial's values, or all trials, for each new value): scripts
that log each of 100,000 batches are better off with one of our rules. The only file outside
`sweeps.search` that imports optuna, which is slow to import: do so late.
"""

from __future__ import annotations

import copy
from collections.abc import Container
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as State

from sweeps.search.optuna_names import PRUNER, build, quiet
from sweeps.section import Section
from sweeps.stopping.base import GO_ON, StoppingRule, Verdict
from sweeps.trial import TrialState


class OptunaPruner(StoppingRule):
    """A pruner of Optuna's.

    Args:
        section: `pruner`, and its arguments.
        maximize: the objective is to grow.

    Raises:
        SpecError: there is no such pruner, or it does not take these arguments.
    """

    def __init__(self, section: Section, *, maximize: bool) -> None:
        super().__init__(maximize=maximize)
        pruner: BasePruner = build(PRUNER, section)
        self._name = type(pruner).__name__
        self._shown = _Shown(maximize=maximize)
        self._study = optuna.create_study(
            storage=self._shown,
            pruner=pruner,
            direction="maximize" if maximize else "minimize",
            study_name="sweep",
        )
        self._verdicts: dict[int, Verdict] = {}

    def report(self, number: int, value: float) -> None:
        self._cost(value)
        trial = self._shown.trials.get(number)
        if trial is None:
            trial = self._shown.trials[number] = create_trial(state=State.RUNNING)
            trial.number, trial._trial_id = number - 1, number
        iteration = len(trial.intermediate_values) + 1
        trial.intermediate_values[iteration] = value
        if number in self._verdicts or trial.state is not State.RUNNING:
            return
        quiet()
        if self._study.pruner.prune(self._study, trial):
            self._verdicts[number] = Verdict(
                True, f"Optuna gives it up with {value:.4g}, its value at iteration {iteration}"
            )

    def close(self, number: int, state: TrialState) -> None:
        trial = self._shown.trials.get(number)
        if trial is None:
            return
        if state is TrialState.FINISHED:
            values = trial.intermediate_values.values()
            trial.value = sum(values) / len(values)
            trial.state = State.COMPLETE
        else:
            trial.state = State.PRUNED if state is TrialState.STOPPED else State.FAIL

    def end(self, number: int) -> None:
        self.close(number, TrialState.FINISHED)

    def forget(self, number: int) -> None:
        self._shown.trials.pop(number, None)
        self._verdicts.pop(number, None)

    def judge(self, number: int) -> Verdict:
        return self._verdicts.get(number, GO_ON)


class _Shown(InMemoryStorage):  # type: ignore[misc,unused-ignore]
    """A storage that shows trials as they are kept here, by our numbers."""

    def __init__(self, *, maximize: bool) -> None:
        super().__init__()
        self._sign = -1.0 if maximize else 1.0
        self.trials: dict[int, FrozenTrial] = {}

    def get_all_trials(
        self,
        study_id: int,  # noqa: ARG002
        deepcopy: bool = True,  # noqa: ARG002
        states: Container[State] | None = None,
    ) -> list[FrozenTrial]:
        return [each for each in self.trials.values() if states is None or each.state in states]

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self.trials[trial_id]

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        complete = self.get_all_trials(study_id, states=(State.COMPLETE,))
        if not complete:
            raise ValueError("no trial is complete yet")
        return min(complete, key=lambda trial: self._sign * (trial.value or 0.0))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        # Not in place: a pruner that has looked already must not see it.
        trial = self.trials[trial_id] = copy.copy(self.trials[trial_id])
        trial.system_attrs = {**trial.system_attrs, key: value}
