"""Any of Optuna's samplers as a searcher (`search: {sampler: CmaEsSampler, …}`).

The sampler is asked through a study made for each point (`optuna_study`), with a seed drawn from
(sweep's seed, trial's number), so that a restart changes nothing; a `seed` in the file takes the
place of the sweep's. What it is told of each trial:

  finished             COMPLETE, with its objectives; without one of them, as if it had failed
  stopped              PRUNED, at its last iteration with its value there
  failed, canceled     PRUNED without a value: the worst, where pruned trials count (TPE); nothing
                       to the others
  queued, running, …   RUNNING, with its latest value
  prior runs           as finished or failed ones, before all others; not those that have no value
                       of a further objective or limit

So `impute` and `impute_while_running` mean nothing here. All costs: smaller is better. A point that
breaks `constraints:`, or that was tried before, is drawn again; of a finite space none is tried
twice while others are left. What the sampler proposes is a point of the axes (`axes`): a
categorical parameter is a choice among indices, and a distribution that is neither flat nor
logarithmic its quantile.

Snapshot: how far a quasi-random sequence is; nothing for the others.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweeps.distributions import IntUniform
from sweeps.errors import SpecError
from sweeps.metrics import Goal, Measure, Metric
from sweeps.search.axes import Axes, Choice, Coordinate, Real
from sweeps.search.base import Ended, Prior, Searcher, generator
from sweeps.search.observation import Standing
from sweeps.search.optuna_names import SAMPLER, Given, build, named, sentence, takes
from sweeps.search.optuna_study import OptunaStudy, Told
from sweeps.section import Origin, Section, did_you_mean
from sweeps.space import Space
from sweeps.trial import TrialState

_DRAWS = 5  # goes at a point that was not tried before
_LAWFUL_DRAWS = 30  # goes at one that keeps the constraints
_SEEDS = 2**32
_BLIND = ("BruteForceSampler", "QMCSampler", "RandomSampler")  # look at no value of any metric


@dataclass(slots=True)
class _Trial:
    """What is known of a trial, in the user's direction."""

    point: dict[str, Coordinate] | None  # None: a config that is not of this space
    standing: Standing = Standing.PENDING
    objective: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    last: tuple[int, float] | None = None
    told: Told | None = None  # as Optuna was shown it; None: something is new


class OptunaSearch(Searcher):
    """Search by a sampler of Optuna's.

    Args:
        space: what to search.
        seed: of all randomness.
        settings: the `search` section: `sampler`, and its arguments.
        metric: what trials report.
        measures: further objectives, and limits.
        enqueue: full configs to try first.

    Raises:
        SpecError: there is no such sampler, or it does not take these arguments, this space, or
            this many objectives.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        settings: Mapping[str, Any] | Section,
        *,
        metric: Metric,
        measures: Sequence[Measure] = (),
        enqueue: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        section = settings
        if not isinstance(section, Section):
            section = Section(section, Origin(), ("search",))
        own = section.whole("seed", at_least=0) if "seed" in section else seed
        super().__init__(own, enqueue)
        self._space = space
        self._axes = Axes(space)
        self._section = Section(
            {k: v for k, v in section.data.items() if k != "seed"}, section.origin, section.at
        )
        self._maximize = metric.goal is Goal.MAXIMIZE
        self._others = [each for each in measures if each.goal is not None]
        self._limits = [each for each in measures if each.limited]
        self._exhaustive = section.data["sampler"] == "BruteForceSampler"
        self._trials: dict[int, _Trial] = {}
        self._tried: set[Hashable] = set()
        self._check(section)
        self._study = OptunaStudy(self._axes, 1 + len(self._others), self._sampler)

    def _check(self, section: Section) -> None:
        name = section.data["sampler"]
        if self._exhaustive:
            endless = [n for n, axis in self._axes.by_name.items() if isinstance(axis, Real)]
            if endless:
                raise section.error(
                    f"{name} tries every value, and {endless[0]} is a real number.",
                    "sampler",
                    hint="Give it `values`, or a distribution with a step q.",
                )
        self._sampler(1)  # what is wrong with itself comes first
        if name == "CmaEsSampler" and isinstance(section.data.get("x0"), Mapping):
            numbers = [
                each
                for each, axis in self._axes.by_name.items()
                if not isinstance(axis, Choice)
                and axis.size != 1
                and each not in self._axes.conditions
            ]
            lacks = [f"`{each}`" for each in numbers if each not in section.data["x0"]]
            if lacks:
                raise section.error(
                    f"lacks {', '.join(lacks)}: it has a value for each number that is searched.",
                    "x0",
                )
        limited = self._limits and name not in _BLIND
        if limited and not takes(SAMPLER, section, "constraints_func"):
            raise section.error(
                f"{name} knows no limits on metrics (at_most, at_least).",
                "sampler",
                hint="TPESampler, NSGAIISampler, NSGAIIISampler and GPSampler do, and so does gp.",
            )
        # One toy point: a sampler says only then that it takes no more than one objective.
        study = OptunaStudy(self._axes, 1 + len(self._others), self._sampler)
        try:
            study.propose([], self._sampler(1))
        except SpecError:
            raise
        except Exception as error:
            text = sentence(error)
            where = named(section, text) or ("sampler",)
            hint = None
            if self._others:
                hint = "TPESampler, NSGAIISampler and NSGAIIISampler take several objectives, and "
                hint += "so does gp."
            raise section.error(f"{name} refuses this sweep: {text}", *where, hint=hint) from None

    def _sampler(self, number: int, draw: int = 0) -> Any:
        arguments: dict[str, Any] = {"seed": self._number_of(number, draw)}
        if self._section.data["sampler"] == "QMCSampler":
            # One sequence for the whole sweep; what stands beside it is random by trial.
            arguments["independent_sampler"] = build(
                SAMPLER, Section({"sampler": "RandomSampler"}, Origin()), Given(arguments)
            )
            arguments["seed"] = self._number_of(0, 0)
        if self._limits:
            arguments["constraints_func"] = _constraints
        return build(SAMPLER, self._section, Given(arguments, self._encode))

    def _number_of(self, number: int, draw: int) -> int:
        return int(generator(self._seed, number, draw).integers(_SEEDS))

    def _encode(self, name: str, value: Any) -> Coordinate:
        axis = self._axes.by_name.get(name)
        if axis is None:
            hint = did_you_mean(name, self._axes.by_name, "There are")
            raise ValueError(f"there is no such parameter to be searched. {hint}")
        known = next(p.distribution for p in self._space.parameters if p.name == name)
        if isinstance(known, IntUniform) and isinstance(value, float) and value.is_integer():
            value = int(value)
        place = axis.encode(value) if known.contains(value) else None
        if place is None:
            raise ValueError(f"must be {known.describe()}, not {value!r}.")
        return place

    # -- proposing ----------------------------------------------------------------------------

    @property
    def total(self) -> int | None:
        return self._axes.size if self._exhaustive else None

    def _propose(self, number: int) -> dict[str, Any] | None:
        told = self._told()
        fallback: dict[str, Any] | None = None
        draws = 0
        for draw in range(_LAWFUL_DRAWS):
            point = self._study.propose(told, self._sampler(number, draw))
            if not self._axes.allows(point):
                continue
            config = self._axes.decode(point)
            if self._axes.key(config) not in self._tried:
                return config
            fallback, draws = fallback or config, draws + 1
            if draws == _DRAWS:
                break
        if fallback is None:
            fallback = self._space.sample(generator(self._seed, number))
            if self._axes.key(fallback) not in self._tried:
                return fallback
        if self._axes.size is not None:
            for free in self._axes.ring(fallback):
                if self._axes.key(free) not in self._tried:
                    return free
            if self._exhaustive:
                return None
        return fallback

    def snapshot(self) -> dict[str, Any]:
        return dict(self._study.counters)

    def restore(self, snapshot: Mapping[str, Any] | None, trials: Any) -> None:
        self._study.counters = dict(snapshot or {})
        super().restore(snapshot, trials)

    # -- what is known ------------------------------------------------------------------------

    def _on_prior(self, run: Prior) -> None:
        point = self._axes.encode(run.config)
        if point is None:
            return
        usable = _finite(run.objective) is not None
        trial = _Trial(
            point,
            Standing.FINISHED if usable else Standing.FAILED,
            _finite(run.objective),
            run.metrics,
        )
        # What is not known of a run is no failure of it.
        if not usable or (self._values(trial) is not None and self._excess(trial) is not None):
            self._trials[min(self._trials, default=0) - 1] = trial
        self._tried.add(self._axes.key(self._axes.decode(point)))

    def _on_suggested(self, number: int, config: Mapping[str, Any]) -> None:
        self._trials[number] = _Trial(self._axes.encode(config))
        self._tried.add(self._axes.key(config))

    def _on_reported(self, number: int, iteration: int, value: float) -> None:
        trial = self._trials.get(number)
        if trial is None or not math.isfinite(value):
            return
        if trial.last is None or iteration >= trial.last[0]:
            trial.last, trial.told = (iteration, value), None

    def _on_ended(self, end: Ended) -> None:
        trial = self._trials.get(end.number)
        if trial is None:
            return
        trial.standing = {
            TrialState.FINISHED: Standing.FINISHED,
            TrialState.STOPPED: Standing.STOPPED,
        }.get(end.state, Standing.FAILED)
        trial.objective, trial.metrics = _finite(end.objective), end.metrics
        trial.told = None

    # -- what the sampler is told -------------------------------------------------------------

    def _told(self) -> list[Told]:
        return [
            self._tell(number, trial)
            for number, trial in sorted(self._trials.items())
            if trial.point is not None
        ]

    def _tell(self, number: int, trial: _Trial) -> Told:
        if trial.told is None:
            values, excess = self._values(trial), self._excess(trial)
            standing, last = trial.standing, trial.last
            if standing is Standing.STOPPED and last is None and trial.objective is not None:
                last = (0, trial.objective)
            if standing is Standing.FINISHED and (values is None or excess is None):
                standing = Standing.FAILED
            if standing is Standing.STOPPED and self._others and values is not None:
                standing = Standing.FINISHED  # its values are as good as any: nothing compares
            if last is not None and self._maximize:
                last = (last[0], -last[1])
            trial.told = Told(number, trial.point or {}, standing, values, last, excess or ())
        return trial.told

    def _values(self, trial: _Trial) -> tuple[float, ...] | None:
        if trial.objective is None:
            return None
        costs = [-trial.objective if self._maximize else trial.objective]
        for each in self._others:
            value = _finite(trial.metrics.get(each.name))
            if value is None:
                return None
            costs.append(-value if each.goal is Goal.MAXIMIZE else value)
        return tuple(costs)

    def _excess(self, trial: _Trial) -> tuple[float, ...] | None:
        """() where there are no limits, None where one of their metrics is unknown."""
        found = []
        for limit in self._limits:
            excess = limit.excess(_finite(trial.metrics.get(limit.name)))
            if excess is None:
                return None
            found.append(excess)
        return tuple(found)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _constraints(trial: Any) -> Sequence[float]:
    found: Sequence[float] = trial.system_attrs.get("constraints", ())
    return found
