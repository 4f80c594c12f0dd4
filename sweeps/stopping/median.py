"""Vizier's median stopping rule (`early_terminate: {type: median}`).

A running trial at iteration s is stopped when its best value by s is strictly worse than the median
of the running averages, over iterations 1 to s, of the trials that have ended and reached s. Only
from `min_iter` on, and only with at least `min_trials` of them. It needs no length of a trial and
no shape of a curve, and never compares with trials that still run.

Worked out, minimize, s = 2, ended trials (0.9, 0.5), (0.8, 0.4), (1.0, 0.9): averages 0.7, 0.6,
0.95, median 0.7. A trial at (1.2, 0.8) has the best 0.8 and is stopped; (1.2, 0.7) ties, and lives.

Source: Golovin et al., Google Vizier: A Service for Black-Box Optimization, KDD 2017, section 3.2.
Neighbour: `percentile`, which compares best with best, running trials too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sweeps.stopping.base import GO_ON, Cohort, StoppingRule, Verdict, is_milestone


@dataclass(slots=True)
class _Curve:
    iterations: int = 0
    total: float = 0.0
    best: float = float("inf")
    averages: list[tuple[int, float]] = field(default_factory=list)  # (milestone, mean by then)
    best_at_milestone: float = float("inf")
    ended: bool = False


class Median(StoppingRule):
    """The median stopping rule.

    Args:
        min_iter: no trial is stopped before this iteration; at least 1.
        min_trials: nor while fewer ended trials than this have reached its iteration; at least 1.
        maximize: the objective is to grow.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(self, *, min_iter: int, min_trials: int, maximize: bool) -> None:
        super().__init__(maximize=maximize)
        if min_iter < 1 or min_trials < 1:
            raise ValueError(
                f"min_iter and min_trials are at least 1, not {min_iter} and {min_trials}"
            )
        self.first = self._min_iter = min_iter
        self._min_trials = min_trials
        self._cohorts: dict[int, Cohort] = {}
        self._curves: dict[int, _Curve] = {}

    def report(self, number: int, value: float) -> None:
        cost = self._cost(value)
        curve = self._curves.setdefault(number, _Curve())
        curve.iterations += 1
        curve.total += cost
        curve.best = min(curve.best, cost)
        if curve.iterations >= self._min_iter and is_milestone(curve.iterations):
            average = curve.total / curve.iterations
            curve.averages.append((curve.iterations, average))
            curve.best_at_milestone = curve.best
            if curve.ended:  # a point that came in late
                self._enter(curve.iterations, average)

    def end(self, number: int) -> None:
        curve = self._curves.get(number)
        if curve is not None and not curve.ended:
            curve.ended = True
            for iteration, average in curve.averages:
                self._enter(iteration, average)

    def forget(self, number: int) -> None:
        curve = self._curves.pop(number, None)
        if curve is not None and curve.ended:
            for iteration, average in curve.averages:
                self._cohorts[iteration].remove(average)

    def judge(self, number: int) -> Verdict:
        curve = self._curves.get(number)
        if curve is None or not curve.averages:
            return GO_ON
        iteration = curve.averages[-1][0]
        cohort = self._cohorts.get(iteration)
        if cohort is None or len(cohort) < self._min_trials:
            return GO_ON
        median = cohort.median()
        if curve.best_at_milestone <= median:
            return GO_ON
        mine, theirs = self._figures(curve.best_at_milestone, median)
        return Verdict(
            True,
            f"{mine}, its best by iteration {iteration}, is worse than {theirs}, the median of "
            f"the averages of {len(cohort)} ended trials there",
        )

    def _enter(self, iteration: int, average: float) -> None:
        self._cohorts.setdefault(iteration, Cohort()).add(average)
