"""Population based training (`search: {type: pbt}`): settings that change while training goes on.

A population of members trains side by side. Each trial is one segment of one member's training: it
starts from the checkpoint folder of its parent, trains for a while, saves, and ends. A member's age
is the number of segments behind its checkpoint, from its first on, whoever trained them. When the
next segment of a member is due, its value is compared with those that the others had at that age
(or the latest before, where they are not so far yet): nobody is better for being older.

  among the best, or in between   it goes on: own checkpoint, own config (its parent is itself)
  among the worst `quantile`      it copies: checkpoint and config of one of the best `quantile` at
                                  that age, as they were then, the config explored
  failed, or has no value         as among the worst; with nobody to copy it begins anew

Explored: each parameter is drawn afresh with probability `resample`; otherwise a number is
multiplied or divided by `perturb` (at least by one step, within its bounds), a choice among numbers
moves to a neighbour, and any other choice stays. A parameter that comes to be there by that is
drawn; constraints are kept. Who breaks limits of `metrics:` is behind all who break fewer.

Nobody waits for anybody: of the members whose segment is over the youngest is next, of these the
one with the oldest trial, with what is known by then. So with fewer slots than members these take
turns, and each has its share of `run_cap`, the number of segments in all. Who copies does not get
older by that, or the turns would be spent on one line; but who is behind the mean age of all (on a
slow machine, say) copies what is best at that. Where more trials run at once than there are
members, the population grows by as many. No generations are counted, a trial that never ends holds
up its own member alone, and a trial that is lost is run again with the same parent.

Snapshot: each member's age and newest trials, its `line`. Source: Jaderberg et al. 2017, arXiv
1711.09846, section 4.1 (truncation selection; perturb and resample), asynchronous as in its
algorithm 1. Neighbours: the agent brings the parent's folder to the trial (agent/checkpoints.py);
`stopping.segment` ends segments that do not end by themselves.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from sweeps.distributions import is_number
from sweeps.metrics import Measure, keeps
from sweeps.search.axes import Axes, Choice, Coordinate, Real, Whole
from sweeps.search.base import Ended, Searcher, TrialSeen, generator
from sweeps.space import Space
from sweeps.trial import TrialState

_DRAWS = 30  # goes at an explored config that keeps the constraints
_BACK = 20  # trials of a line that are known: values at ages before that are out of reach


@dataclass(slots=True)
class _Trial:
    """A segment; `value` is its latest, smaller being better."""

    config: Mapping[str, Any]
    over: bool = False
    failed: bool = False
    iteration: int = 0
    value: float | None = None
    scored: float | None = None  # where no value was reported on the way
    broken: int = 0  # so many limits

    @property
    def cost(self) -> tuple[int, float] | None:
        """None: it cannot be compared, or copied."""
        if not self.over or self.failed:
            return None
        value = self.scored if self.value is None else self.value
        return None if value is None else (self.broken, value)


@dataclass(slots=True)
class _Member:
    """`line`: its trials, the newest first, each the child of the next; `age`: the newest's."""

    age: int
    line: list[int]


class PopulationSearch(Searcher):
    """Population based training.

    Args:
        space: what may change between segments.
        seed: of all randomness.
        maximize: the objective is to grow.
        population: members, at least 2.
        quantile: in (0, 0.5], the share that copies and the share that is copied; at least one
            member each.
        perturb: above 1.
        resample: in [0, 1].
        measures: limits; there is one objective.
        enqueue: full configs of the first members.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        *,
        maximize: bool,
        population: int,
        quantile: float,
        perturb: float,
        resample: float,
        measures: Sequence[Measure] = (),
        enqueue: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(seed, enqueue)
        self._space, self._axes = space, Axes(space)
        self._sign = -1.0 if maximize else 1.0
        self._population, self._quantile = population, quantile
        self._perturb, self._resample = perturb, resample
        self._limits = [each for each in measures if each.limited]
        self._trials: dict[int, _Trial] = {}
        self._members: list[_Member] = []

    # -- proposing ----------------------------------------------------------------------------

    def _propose(self, number: int) -> dict[str, Any]:
        rng = generator(self._seed, number)
        idle = [each for each in self._members if self._trials[each.line[0]].over]
        if len(self._members) < self._population or not idle:
            self._members.append(_Member(1, [number]))
            return self._space.sample(rng)
        member = min(idle, key=lambda each: (each.age, each.line[0]))
        last = member.line[0]
        age, line = self._line_after(member, rng)
        member.age, member.line = age + 1, [number, *line]
        youngest = min(each.age for each in self._members)
        for each in self._members:  # values before the youngest's age, nobody is compared with
            del each.line[min(each.age - youngest + 2, _BACK) :]
        if not line:
            return self._space.sample(rng)
        config = copy.deepcopy(dict(self._trials[line[0]].config))
        return config if line[0] == last else self._explore(config, rng)

    def parent(self, number: int) -> int | None:
        lines = (each.line for each in self._members)
        return next((line[1] for line in lines if line[0] == number and len(line) > 1), None)

    def _line_after(self, member: _Member, rng: numpy.random.Generator) -> tuple[int, list[int]]:
        """What `member` goes on from: the age of a checkpoint and its line; (0, []): nothing."""
        own = self._trials[member.line[0]].cost
        ranked = self._ranked(member.age)
        share = math.floor(len(ranked) * self._quantile) or (1 if len(ranked) > 1 else 0)
        worst = own is None or (share > 0 and own > ranked[-share - 1][0])
        if not worst:
            return member.age, member.line
        mean = sum(each.age for each in self._members) // len(self._members)
        best = (self._ranked(mean) if mean > member.age else ranked)[: max(share, 1)]
        if not best:
            return 0, []
        _, _, age, line = best[rng.integers(len(best))]
        return age, line

    def _ranked(self, age: int) -> list[tuple[tuple[int, float], int, int, list[int]]]:
        """Cost, trial, age and line of each member as it was at `age`, the best first."""
        found = []
        for member in self._members:
            places = [
                (cost, trial, member.age - back, member.line[back:])
                for back, trial in enumerate(member.line)
                if (cost := self._trials[trial].cost) is not None
            ]  # the newest first; one that trains, or failed, stands where it began
            if places:
                found.append(next((each for each in places if each[2] <= age), places[-1]))
        return sorted(found)

    def _explore(self, config: dict[str, Any], rng: numpy.random.Generator) -> dict[str, Any]:
        here = self._axes.encode(config)
        if here is None:
            return config  # not of this space: it stays as it is
        for _ in range(_DRAWS):
            fresh = self._axes.encode(self._space.nest(self._space.draw(rng))) or {}
            point: dict[str, Coordinate] = {}
            for name, axis in self._axes.by_name.items():
                draw, up = rng.random(), rng.random() < 0.5
                conditions = self._axes.conditions.get(name, ())
                if not all(c.parent in point and c.holds(point[c.parent]) for c in conditions):
                    continue
                if name in here and draw >= self._resample:
                    point[name] = self._moved(axis, here[name], up)
                elif name in fresh:
                    point[name] = fresh[name]
                else:  # there, but not in the fresh draw
                    point[name] = _somewhere(axis, rng)
            if self._axes.allows(point):
                return self._axes.decode(point)
        return config

    def _moved(self, axis: Choice | Whole | Real, place: Coordinate, up: bool) -> Coordinate:
        if isinstance(axis, Choice):
            if not all(is_number(value) for value in axis.values):
                return place
            ranks = sorted(range(axis.size), key=lambda index: axis.values[index])
            rank = ranks.index(int(place)) + (1 if up else -1)
            return ranks[min(max(rank, 0), axis.size - 1)]
        value = axis.decode(place) * (self._perturb if up else 1 / self._perturb)
        moved = axis.encode(value)
        if isinstance(axis, Whole) and (moved is None or moved == place):
            return min(max(int(place) + (1 if up else -1), axis.low), axis.high)
        return place if moved is None else moved

    # -- what is known ------------------------------------------------------------------------

    def _on_suggested(self, number: int, config: Mapping[str, Any]) -> None:
        self._trials[number] = _Trial(copy.deepcopy(dict(config)))
        known = any(each.line[0] >= number for each in self._members)
        if number <= len(self._enqueue) and not known:
            # the file's own configs are the first members; `restore` knows what came after
            self._members.append(_Member(1, [number]))

    def _on_reported(self, number: int, iteration: int, value: float) -> None:
        trial = self._trials.get(number)
        if trial is not None and math.isfinite(value) and iteration >= trial.iteration:
            trial.iteration, trial.value = iteration, self._sign * value

    def _on_ended(self, end: Ended) -> None:
        trial = self._trials.get(end.number)
        if trial is None:
            return
        trial.over = True
        trial.failed = end.state not in (TrialState.FINISHED, TrialState.STOPPED)
        if end.objective is not None and math.isfinite(end.objective):
            trial.scored = self._sign * end.objective
        trial.broken = sum(not keeps([each], end.metrics) for each in self._limits)

    def snapshot(self) -> dict[str, Any]:
        return {"lines": [[each.age, *each.line] for each in self._members]}

    def restore(self, snapshot: Mapping[str, Any] | None, trials: Iterable[TrialSeen]) -> None:
        super().restore(snapshot, trials)
        lines = (snapshot or {}).get("lines")
        if lines is not None:
            self._members = [
                _Member(age, [each for each in line if each in self._trials])
                for age, *line in lines
                if line[0] in self._trials
            ]


def _somewhere(axis: Choice | Whole | Real, rng: numpy.random.Generator) -> Coordinate:
    """Uniform in coordinates, or in their logarithms."""
    if isinstance(axis, Choice):
        return int(rng.integers(axis.size))
    if axis.log:
        place = math.exp(rng.uniform(math.log(axis.low), math.log(axis.high)))
    else:
        place = rng.uniform(axis.low, axis.high)
    return min(max(round(place), axis.low), axis.high) if isinstance(axis, Whole) else float(place)
