"""A study that shows an Optuna sampler our trials, without copying them, and takes one point.

Each call makes a fresh study and a fresh sampler: nothing is carried over but what is written here,
so what comes out depends on the trials and the seed alone. Most samplers look at the trials'
values only. Some keep a state beside them: CMA-ES its distribution and the genetic ones their
generations, as attributes of the trials that they proposed. For these the study's past is played
again, in the order of numbers: each trial that is over is asked for, what the sampler notes is
kept, and the trial gets its real point and value. That needs no state on disk and no pickle out of
a database; the price is that a trial counts to the generation that it would have if all before it
that are over now had been over when it was proposed. So a late one moves those after it, and none
is wasted, whereas Optuna's CMA-ES drops trials that come too late for their generation.

Neighbours: `optuna_names` (makes samplers), `optuna_sampler` (the searcher), `tpe`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from sweeps.search.axes import Axes, Choice, Coordinate, Whole
from sweeps.search.observation import Standing
from sweeps.search.optuna_names import quiet

_STATELESS = (
    "BruteForceSampler",
    "GPSampler",
    "QMCSampler",
    "RandomSampler",
    "TPESampler",
)
_POINT_TOLD = "x_for_tell"  # where CMA-ES with margin keeps what it drew, before it was rounded

Make = Callable[[int], BaseSampler]
"""A sampler, the same for the same number of a trial."""


@dataclass(frozen=True)
class Told:
    """One trial as Optuna is shown it; compared by identity, so keep it while nothing changed.

    Attributes:
        number: from 1; runs of before the sweep have numbers below 1.
        point: the coordinates of its active parameters.
        standing: how far it is.
        values: the objectives, smaller is better; None unless all of them are known.
        last: the last iteration that it reported, and the objective there.
        excess: of each limit, by how much it is broken (above 0) or kept; () without limits.
    """

    number: int
    point: Mapping[str, Coordinate]
    standing: Standing
    values: tuple[float, ...] | None
    last: tuple[int, float] | None = None
    excess: tuple[float, ...] = ()


class OptunaStudy:
    """Asks samplers for points.

    Args:
        axes: of the space.
        objectives: how many there are.
        make: a fresh sampler for a trial's number, random where a seed must be drawn.

    Attributes:
        counters: what the sampler counts for the whole study (how far a quasi-random sequence is);
            a few JSON values, to be kept by whoever restarts.
    """

    def __init__(self, axes: Axes, objectives: int, make: Make) -> None:
        self._axes = axes
        self._directions = [StudyDirection.MINIMIZE] * objectives
        self._make = make
        self.distributions = {name: _distribution(axis) for name, axis in axes.by_name.items()}
        self._stateful = not _is_stateless(make(1))
        self._frozen: dict[int, tuple[Told, FrozenTrial]] = {}
        self._replay = _Replay(self)
        self.counters: dict[str, Any] = {}

    def propose(self, told: Sequence[Told], sampler: BaseSampler) -> dict[str, Coordinate]:
        """The next point; `told` is in the order of numbers."""
        if self._stateful:
            shown, attributes = self._replay.play(told, self._make)
        else:
            shown, attributes = [self.freeze(*each) for each in enumerate(told)], self.counters
        point, _, after = self.ask(sampler, shown, attributes)
        self.counters = {} if self._stateful else after
        return point

    def ask(
        self, sampler: BaseSampler, shown: Sequence[FrozenTrial], attributes: Mapping[str, Any]
    ) -> tuple[dict[str, Coordinate], dict[str, Any], dict[str, Any]]:
        """The point, the attributes that its trial got, and the study's own after it."""
        quiet()
        self._keep_apart(sampler)
        storage = _Shown(shown)
        study = optuna.create_study(
            storage=storage, sampler=sampler, directions=self._directions, study_name="sweep"
        )
        for key, value in attributes.items():
            storage.set_study_system_attr(study._study_id, key, value)
        trial = study.ask()
        point: dict[str, Coordinate] = {}
        for name, known in self.distributions.items():  # parents before children
            conditions = self._axes.conditions.get(name, ())
            if all(each.parent in point and each.holds(point[each.parent]) for each in conditions):
                point[name] = _suggest(trial, name, known)
        noted = dict(storage.get_trial(trial._trial_id).system_attrs)
        return point, noted, dict(storage.get_study_system_attrs(study._study_id))

    def _keep_apart(self, sampler: Any) -> None:
        """Parameters that only some trials have are none of those that are sampled together.

        Optuna learns which these are when it sees a trial without them, and CMA-ES, whose numbers
        of dimensions would change by that, never works again. TPE has its own way (`group`).
        """
        inner = getattr(sampler, "_base_sampler", sampler)
        if not self._axes.conditions or type(inner).__name__ == "TPESampler":
            return
        infer = sampler.infer_relative_search_space
        sampler.infer_relative_search_space = lambda study, trial: {
            name: known
            for name, known in infer(study, trial).items()
            if name not in self._axes.conditions
        }

    def freeze(self, place: int, told: Told, noted: Mapping[str, Any] | None = None) -> FrozenTrial:
        """The trial in Optuna's form; there numbers are places, from 0."""
        known = self._frozen.get(told.number)
        if noted is None and known is not None and known[0] is told:
            return known[1]
        what: dict[str, Any] = {"state": TrialState.RUNNING}
        attributes = dict(noted or {})
        if told.last is not None and len(self._directions) == 1:
            what["intermediate_values"] = dict([told.last])
        if told.standing is Standing.FINISHED and told.values is not None:
            what |= {"state": TrialState.COMPLETE, "values": list(told.values)}
        elif told.standing is not Standing.PENDING:
            # A failed one has no value to show: it ranks below all that have, where pruned trials
            # count at all. So does a stopped one of several objectives, of which Optuna knows none.
            what["state"] = TrialState.PRUNED
            if told.standing is not Standing.STOPPED:
                what.pop("intermediate_values", None)
        if told.excess:
            attributes["constraints"] = list(told.excess)
        trial = create_trial(
            params=dict(told.point),
            distributions={name: self.distributions[name] for name in told.point},
            system_attrs=attributes,
            **what,
        )
        trial.number, trial._trial_id = place, told.number
        if noted is None:
            self._frozen[told.number] = (told, trial)
        return trial

    def unit(self, point: Mapping[str, Coordinate], count: int) -> list[float] | None:
        """The numbers of a point on [0, 1], by name; None unless there are `count` of them."""
        places = []
        for name in sorted(point.keys() - self._axes.conditions.keys()):
            known = self.distributions[name]
            if not isinstance(known, FloatDistribution | IntDistribution) or known.single():
                continue
            scale = math.log if known.log else float
            low, high, value = (scale(each) for each in (known.low, known.high, point[name]))
            places.append((value - low) / (high - low))
        return places if len(places) == count else None


class _Replay:
    """The past, as a sampler that keeps its state in attributes would have noted it.

    What was played stays, up to the first trial that has come to its end since.
    """

    def __init__(self, study: OptunaStudy) -> None:
        self._study = study
        self._played: list[tuple[Told, FrozenTrial, Mapping[str, Any]]] = []

    def play(self, told: Sequence[Told], make: Make) -> tuple[list[FrozenTrial], Mapping[str, Any]]:
        """All trials, and the study's attributes after them."""
        same = 0
        for (known, _, _), each in zip(self._played, told, strict=False):
            if known is not each and not known.standing is each.standing is Standing.PENDING:
                break
            same += 1
        del self._played[same:]
        shown = [trial for _, trial, _ in self._played]
        attributes: Mapping[str, Any] = self._played[-1][2] if self._played else {}
        for each in told[same:]:
            trial, attributes = self._step(each, shown, attributes, make)
            shown.append(trial)
            self._played.append((each, trial, attributes))
        return shown, attributes

    def _step(
        self, told: Told, shown: list[FrozenTrial], attributes: Mapping[str, Any], make: Make
    ) -> tuple[FrozenTrial, Mapping[str, Any]]:
        noted: dict[str, Any] = {}
        if told.standing is not Standing.PENDING:
            point, noted, attributes = self._study.ask(make(told.number), shown, attributes)
            if _POINT_TOLD in noted and point != told.point:
                place = self._study.unit(told.point, len(noted[_POINT_TOLD]))
                if place is None:
                    noted.clear()
                else:
                    noted[_POINT_TOLD] = place
        return self._study.freeze(len(shown), told, noted), attributes


class _Shown(InMemoryStorage):  # type: ignore[misc,unused-ignore]
    """A storage that shows the given trials as they are, uncopied, and after them its own one.

    That one, made for the point that is asked for, has the id 0, which none of ours has.
    """

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        super().__init__()
        self._shown = trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        trial_id: int = super().create_new_trial(study_id, template_trial)
        self.get_trial(trial_id).number = len(self._shown)
        return trial_id

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,  # noqa: ARG002
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        own = super().get_all_trials(study_id, deepcopy=False, states=states)
        return [trial for trial in self._shown if states is None or trial.state in states] + own


def _is_stateless(sampler: Any) -> bool:
    inner = getattr(sampler, "_base_sampler", None)
    return type(sampler).__name__ in _STATELESS or (
        type(sampler).__name__ == "PartialFixedSampler"
        and inner is not None
        and _is_stateless(inner)
    )


def _distribution(axis: Any) -> BaseDistribution:
    if isinstance(axis, Choice):
        return CategoricalDistribution(tuple(range(axis.size)))
    if isinstance(axis, Whole):
        return IntDistribution(axis.low, axis.high, log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def _suggest(trial: optuna.Trial, name: str, known: BaseDistribution) -> Coordinate:
    if isinstance(known, CategoricalDistribution):
        place: Coordinate = trial.suggest_categorical(name, known.choices)  # type: ignore[assignment]
        return place
    if isinstance(known, IntDistribution):
        return trial.suggest_int(name, known.low, known.high, log=known.log)
    assert isinstance(known, FloatDistribution)  # noqa: S101
    return trial.suggest_float(name, known.low, known.high, log=known.log)
