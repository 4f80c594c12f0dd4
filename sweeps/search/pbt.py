"""Population based training (`search: {type: pbt}`): settings that change while training goes on.

A population of members trains side by side. Each trial is one segment of one member's training: it
starts from the checkpoint folder of its parent, trains for a while, saves, and ends. When the next
segment of a member is due, its latest value is compared with the others' latest (of one that trains
just now: where it began):

  among the best, or in between   it goes on: own checkpoint, own config (its parent is itself)
  among the worst `quantile`      it copies: checkpoint and config of one of the best `quantile`,
                                  the config explored (its parent is that one)
  failed, or has no value         as among the worst; with nobody to copy it begins anew

Explored: each parameter is drawn afresh with probability `resample`; otherwise a number is
multiplied or divided by `perturb` (at least by one step, within its bounds), a choice among numbers
moves to a neighbour, and any other choice stays. A parameter that comes to be there by that is
drawn; constraints are kept. Who breaks limits of `metrics:` is behind all who break fewer.

Nobody waits for anybody: of the members whose segment is over the one with the oldest is next, with
what is known by then. Where more trials run at once than there are members, the population grows by
as many. So no generations are counted, a trial that never ends holds up its
own member alone, and a trial that is lost is run again with the same parent. `run_cap` is the
number of segments in all.

Snapshot: each member's newest trial, and that one's parent. Source: Jaderberg et al. 2017, arXiv
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
        self._newest: list[int] = []  # of each member
        self._parents: dict[int, int] = {}

    # -- proposing ----------------------------------------------------------------------------

    def _propose(self, number: int) -> dict[str, Any]:
        rng = generator(self._seed, number)
        idle = [each for each in self._newest if self._trials[each].over]
        if len(self._newest) < self._population or not idle:
            self._newest.append(number)
            return self._space.sample(rng)
        last = min(idle)
        parent = self._parent_after(last, rng)
        self._newest[self._newest.index(last)] = number
        if parent is None:
            return self._space.sample(rng)
        self._parents[number] = parent
        config = copy.deepcopy(dict(self._trials[parent].config))
        return config if parent == last else self._explore(config, rng)

    def parent(self, number: int) -> int | None:
        return self._parents.get(number)

    def _parent_after(self, last: int, rng: numpy.random.Generator) -> int | None:
        """Whose checkpoint goes on after segment `last`; None: nobody's."""
        own = self._trials[last].cost
        standing = [last] if own is not None else []
        for newest in self._newest:
            # one that trains stands where it began
            place = newest if self._trials[newest].over else self._parents.get(newest)
            if newest != last and place is not None and self._trials[place].cost is not None:
                standing.append(place)
        ranked = sorted((cost, each) for each in standing if (cost := self._trials[each].cost))
        share = math.floor(len(ranked) * self._quantile) or (1 if len(ranked) > 1 else 0)
        worst = own is None or (share > 0 and own > ranked[-share - 1][0])
        if not worst:
            return last
        best = [each for _, each in ranked[: max(share, 1)]]
        return int(best[rng.integers(len(best))]) if best else None

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
        first = number <= len(self._enqueue) and not any(each >= number for each in self._newest)
        if first:  # the file's own configs are the first members; `restore` knows what came after
            self._newest.append(number)

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
        return {"members": [[each, self._parents.get(each)] for each in self._newest]}

    def restore(self, snapshot: Mapping[str, Any] | None, trials: Iterable[TrialSeen]) -> None:
        super().restore(snapshot, trials)
        members = (snapshot or {}).get("members")
        if members is not None:
            self._newest = [newest for newest, _ in members if newest in self._trials]
            self._parents = {newest: parent for newest, parent in members if parent in self._trials}


def _somewhere(axis: Choice | Whole | Real, rng: numpy.random.Generator) -> Coordinate:
    """Uniform in coordinates, or in their logarithms."""
    if isinstance(axis, Choice):
        return int(rng.integers(axis.size))
    if axis.log:
        place = math.exp(rng.uniform(math.log(axis.low), math.log(axis.high)))
    else:
        place = rng.uniform(axis.low, axis.high)
    return min(max(round(place), axis.low), axis.high) if isinstance(axis, Whole) else float(place)
