"""Stops a trial that has little chance of winning (`early_terminate: {type: curve}`).

At checkpoints min_iter, 3/2 of it and so on (rounded, and each at least one further; the last is
max_iter) a trial's best cost so far is entered, and from the gains that trials made from there on
(extrapolation.py) comes the chance that it beats the best value of all trials by the last
checkpoint. It is stopped, then and there, when that chance is below `threshold`. With min_iter 3
and max_iter 20 the checkpoints are 3, 5, 8, 12, 20. Where no max_iter is given, the last
checkpoint is the last that `min_trials` trials have reached. Nobody is stopped for its chance while
fewer than `min_trials` have come that far, nor the trial that has the best value.

Two more reasons end a trial. From the first trial on, and beside the chances, `asha` halves: at
min_iter, eta times it and so on the best 1/eta go on (`eta: null`: no halving). And a trial that
repeats another one value for value, with three different values at least, is stopped at its second
checkpoint, and its rank counts no more: a parameter that has no effect makes the same curve twice,
and copies of the best are no reason to stop the others.

Every fifth trial is halved among its like and the first ten: `bayes` draws it at random
(search/allocator.py). A model may come to propose what begins well, trial after trial, and ranked
among all of these nothing would live that begins slowly and ends better. So random draws with
halving are worth what they are alone, for a fifth of the trials at least. Worked out, eta 3: trials
1 to 10 and 15 are at 0.8 by min_iter, 20 is at 0.5, and all others are at 0.4. 20 is the best of
the twelve that it is ranked among, and goes on; among all twenty it is the ninth, and six go on.

A stated chance must hold: among trials that are given 10 %, one in ten has to win. So what the
regressions say (raw) is corrected twice:

    chance = 0.005 + 0.99 · c · raw,    c = (5 + Σ won) / (10 + Σ raw),    at most 0.995

The sums run over the trials that came to the last checkpoint, each with the average over its
earlier checkpoints of raw, and of whether it did beat the value that was the best then. c is 1/2
before there are any: whoever leads owes some of it to luck, and gains dry up; on the curves of
neural networks that the rule was developed on, raw chances are twice too high, nearly throughout.
And about one in 200 comes from far behind, whatever the model.

Worked out: raw 0.3, with five trials that had Σ raw = 2 and of which one won:
c = (5 + 1)/(10 + 2) = 0.5, chance = 0.005 + 0.99 · 0.5 · 0.3 = 15.4 %.

A small threshold saves nearly as much as a larger one, and keeps the late starters: a new trial has
no better chance than 1 % either once the best is good. So that is the default.

The decision falls in `report`, so that it depends on the order of the reports alone; regressions
and c are made anew only when a twentieth more is known. The idea is Swersky, Snoek and Adams 2014,
"Freeze-Thaw Bayesian Optimization" (arXiv 1406.3896), and Domhan, Springenberg and Hutter 2015
(IJCAI), section 4.2: "probability of beating the best" as a criterion; the model of curves is not
theirs. Neighbours: `asha`, which asks for a rank at a rung; `plateau`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sweeps.stopping.asha import Asha
from sweeps.stopping.base import GO_ON, StoppingRule, Verdict
from sweeps.stopping.extrapolation import Scale, Stage, chance_above, outlook, stages_of

DESIGNED = 10
"""The first trials, which fill the space evenly, whoever proposes."""
DRAWN = 5
"""Every so many-th trial `bayes` draws at random, as long as trials are stopped early."""

_GROWTH = 1.5  # from checkpoint to checkpoint
_PRIOR_WON, _PRIOR_SAID = 5.0, 10.0
_NEVER_BELOW = 0.005
_FRESH = 0.05  # share of new entries that makes the regressions stale
_VARIED = 3  # different values of a curve that can be told from another


@dataclass(slots=True)
class _Curve:
    iterations: int = 0
    best: float = float("inf")
    at_checks: list[float] = field(default_factory=list)  # its best by each checkpoint
    raw: list[tuple[float, float]] = field(default_factory=list)  # (chance, best of all then)
    values: int = 0  # a hash of all of them
    different: set[float] = field(default_factory=set)  # the first few
    repeats: bool = False  # another trial
    verdict: Verdict = GO_ON


class Curve(StoppingRule):
    """Stopping by the chance to beat the best.

    Args:
        threshold: a trial with a smaller chance is stopped; above 0 and below 1.
        min_iter: no trial is stopped before this iteration; at least 1.
        max_iter: the full length of a trial; None: not known.
        min_trials: so many trials must have come to the end; at least 3.
        eta: 1/eta of the trials go on at the rungs of `asha`; above 1. None: no halving.
        maximize: the objective is to grow.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.01,
        min_iter: int = 2,
        max_iter: int | None = None,
        min_trials: int = 5,
        eta: float | None = 3.0,
        maximize: bool,
    ) -> None:
        super().__init__(maximize=maximize)
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must be above 0 and below 1, not {threshold}")
        if min_iter < 1 or min_trials < 3:
            raise ValueError(
                f"curve needs min_iter >= 1 and min_trials >= 3, not {min_iter} and {min_trials}"
            )
        if max_iter is not None and max_iter <= min_iter:
            raise ValueError(
                f"curve has no checkpoint: min_iter {min_iter} is not below {max_iter}"
            )
        self._halvings: tuple[Asha, ...] = ()  # among all trials, and among random draws
        if eta is not None:
            self._halvings = tuple(
                Asha(min_iter=min_iter, eta=eta, max_iter=max_iter, maximize=maximize)
                for _ in range(2)
            )
        self.rungs = self._halvings[0].rungs if self._halvings else ()
        self._repeatable: dict[int, int] = {}  # hash of a curve's beginning: whose it was first
        self._threshold = threshold
        self._max_iter = max_iter
        self._min_trials = min_trials
        self.first = min_iter
        self._checks = [min_iter]
        self._curves: dict[int, _Curve] = {}
        self._entries = 0
        self._fitted = 0  # entries that the regressions know
        self._reached: list[int] = [0]  # by checkpoint: how many trials
        self._best = float("inf")
        self._factor = _PRIOR_WON / _PRIOR_SAID  # c of the module's docstring
        self._scale: Scale | None = None
        self._stages: list[Stage] = []

    def report(self, number: int, value: float) -> None:
        cost = self._cost(value)
        curve = self._curves.setdefault(number, _Curve())
        curve.iterations += 1
        curve.best = min(curve.best, cost)
        self._best = min(self._best, cost)
        curve.values = hash((curve.values, cost))
        if len(curve.different) < _VARIED:
            curve.different.add(cost)
        halvings = self._halvings_of(number)
        if halvings and not curve.repeats:
            for halving in halvings:
                halving.report(number, value)
            if not curve.verdict.stop:
                curve.verdict = halvings[-1].judge(number)
        place = len(curve.at_checks)
        if curve.iterations != self._check(place):
            return
        curve.at_checks.append(curve.best)
        self._reached[place] += 1
        self._entries += 1
        if not curve.verdict.stop and place < self._last():
            curve.verdict = self._decide(curve)
        if place == 1 and len(curve.different) == _VARIED:
            first = self._repeatable.setdefault(curve.values, number)
            if first != number and not curve.verdict.stop:
                curve.verdict = Verdict(
                    True, f"its {curve.iterations} values are those of trial {first}, one by one"
                )
                curve.repeats = True
                for halving in halvings:
                    halving.forget(number)

    def forget(self, number: int) -> None:
        curve = self._curves.pop(number, None)
        for halving in self._halvings_of(number):
            halving.forget(number)
        self._repeatable = {key: n for key, n in self._repeatable.items() if n != number}
        if curve is not None and curve.at_checks:
            for place in range(len(curve.at_checks)):
                self._reached[place] -= 1
            self._entries -= len(curve.at_checks)
            self._fitted = 0
        self._best = min((other.best for other in self._curves.values()), default=float("inf"))

    def judge(self, number: int) -> Verdict:
        curve = self._curves.get(number)
        return GO_ON if curve is None else curve.verdict

    def _halvings_of(self, number: int) -> Sequence[Asha]:
        """Where a trial counts; the last of them judges it."""
        if number <= DESIGNED:
            return self._halvings[::-1]
        return self._halvings if number % DRAWN == 0 else self._halvings[:1]

    # -- checkpoints --------------------------------------------------------------------------

    def _check(self, place: int) -> int | None:
        """The iteration of a checkpoint; None beyond max_iter."""
        while place >= len(self._checks):
            last = self._checks[-1]
            if last == self._max_iter:
                return None
            following = max(last + 1, int(last * _GROWTH + 0.5))
            if self._max_iter is not None and following * (1 + _GROWTH) / 2 > self._max_iter:
                following = self._max_iter  # rather than one just before it
            self._checks.append(following)
            self._reached.append(0)
        return self._checks[place]

    def _last(self) -> int:
        """The place of the last checkpoint that enough trials have reached; -1: there is none, or
        it is not the end that was given."""
        last = sum(count >= self._min_trials for count in self._reached) - 1
        ended = self._max_iter is None or self._checks[last] == self._max_iter
        return last if ended else -1

    # -- deciding -----------------------------------------------------------------------------

    def _decide(self, curve: _Curve) -> Verdict:
        best = self._best
        if curve.best <= best:
            return GO_ON
        raw = self._raw(curve, best)
        curve.raw.append((raw, best))
        stated = _NEVER_BELOW + (1 - 2 * _NEVER_BELOW) * self._factor * raw
        chance = min(stated, 1 - _NEVER_BELOW)
        if chance >= self._threshold:
            return GO_ON
        mine, theirs = self._figures(curve.best, best)
        return Verdict(
            True,
            f"{mine}, its best by iteration {curve.iterations}, has a chance of "
            f"{100 * chance:.1f} %, less than {100 * self._threshold:g} %, to beat {theirs}, the "
            f"best so far, by iteration {self._checks[self._last()]}",
        )

    def _raw(self, curve: _Curve, best: float) -> float:
        """What the regressions say of its chance to beat `best`."""
        scale = self._scale
        if scale is None or self._entries >= (1 + _FRESH) * self._fitted:
            scale = self._fit()
        place = len(curve.at_checks) - 1
        levels = scale(np.array([*curve.at_checks[-2:], best]))
        before = float(levels[-3] - levels[-2]) if place else 0.0
        mean, variance = outlook(self._stages[place : self._last()], float(levels[-2]), before)
        return chance_above(float(levels[-2] - levels[-1]), mean, variance)

    def _fit(self) -> Scale:
        rows = [curve.at_checks for curve in self._curves.values() if curve.at_checks]
        scale = self._scale = Scale(np.array([row[-1] for row in rows]))
        levels = np.full((len(rows), len(self._checks)), np.nan)
        for row, known in zip(levels, rows, strict=True):
            row[: len(known)] = scale(np.array(known))
        self._stages = stages_of(levels)
        self._fitted = self._entries
        self._factor = self._corrected()
        return scale

    def _corrected(self) -> float:
        won = said = 0.0
        last = self._last()
        for curve in self._curves.values():
            if len(curve.at_checks) > last and curve.raw:
                end = curve.at_checks[last]
                won += sum(end < best for _, best in curve.raw) / len(curve.raw)
                said += sum(raw for raw, _ in curve.raw) / len(curve.raw)
        return (_PRIOR_WON + won) / (_PRIOR_SAID + said)
