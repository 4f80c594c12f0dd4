"""Our Gaussian process as a sampler for plain Optuna studies.

    study = optuna.create_study(sampler=GpSampler(seed=0))

(`from opensweep.optuna import GpSampler`.) All parameters that any trial has had are sampled
together. One that only some trials have is put under a condition where what the trials show has a
simple reason: another parameter, a choice or a small whole number, that had one set of values
wherever it was there, and none of them wherever it was not. A parameter that is new, or turns up
where it was not expected, is drawn at random that once.

What the model is told: COMPLETE trials with their values; PRUNED ones with their last intermediate
value, as stopped; FAIL ones as failed; RUNNING ones as pending, by what was proposed for them. A
value that is not finite is a failure. `constraints_func` (and, where Optuna has it,
`trial.set_constraint`) makes limits; several directions make several objectives.

The same seed, trials and numbers of trials give the same parameters, in whatever process. Needs
NumPy and SciPy alone. Neighbours: gp/model.py (who proposes), axes.py (how it sees a space).
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sweeps.conditions import When
from sweeps.distributions import (
    Categorical,
    Distribution,
    IntUniform,
    LogUniform,
    Uniform,
    canonical,
    is_number,
)
from sweeps.search.axes import Axes, Coordinate
from sweeps.search.base import generator
from sweeps.search.gp.model import GpModel
from sweeps.search.observation import Observation, Standing
from sweeps.space import Parameter, Space

_PROPOSED = "opensweep:gp:proposed"
_CONSTRAINTS = "constraints"  # where Optuna's own samplers keep them, too
_MOST_LEVELS = 32  # of a whole number that others may hang on
_STATES = {
    TrialState.COMPLETE: Standing.FINISHED,
    TrialState.PRUNED: Standing.STOPPED,
    TrialState.FAIL: Standing.FAILED,
    TrialState.RUNNING: Standing.PENDING,
}

Constraints = Callable[[FrozenTrial], Sequence[float]]


class GpSampler(BaseSampler):  # type: ignore[misc,unused-ignore]
    """Gaussian process with log expected improvement, over mixed and conditional spaces.

    Args:
        seed: of all randomness; None: drawn, and then each process has its own.
        constraints_func: of a trial that ended with values, by how much it breaks each limit
            (above 0) or keeps it; called once, as Optuna's samplers do.
        independent_sampler: for parameters that are new; None: random.

    Raises:
        TypeError: the seed is no whole number.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        constraints_func: Constraints | None = None,
        independent_sampler: BaseSampler | None = None,
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | numpy.integer | None):
            raise TypeError(f"GpSampler: seed is a whole number or None, not {seed!r}.")
        self._seed = int(numpy.random.default_rng().integers(2**63) if seed is None else seed)
        self._constraints_func = constraints_func
        self._independent = independent_sampler
        self._lock = threading.Lock()  # threads of `n_jobs` share a sampler
        self._known: tuple[_Seen, GpModel] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_known": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def reseed_rng(self) -> None:
        if self._independent is not None:
            self._independent.reseed_rng()

    def infer_relative_search_space(
        self,
        study: Study,
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        return {name: known for name, known in _union(_trials(study)).items() if not known.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        others = [each for each in _trials(study) if each.number != trial.number]
        seen = _Seen.of(search_space, others)
        with self._lock:
            if self._known is None or self._known[0] != seen:
                self._known = seen, GpModel(Axes(seen.space()), self._seed)
            point = self._known[1].propose(
                _observations(seen, study, others), rng=generator(self._seed, trial.number + 1)
            )
        if point is None:
            return {}
        found = {name: seen.parameters[name].value(place) for name, place in point.items()}
        # for those that are sampled before this one has suggested everything
        study._storage.set_trial_system_attr(trial._trial_id, _PROPOSED, json.dumps(point))
        return found

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        sampler = self._independent
        if sampler is None:
            draw = sum(map(ord, param_name))  # not hash(), which each process has its own of
            seed = int(generator(self._seed, trial.number + 1, draw).integers(2**32))
            sampler = RandomSampler(seed=seed)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        if self._independent is not None:
            self._independent.before_trial(study, trial)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        if self._constraints_func is not None and state in (
            TrialState.COMPLETE,
            TrialState.PRUNED,
        ):
            found = [float(value) for value in self._constraints_func(trial)]
            if any(math.isnan(value) for value in found):
                raise ValueError("constraints_func gave a NaN.")
            study._storage.set_trial_system_attr(trial._trial_id, _CONSTRAINTS, found)
        if self._independent is not None:
            self._independent.after_trial(study, trial, state, values)


# -- how parameters are seen ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Parameter:
    """A parameter of a study: a distribution of ours whose axis has these coordinates."""

    theirs: BaseDistribution

    @property
    def ours(self) -> Distribution:
        known = self.theirs
        if isinstance(known, CategoricalDistribution):
            return Categorical(self.labels)
        if self._steps is not None:
            return IntUniform(0, self._steps)
        if isinstance(known, IntDistribution):
            return LogUniform(known.low, known.high, 1)
        assert isinstance(known, FloatDistribution)  # noqa: S101
        return (LogUniform if known.log else Uniform)(known.low, known.high)

    @property
    def labels(self) -> tuple[Any, ...]:
        """Of a categorical one: numbers as they are, for they have an order; else their places."""
        assert isinstance(self.theirs, CategoricalDistribution)  # noqa: S101
        choices = self.theirs.choices
        distinct = len({canonical(choice) for choice in choices}) == len(choices)
        if distinct and all(is_number(choice) for choice in choices):
            return tuple(choices)
        return tuple(f"#{place}" for place in range(len(choices)))

    @property
    def _steps(self) -> int | None:
        """How many steps there are from the lowest value to the highest."""
        known = self.theirs
        if isinstance(known, CategoricalDistribution) or known.log:  # type: ignore[attr-defined]
            return None
        step = known.step  # type: ignore[attr-defined]
        span = known.high - known.low  # type: ignore[attr-defined]
        return None if step is None else math.floor(span / step + 1e-8)

    def place(self, value: Any) -> Coordinate:
        """The coordinate of a value, which may lie outside by now."""
        known = self.theirs
        if isinstance(known, CategoricalDistribution):
            return int(known.to_internal_repr(value))
        low, high = known.low, known.high  # type: ignore[attr-defined]
        inside: Coordinate = min(max(value, low), high)
        if self._steps is not None:
            place: int = round((inside - low) / known.step)  # type: ignore[attr-defined]
            return place
        return int(inside) if isinstance(known, IntDistribution) else float(inside)

    def value(self, place: Coordinate) -> Any:
        known = self.theirs
        if isinstance(known, CategoricalDistribution):
            return known.choices[int(place)]
        if self._steps is None:
            return int(place) if isinstance(known, IntDistribution) else float(place)
        found = known.low + int(place) * known.step  # type: ignore[attr-defined]
        return int(found) if isinstance(known, IntDistribution) else min(found, known.high)  # type: ignore[attr-defined]

    def label(self, place: Coordinate) -> Any:
        """What a condition says where the coordinate is this."""
        return self.labels[int(place)] if self._is_choice else int(place)

    @property
    def _is_choice(self) -> bool:
        return isinstance(self.theirs, CategoricalDistribution)

    @property
    def decides(self) -> bool:
        """Whether others may hang on it."""
        if self._is_choice:
            return True
        return self._steps is not None and self._steps < _MOST_LEVELS


@dataclass(frozen=True)
class _Seen:
    """A study's space, as far as its trials show it.

    Attributes:
        parameters: by name.
        absent: of one that is not always there: the parameter that says so, and the coordinates
            of that one at which it never was.
    """

    parameters: Mapping[str, _Parameter]
    absent: Mapping[str, tuple[str, frozenset[Coordinate]]]

    @classmethod
    def of(
        cls, search_space: Mapping[str, BaseDistribution], trials: Sequence[FrozenTrial]
    ) -> _Seen:
        parameters = {name: _Parameter(known) for name, known in search_space.items()}
        # a running trial may have more to come
        points = [
            _place(each, parameters) for each in trials if each.state in (
                TrialState.COMPLETE, TrialState.PRUNED,
            )
        ]  # fmt: skip
        absent: dict[str, tuple[str, frozenset[Coordinate]]] = {}
        for name in parameters:
            without = [point for point in points if name not in point]
            if not without:
                continue
            within = [point for point in points if name in point]
            for parent, known in parameters.items():
                if parent == name or not known.decides or _above(absent, parent, name):
                    continue
                never = {point[parent] for point in without if parent in point}
                if never and all(
                    parent in point and point[parent] not in never for point in within
                ):
                    absent[name] = parent, frozenset(never)
                    break
        return cls(parameters, absent)

    def space(self) -> Space:
        return Space(
            tuple(
                Parameter((name,), parameter.ours, self._when(name))
                for name, parameter in self.parameters.items()
            )
        )

    def _when(self, name: str) -> tuple[When, ...]:
        if name not in self.absent:
            return ()
        parent, never = self.absent[name]
        known = self.parameters[parent]
        ours = known.ours
        places = range(len(ours.values) if isinstance(ours, Categorical) else _high(ours) + 1)
        values = tuple(known.label(place) for place in places if place not in never)
        return (When((parent,), values),) if values else ()


def _high(ours: Distribution) -> int:
    assert isinstance(ours, IntUniform)  # noqa: S101
    return ours.high


def _above(absent: Mapping[str, tuple[str, Any]], name: str, other: str) -> bool:
    """Whether `name` hangs on `other`, by however many steps."""
    while name in absent:
        name = absent[name][0]
        if name == other:
            return True
    return False


def _place(trial: FrozenTrial, parameters: Mapping[str, _Parameter]) -> dict[str, Coordinate]:
    point: dict[str, Coordinate] = {}
    for name, value in trial.params.items():
        if name in parameters:
            try:
                point[name] = parameters[name].place(value)
            except (ValueError, TypeError):
                continue  # of another distribution
    return point


def _trials(study: Study) -> list[FrozenTrial]:
    return [each for each in study.get_trials(deepcopy=False) if each.state in _STATES]


def _union(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """All parameters in the order in which they turned up, as their newest trial had them."""
    found: dict[str, BaseDistribution] = {}
    for trial in trials:
        found.update(trial.distributions)
    return found


# -- what the model is told -----------------------------------------------------------------------


def _observations(seen: _Seen, study: Study, trials: Sequence[FrozenTrial]) -> list[Observation]:
    signs = [-1.0 if each is StudyDirection.MAXIMIZE else 1.0 for each in study.directions]
    broken = [_constraints(each) for each in trials]
    names = sorted({name for each in broken for name in each})
    return [
        _observe(seen, each, signs, tuple(excess.get(name) for name in names))
        for each, excess in zip(trials, broken, strict=True)
    ]


def _observe(
    seen: _Seen, trial: FrozenTrial, signs: Sequence[float], excess: tuple[float | None, ...]
) -> Observation:
    standing, point = _STATES[trial.state], _place(trial, seen.parameters)
    if standing is Standing.PENDING:
        proposed = json.loads(trial.system_attrs.get(_PROPOSED, "{}"))
        point = {name: place for name, place in proposed.items() if name in seen.parameters} | point
    curve = tuple(
        signs[0] * value
        for _, value in sorted(trial.intermediate_values.items())
        if math.isfinite(value)
    )
    costs: list[float | None] = [None] * len(signs)
    if standing is Standing.FINISHED:
        costs = [sign * value for sign, value in zip(signs, trial.values, strict=True)]
    elif standing is Standing.STOPPED and curve:
        costs[0] = curve[-1]
    if standing in (Standing.FINISHED, Standing.STOPPED) and not all(
        cost is None or math.isfinite(cost) for cost in costs
    ):
        costs = [None] * len(signs)
    if standing is not Standing.PENDING and costs[0] is None:
        standing = Standing.FAILED
    return Observation(
        trial.number + 1, point, standing, costs[0], curve, others=tuple(costs[1:]), excess=excess
    )


def _constraints(trial: FrozenTrial) -> dict[str, float]:
    found = getattr(trial, _CONSTRAINTS, None)  # newer than Optuna 4
    if isinstance(found, Mapping):
        return {str(name): float(value) for name, value in found.items()}
    listed = trial.system_attrs.get(_CONSTRAINTS) or ()
    return {str(place): float(value) for place, value in enumerate(listed)}
