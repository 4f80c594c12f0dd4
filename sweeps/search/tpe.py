"""Optuna's tree-structured Parzen estimator as a function: observations in, one point out.

The only searcher module that imports optuna, which is slow to import: do so late. Each call works
on a fresh study and a fresh sampler, so nothing is carried over but a cache of the observations in
Optuna's form. Optuna's own log is silenced; the controller speaks for the sweep.

Multivariate, so that it sees which values go together; with the constant liar, so that running
trials count as bad for now and parallel agents do not get the same point; with `group` where some
parameters are there under conditions, so that those that come together are seen together. Source:
Bergstra et al. 2011; Watanabe, arXiv 2304.11127.
"""

from __future__ import annotations

import warnings
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from sweeps.search import observation
from sweeps.search.axes import Axes, Axis, Choice, Coordinate, Whole

RANDOM_TRIALS = 10
"""So many trials must have a value before the estimator is asked."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True)
class Observation:
    """One trial as the model sees it.

    Attributes:
        number: from 1.
        point: its coordinates.
        value: in the user's direction; None while it is pending.
        stopped_at: the iteration after which a stopping rule ended it. Such a trial ranks below
            all that were not stopped, and among its like first by how long it lasted: values of
            different iterations are not compared.
    """

    number: int
    point: Mapping[str, Coordinate]
    value: float | None
    stopped_at: int | None = None


class Tpe:
    """The estimator over given axes."""

    def __init__(
        self, axes: Mapping[str, Axis], *, maximize: bool, conditional: bool = False
    ) -> None:
        # Optuna 4 calls experimental what Optuna 5 does by default.
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        self._distributions = {name: _distribution(axis) for name, axis in axes.items()}
        self._group = conditional
        self._direction = StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE
        self._frozen: dict[int, tuple[Observation, FrozenTrial]] = {}

    def propose(self, observations: Iterable[Observation], *, seed: int) -> dict[str, Coordinate]:
        """A promising point, the same for the same observations and seed (below 2³²); also for
        parameters that a config with these others has not got."""
        storage = _Observations([self._freeze(seen) for seen in observations])
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=0,
            multivariate=True,
            group=self._group,
            constant_liar=True,
            seed=seed,
        )
        study = optuna.create_study(storage=storage, sampler=sampler, direction=self._direction)
        return dict(study.ask(self._distributions).params)

    def _freeze(self, seen: Observation) -> FrozenTrial:
        known = self._frozen.get(seen.number)
        if known is not None and known[0] == seen:
            return known[1]
        what: dict[str, Any] = {"state": TrialState.RUNNING}
        if seen.value is not None and seen.stopped_at is not None:
            what = {
                "state": TrialState.PRUNED,
                "intermediate_values": {seen.stopped_at: seen.value},
            }
        elif seen.value is not None:
            what = {"state": TrialState.COMPLETE, "value": seen.value}
        distributions = {name: self._distributions[name] for name in seen.point}
        trial = create_trial(params=dict(seen.point), distributions=distributions, **what)
        trial.number = seen.number
        self._frozen[seen.number] = (seen, trial)
        return trial


class TpeModel:
    """The estimator as a Model: after enough trials with a value; until then it has no proposal.

    Stopped trials rank below finished ones, and failed ones below both, at the worst value of any.
    """

    def __init__(self, axes: Axes) -> None:
        self._tpe = Tpe(axes.by_name, maximize=False, conditional=bool(axes.conditions))

    def propose(
        self, seen: Sequence[observation.Observation], *, rng: numpy.random.Generator
    ) -> dict[str, Coordinate] | None:
        """A promising point; None while there is too little to go by."""
        valued = [one.cost for one in seen if one.cost is not None]
        if len(valued) < RANDOM_TRIALS:
            return None
        told = [self._told(one, max(valued)) for one in seen]
        return self._tpe.propose(told, seed=int(rng.integers(2**32)))

    def _told(self, seen: observation.Observation, worst: float) -> Observation:
        value, stopped_at = seen.cost, None
        if seen.standing is observation.Standing.FAILED:
            value, stopped_at = worst, 0
        elif seen.standing is observation.Standing.STOPPED and seen.curve:
            stopped_at = len(seen.curve)
        return Observation(seen.number, seen.point, value, stopped_at)


class _Observations(InMemoryStorage):  # type: ignore[misc,unused-ignore]
    """A storage that shows the sampler our observations and nothing else, without copying them.

    The one trial that Optuna itself makes in it, for the point it is asked for, has the number 0,
    which none of ours has.
    """

    def __init__(self, trials: list[FrozenTrial]) -> None:
        super().__init__()
        self._shown = trials

    def get_all_trials(
        self,
        study_id: int,  # noqa: ARG002
        deepcopy: bool = True,  # noqa: ARG002
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        return [trial for trial in self._shown if states is None or trial.state in states]


def _distribution(axis: Axis) -> BaseDistribution:
    if isinstance(axis, Choice):
        return CategoricalDistribution(tuple(range(axis.size)))
    if isinstance(axis, Whole):
        return IntDistribution(axis.low, axis.high, log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)
