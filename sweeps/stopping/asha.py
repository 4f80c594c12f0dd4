"""Asynchronous successive halving, the variant that stops (`early_terminate: {type: asha}`).

Rungs are the iterations min_iter·eta^k below max_iter. A trial that reaches a rung is entered there
with its best value so far, and decided upon once, then and there: with n trials at the rung by now,
it goes on if it is among the best int(n/eta). The first trials there, while n < eta, always go on.
The decision falls in `report`, so it depends on the order of the reports alone, and a rule rebuilt
from the stored points decides as the old one did. That is the difference to W&B's hyperband, which
judges a trial anew with every look and by its value at the band itself.

Worked out, minimize, eta 3, min_iter 2. Trials arrive at rung 2 with 0.5, 0.4, 0.6, 0.3, 0.35, 0.2:
  0.5, 0.4  n = 1, 2: go on
  0.6       n = 3, the best 1 is 0.4: stopped
  0.3       n = 4, the best 1 is 0.3, itself: goes on
  0.35      n = 5, the best 1 is 0.3: stopped
  0.2       n = 6, the best 2 are 0.2, 0.3: goes on

A trial stopped before it has learnt to train teaches a model-based search nothing: give it a grace
of min_iter = max(2, max_iter/27) or so. Source: Li et al., A System for Massively Parallel
Hyperparameter Tuning, MLSys 2020 (arXiv 1810.05934), section 3.3's stopping variant.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sweeps.stopping.base import GO_ON, Cohort, StoppingRule, Verdict, best_share
from sweeps.stopping.hyperband import bands_up_from


@dataclass(slots=True)
class _Curve:
    iterations: int = 0
    best: float = float("inf")
    at_rungs: list[float] = field(default_factory=list)  # its best by each rung that it reached
    verdict: Verdict = GO_ON


class Asha(StoppingRule):
    """Asynchronous successive halving by stopping.

    Args:
        min_iter: the first rung, at least 1: no trial is stopped before.
        eta: 1/eta of the trials go on at each rung; above 1.
        max_iter: the full length of a trial: rungs lie below it. None: no end is known.
        maximize: the objective is to grow.

    Raises:
        ValueError: an argument is out of its range, or there is no rung below max_iter.
    """

    def __init__(
        self, *, min_iter: int, eta: float, max_iter: int | None = None, maximize: bool
    ) -> None:
        super().__init__(maximize=maximize)
        if min_iter < 1 or not eta > 1:
            raise ValueError(f"asha needs min_iter >= 1 and eta > 1, not {min_iter} and {eta}")
        rungs = bands_up_from(min_iter, eta)
        self.rungs = tuple(r for r in rungs if max_iter is None or r < max_iter)
        if not self.rungs:
            raise ValueError(f"asha has no rung: min_iter {min_iter} is not below {max_iter}")
        self.first = self.rungs[0]
        self._eta = eta
        self._cohorts = {rung: Cohort() for rung in self.rungs}
        self._curves: dict[int, _Curve] = {}

    def report(self, number: int, value: float) -> None:
        cost = self._cost(value)
        curve = self._curves.setdefault(number, _Curve())
        curve.iterations += 1
        curve.best = min(curve.best, cost)
        cohort = self._cohorts.get(curve.iterations)
        if cohort is None:
            return
        cohort.add(curve.best)
        curve.at_rungs.append(curve.best)
        if not curve.verdict.stop:
            curve.verdict = self._decide(curve.iterations, curve.best, cohort)

    def forget(self, number: int) -> None:
        curve = self._curves.pop(number, None)
        if curve is not None:
            for rung, cost in zip(self.rungs, curve.at_rungs, strict=False):
                self._cohorts[rung].remove(cost)

    def judge(self, number: int) -> Verdict:
        curve = self._curves.get(number)
        return GO_ON if curve is None else curve.verdict

    def _decide(self, rung: int, cost: float, cohort: Cohort) -> Verdict:
        survivors = int(len(cohort) / self._eta)
        if survivors == 0 or cost <= cohort[survivors - 1]:
            return GO_ON
        mine, theirs = self._figures(cost, cohort[survivors - 1])
        return Verdict(
            True,
            f"{mine}, its best by iteration {rung}, is worse than {theirs}, "
            f"{best_share(self._eta)} of {len(cohort)} trials there",
        )
