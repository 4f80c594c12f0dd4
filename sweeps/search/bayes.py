"""Bayesian search: a model of the objective over the space, asked where to look next.

Here are the books; what proposes is a model: a Gaussian process (`gp`) unless the file says `tpe`.
A model sees Observations, smaller being better; of each trial it is told:

  finished              its objective, or if there is none, the best that it reported
  stopped               the same, and its curve: what ended early is not comparable to what did not
  failed, canceled      failed, with no value; by `impute: latest` or `best` the trial's own latest
                        or best value, if it reported any
  queued, running,      pending; with `impute_while_running`, a value once it has reported any:
  preempted             its latest, its best, or the worst value of any ended trial

W&B's `impute: worst`, which is the default, gives failures the worst value of any trial: the models
know failures for what they are, and do better. Prior runs count as finished trials, or as failed
ones where they have no value.

No point of a finite space is tried twice as long as there is one that was not: a repeat is proposed
again with other random numbers, and at last the next free point is taken. When all have been tried
it goes on repeating, as W&B does: `run_cap` or `target` ends the sweep. A value that is missing or
not finite never hurts.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweeps.metrics import Goal, Measure
from sweeps.search.axes import Axes, Coordinate
from sweeps.search.base import Ended, Prior, Searcher, generator
from sweeps.search.observation import Model, Observation, Standing
from sweeps.space import Space
from sweeps.trial import TrialState

_DRAWS = 3  # goes at a point that was not tried before
_ENDS = {
    TrialState.FINISHED: Standing.FINISHED,
    TrialState.STOPPED: Standing.STOPPED,
}


@dataclass(slots=True)
class _Trial:
    """What is known of a trial; values in the user's direction, all of them finite."""

    point: dict[str, Coordinate] | None  # None: a config that is not of this space
    state: TrialState = TrialState.QUEUED
    objective: float | None = None
    curve: dict[int, float] = field(default_factory=dict)  # by iteration
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    seen: Observation | None = None  # once it is over: what a model is told for good


class BayesSearch(Searcher):
    """Search by model.

    Args:
        space: what to search.
        seed: of all randomness.
        maximize: the objective is to grow.
        impute: "worst", "latest" or "best".
        impute_while_running: the same, or "false".
        enqueue: full configs to try first.
        model: "gp" or "tpe".
        measures: further objectives, and limits; of gp alone.
        per_second: the gain for each second of an accelerator is what counts; gp alone does.
        most: trials that there will be; None: there is no end.
        stops: trials are stopped early: their curves are modelled (gp/curves.py), and random draws
            have a share of the trials (allocator.py). gp alone does, with one objective.
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
        model: str = "gp",
        measures: Sequence[Measure] = (),
        per_second: bool = False,
        most: int | None = None,
        stops: bool = False,
    ) -> None:
        super().__init__(seed, enqueue)
        self._space = space
        self._axes = Axes(space)
        self._maximize = maximize
        self._impute = impute
        self._impute_while_running = impute_while_running
        self._trials: dict[int, _Trial] = {}
        self._prior = 0
        self._tried: set[Hashable] = set()
        self._kind = model
        self._others = tuple(each for each in measures if each.goal is not None)
        self._limits = tuple(each for each in measures if each.limited)
        self._per_second, self._most = per_second, most
        self._stops = stops
        self._model: Model | None = None

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
        """What the model proposes, and where it knows no more, a random draw."""
        if self._axes.by_name:
            if self._model is None:
                self._model = self._make_model()
            seen = list(self._observations())
            for draw in range(_DRAWS):
                point = self._model.propose(seen, rng=generator(self._seed, number, draw))
                if point is None:
                    break
                if self._axes.allows(point):  # a model may know nothing of constraints
                    yield self._axes.decode(point)
        for draw in range(_DRAWS, 2 * _DRAWS):
            yield self._space.sample(generator(self._seed, number, draw))

    def _make_model(self) -> Model:
        """The one place that knows which model a sweep has. They are slow to import."""
        if self._kind == "tpe":
            from sweeps.search.tpe import TpeModel

            return TpeModel(self._axes)
        from sweeps.search.gp.model import GpModel

        whole = GpModel(self._axes, self._seed, per_second=self._per_second, most=self._most)
        if not self._stops or self._others or self._limits or self._per_second:
            return whole
        from sweeps.search.allocator import Allocator
        from sweeps.search.gp.curves import CurveModel

        return Allocator(CurveModel(self._axes, self._seed, whole), self._axes, self._seed)

    # -- what is known ------------------------------------------------------------------------

    def _on_prior(self, run: Prior) -> None:
        """Kept among the trials, under a number that none of those has."""
        point = self._axes.encode(run.config)
        if point is None:
            return
        usable = run.objective is not None and math.isfinite(run.objective)
        state = TrialState.FINISHED if usable else TrialState.FAILED
        trial = _Trial(point, state, run.objective if usable else None)
        trial.metrics, trial.seconds = run.metrics, run.seconds
        self._trials[-self._prior] = trial
        self._prior += 1
        self._tried.add(self._axes.key(self._axes.decode(point)))

    def _on_suggested(self, number: int, config: Mapping[str, Any]) -> None:
        self._trials[number] = _Trial(self._axes.encode(config))
        self._tried.add(self._axes.key(config))

    def _on_reported(self, number: int, iteration: int, value: float) -> None:
        trial = self._trials.get(number)
        if trial is not None and math.isfinite(value):
            trial.curve[iteration] = value
            trial.seen = None

    def _on_ended(self, end: Ended) -> None:
        trial = self._trials.get(end.number)
        if trial is not None:
            usable = end.objective is not None and math.isfinite(end.objective)
            trial.state, trial.objective = end.state, end.objective if usable else None
            trial.metrics, trial.seconds = end.metrics, end.seconds
            trial.seen = None

    # -- what the model is told ---------------------------------------------------------------

    def _observations(self) -> Iterator[Observation]:
        """Of all trials that are of this space, by number."""
        worst = self._worst() if self._impute_while_running == "worst" else None
        for number, trial in sorted(self._trials.items()):
            if trial.point is None:
                continue
            if trial.seen is None:
                seen = self._observe(number, trial, trial.point, worst)
                if not trial.state.over:
                    yield seen
                    continue
                trial.seen = seen
            yield trial.seen

    def _observe(
        self, number: int, trial: _Trial, point: Mapping[str, Coordinate], worst: float | None
    ) -> Observation:
        curve = [value for _, value in sorted(trial.curve.items())]
        standing = _ENDS.get(trial.state, Standing.FAILED if trial.state.over else Standing.PENDING)
        value: float | None = None
        if standing in (Standing.FINISHED, Standing.STOPPED):
            value = self._best(curve) if trial.objective is None else trial.objective
            standing = Standing.FAILED if value is None else standing
        elif curve:
            how = self._impute if trial.state.over else self._impute_while_running
            value = {"latest": curve[-1], "best": self._best(curve), "worst": worst}.get(how)
            if value is not None and trial.state.over:
                standing = Standing.FINISHED
        return Observation(
            number,
            point,
            standing,
            None if value is None else self._sign * value,
            tuple(self._sign * value for value in curve),
            others=tuple(_cost(each, trial.metrics) for each in self._others),
            excess=tuple(each.excess(trial.metrics.get(each.name)) for each in self._limits),
            seconds=trial.seconds,
        )

    @property
    def _sign(self) -> float:
        return -1.0 if self._maximize else 1.0

    def _best(self, curve: Sequence[float]) -> float | None:
        return (max if self._maximize else min)(curve, default=None)

    def _worst(self) -> float | None:
        """The worst value that any ended trial ever had, of all it reported."""
        values: list[float] = []
        for trial in self._trials.values():
            if trial.state.over:
                values += [] if trial.objective is None else [trial.objective]
                values += trial.curve.values()
        return (min if self._maximize else max)(values, default=None)


def _cost(objective: Measure, metrics: Mapping[str, float]) -> float | None:
    value = metrics.get(objective.name)
    return -value if value is not None and objective.goal is Goal.MAXIMIZE else value
