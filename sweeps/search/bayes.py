"""Bayesian search: a model of the objective over the space, asked where to look next.

The first trials are drawn at random; from then on Optuna's TPE proposes (`tpe`), with running
trials as pending. Here is what the model is told of each trial; imputing is W&B's:

  finished              its objective, or if there is none, the best that it reported
  stopped               the same, and how far it came: it ranks below the finished ones
  failed, canceled      imputed, by `impute`: the worst value of any ended trial (default), or the
                        trial's own latest or best value if it reported any, else the worst
  queued, running,      pending; with `impute_while_running`, a value once it has reported any:
  preempted             its latest, its best, or the worst value of any ended trial

Prior runs count as finished trials, or as failed ones where they have no value.

No point of a finite space is tried twice as long as there is one that was not: a repeat is drawn
again, and at last the next free point is taken. When all have been tried it goes on repeating, as
W&B does: `run_cap` or `target` ends the sweep. A value that is missing or not finite never hurts.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeps.search.axes import Axes, Coordinate
from sweeps.search.base import Ended, Prior, Searcher, generator
from sweeps.space import Space
from sweeps.trial import TrialState

if TYPE_CHECKING:
    from sweeps.search.tpe import Observation, Tpe

RANDOM_TRIALS = 10
"""So many trials must have a value of their own before the model is asked."""
_DRAWS = 5  # goes at a point that was not tried before


@dataclass(slots=True)
class _Trial:
    """What is known of a trial; values in the user's direction, all of them finite."""

    point: dict[str, Coordinate] | None  # None: a config that is not of this space
    state: TrialState = TrialState.QUEUED
    objective: float | None = None
    iteration: int = 0  # of `latest`
    latest: float | None = None
    low: float = math.inf
    high: float = -math.inf


class BayesSearch(Searcher):
    """Search by model.

    Args:
        space: what to search.
        seed: of all randomness.
        maximize: the objective is to grow.
        impute: "worst", "latest" or "best".
        impute_while_running: the same, or "false".
        enqueue: full configs to try first.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        *,
        maximize: bool,
        impute: str = "worst",
        impute_while_running: str = "false",
        enqueue: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(seed, enqueue)
        self._space = space
        self._axes = Axes(space)
        self._maximize = maximize
        self._impute = impute
        self._impute_while_running = impute_while_running
        self._trials: dict[int, _Trial] = {}
        self._tried: set[Hashable] = set()
        self._model: Tpe | None = None

    def _propose(self, number: int) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for config in self._draws(number):
            if self._axes.key(config) not in self._tried:
                return config
        size = self._axes.size
        if size is not None and len(self._tried) < size:
            for free in self._axes.ring(config):
                if self._axes.key(free) not in self._tried:
                    return free
        return config

    def _draws(self, number: int) -> Iterator[dict[str, Any]]:
        if not self._axes.by_name or self._own_values() < RANDOM_TRIALS:
            for draw in range(_DRAWS):
                yield self._space.sample(generator(self._seed, number, draw))
            return
        if self._model is None:
            from sweeps.search.tpe import Tpe

            self._model = Tpe(self._axes.by_name, maximize=self._maximize)
        observations = list(self._observations())
        for draw in range(_DRAWS):
            seed = int(generator(self._seed, number, draw).integers(2**32))
            yield self._axes.decode(self._model.propose(observations, seed=seed))

    # -- what is known ------------------------------------------------------------------------

    def _on_prior(self, run: Prior) -> None:
        """Kept among the trials, under a number that none of those has."""
        point = self._axes.encode(run.config)
        if point is None:
            return
        usable = run.objective is not None and math.isfinite(run.objective)
        state = TrialState.FINISHED if usable else TrialState.FAILED
        trial = _Trial(point, state, run.objective if usable else None)
        self._trials[min(self._trials, default=0) - 1] = trial
        self._tried.add(self._axes.key(self._axes.decode(point)))

    def _on_suggested(self, number: int, config: Mapping[str, Any]) -> None:
        self._trials[number] = _Trial(self._axes.encode(config))
        self._tried.add(self._axes.key(config))

    def _on_reported(self, number: int, iteration: int, value: float) -> None:
        trial = self._trials.get(number)
        if trial is None or not math.isfinite(value):
            return
        if iteration >= trial.iteration:
            trial.iteration, trial.latest = iteration, value
        trial.low, trial.high = min(trial.low, value), max(trial.high, value)

    def _on_ended(self, end: Ended) -> None:
        trial = self._trials.get(end.number)
        if trial is not None:
            trial.state = end.state
            usable = end.objective is not None and math.isfinite(end.objective)
            trial.objective = end.objective if usable else None

    # -- what the model is told ---------------------------------------------------------------

    def _observations(self) -> Iterator[Observation]:
        worst = self._worst()
        for number, trial in sorted(self._trials.items()):
            seen = self._observe(number, trial, worst)
            if seen is not None:
                yield seen

    def _observe(self, number: int, trial: _Trial, worst: float | None) -> Observation | None:
        from sweeps.search.tpe import Observation

        if trial.point is None:
            return None
        own = self._own_value(trial)
        if own is not None:
            stopped = trial.state is TrialState.STOPPED and trial.iteration > 0
            return Observation(number, trial.point, own, trial.iteration if stopped else None)
        how = self._impute if trial.state.over else self._impute_while_running
        if trial.latest is not None and how == "latest":
            return Observation(number, trial.point, trial.latest)
        if trial.latest is not None and how == "best":
            return Observation(number, trial.point, self._best(trial))
        pending = how == "false" or (not trial.state.over and trial.latest is None)
        if pending or worst is None:
            return None if trial.state.over else Observation(number, trial.point, None)
        # As if stopped before its first value: it ranks below even those that were stopped.
        return Observation(number, trial.point, worst, stopped_at=0)

    def _best(self, trial: _Trial) -> float:
        return trial.high if self._maximize else trial.low

    def _own_value(self, trial: _Trial) -> float | None:
        """The value of a trial that came to a proper end."""
        if trial.state not in (TrialState.FINISHED, TrialState.STOPPED):
            return None
        if trial.objective is not None or trial.latest is None:
            return trial.objective
        return self._best(trial)

    def _own_values(self) -> int:
        return sum(self._own_value(trial) is not None for trial in self._trials.values())

    def _worst(self) -> float | None:
        """The worst value that any ended trial ever had, of all it reported."""
        values = []
        for trial in self._trials.values():
            if trial.state.over:
                values += [] if trial.objective is None else [trial.objective]
                values += [] if trial.latest is None else [trial.low, trial.high]
        return (min(values) if self._maximize else max(values)) if values else None
