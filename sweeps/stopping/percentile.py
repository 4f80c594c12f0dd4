"""Stops a trial that is not among the best p percent at its iteration (`type: percentile`).

A trial enters each iteration with its best value so far. With n trials, in whatever state, that
reached the iteration, it is stopped when its best is strictly worse than the one at rank
ceil(n·p/100), counted from 1 (the nearest-rank percentile, so the threshold is a value that some
trial had). Only from `min_iter` on, and only with at least `min_trials` others
there.

Worked out, minimize, p 25, eight trials with bests 1, 2, …, 8: ceil(8·25/100) = 2, the threshold is
2, and a trial with 3 is stopped. With p 50 the rank is 4: 4 survives, 5 does not.

The rule is known from Optuna's PercentilePruner, which compares with ended trials alone and
interpolates. Neighbour: `median`, which compares with running averages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sweeps.stopping.base import GO_ON, Cohort, StoppingRule, Verdict, is_milestone


@dataclass(slots=True)
class _Curve:
    iterations: int = 0
    best: float = float("inf")
    bests: list[tuple[int, float]] = field(default_factory=list)  # (milestone, best by then)


class Percentile(StoppingRule):
    """Keeps the best `percentile` percent at each iteration.

    Args:
        percentile: the percentage that goes on, above 0 and at most 100.
        min_iter: no trial is stopped before this iteration; at least 1.
        min_trials: nor while fewer others than this have reached its iteration; at least 1.
        maximize: the objective is to grow.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        *,
        percentile: float,
        min_iter: int,
        min_trials: int,
        maximize: bool,
    ) -> None:
        super().__init__(maximize=maximize)
        if not 0 < percentile <= 100:
            raise ValueError(f"percentile must be above 0 and at most 100, not {percentile}")
        if min_iter < 1 or min_trials < 1:
            raise ValueError(
                f"min_iter and min_trials are at least 1, not {min_iter} and {min_trials}"
            )
        self._percentile = percentile
        self.first = self._min_iter = min_iter
        self._min_trials = min_trials
        self._cohorts: dict[int, Cohort] = {}
        self._curves: dict[int, _Curve] = {}

    def report(self, number: int, value: float) -> None:
        cost = self._cost(value)
        curve = self._curves.setdefault(number, _Curve())
        curve.iterations += 1
        curve.best = min(curve.best, cost)
        if curve.iterations >= self._min_iter and is_milestone(curve.iterations):
            curve.bests.append((curve.iterations, curve.best))
            self._cohorts.setdefault(curve.iterations, Cohort()).add(curve.best)

    def forget(self, number: int) -> None:
        curve = self._curves.pop(number, None)
        if curve is not None:
            for iteration, cost in curve.bests:
                self._cohorts[iteration].remove(cost)

    def judge(self, number: int) -> Verdict:
        curve = self._curves.get(number)
        if curve is None or not curve.bests:
            return GO_ON
        iteration, cost = curve.bests[-1]
        cohort = self._cohorts[iteration]
        if len(cohort) - 1 < self._min_trials:
            return GO_ON
        threshold = cohort[math.ceil(len(cohort) * self._percentile / 100) - 1]
        if cost <= threshold:
            return GO_ON
        mine, theirs = self._figures(cost, threshold)
        return Verdict(
            True,
            f"{mine}, its best by iteration {iteration}, is worse than {theirs}, the best "
            f"{self._percentile:g} % of {len(cohort)} trials there",
        )
