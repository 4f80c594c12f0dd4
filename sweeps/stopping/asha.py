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

With `brackets` of them, bracket b leaves the first b rungs out, against objectives whose early
values mislead, and its trials are compared among themselves alone. A trial's bracket depends on its
number alone, and each bracket costs about the same: one with s rungs gets η^s/(s+1) shares, since
of n trials n/η^s come to the end of it, and each of its s + 1 stages takes as long as the others
together. Worked out, min_iter 1, max_iter 81, eta 3, five brackets with rungs from 1, 3, 9, 27, and
none at all: s = 4, 3, 2, 1, 0, shares 81/5 = 16.2, 27/4 = 6.75, 9/3 = 3, 3/2 = 1.5, 1, which is
81 : 33.75 : 15 : 7.5 : 5, the numbers in Hyperband's own table before they are rounded. Where no
end is known, a bracket has η times the trials of the next.

A trial stopped before it has learnt to train teaches a model-based search nothing: give it a grace
of min_iter = max(2, max_iter/27) or so. Sources: Li et al., A System for Massively Parallel
Hyperparameter Tuning, MLSys 2020 (arXiv 1810.05934), section 3.3's stopping variant; the brackets:
Li et al., Hyperband, JMLR 2018 (arXiv 1603.06560), algorithm 1 and table 1.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

from sweeps.stopping.base import GO_ON, Cohort, StoppingRule, Verdict, best_share
from sweeps.stopping.hyperband import bands_up_from

_GOLDEN = 0.6180339887498949


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
        brackets: how many; at most one more than there are rungs.
        maximize: the objective is to grow.

    Raises:
        ValueError: an argument is out of its range, there is no rung below max_iter, or there are
            more brackets than rungs to leave out.
    """

    def __init__(
        self,
        *,
        min_iter: int,
        eta: float,
        max_iter: int | None = None,
        brackets: int = 1,
        maximize: bool,
    ) -> None:
        super().__init__(maximize=maximize)
        if min_iter < 1 or not eta > 1:
            raise ValueError(f"asha needs min_iter >= 1 and eta > 1, not {min_iter} and {eta}")
        rungs = bands_up_from(min_iter, eta)
        self.rungs = tuple(r for r in rungs if max_iter is None or r < max_iter)
        if not self.rungs:
            raise ValueError(f"asha has no rung: min_iter {min_iter} is not below {max_iter}")
        if not 1 <= brackets <= len(self.rungs) + 1:
            raise ValueError(
                f"asha has {len(self.rungs)} rungs, enough for 1 to {len(self.rungs) + 1} "
                f"brackets, not {brackets}"
            )
        self.first = self.rungs[0]
        self._eta = eta
        self._bounds = _bounds(len(self.rungs), brackets, eta, ends=max_iter is not None)
        self._cohorts = [{rung: Cohort() for rung in self.rungs[b:]} for b in range(brackets)]
        self._curves: dict[int, _Curve] = {}

    def report(self, number: int, value: float) -> None:
        cost = self._cost(value)
        curve = self._curves.setdefault(number, _Curve())
        curve.iterations += 1
        curve.best = min(curve.best, cost)
        bracket = self.bracket(number)
        cohort = self._cohorts[bracket].get(curve.iterations)
        if cohort is None:
            return
        cohort.add(curve.best)
        curve.at_rungs.append(curve.best)
        if not curve.verdict.stop:
            curve.verdict = self._decide(curve.iterations, curve.best, cohort, bracket)

    def forget(self, number: int) -> None:
        curve = self._curves.pop(number, None)
        if curve is not None:
            bracket = self.bracket(number)
            for rung, cost in zip(self.rungs[bracket:], curve.at_rungs, strict=False):
                self._cohorts[bracket][rung].remove(cost)

    def judge(self, number: int) -> Verdict:
        curve = self._curves.get(number)
        return GO_ON if curve is None else curve.verdict

    def bracket(self, number: int) -> int:
        """Of trial `number`, from 0. Consecutive numbers fall evenly into the shares of (0, 1)
        that the brackets have: they are laid out by the golden ratio."""
        return bisect_right(self._bounds, number * _GOLDEN % 1.0)

    def _decide(self, rung: int, cost: float, cohort: Cohort, bracket: int) -> Verdict:
        survivors = int(len(cohort) / self._eta)
        if survivors == 0 or cost <= cohort[survivors - 1]:
            return GO_ON
        mine, theirs = self._figures(cost, cohort[survivors - 1])
        where = f" in bracket {bracket + 1}" if self._bounds else ""
        return Verdict(
            True,
            f"{mine}, its best by iteration {rung}, is worse than {theirs}, "
            f"{best_share(self._eta)} of {len(cohort)} trials there{where}",
        )


def _bounds(rungs: int, brackets: int, eta: float, *, ends: bool) -> list[float]:
    """Where in (0, 1) the share of each bracket ends, but for the last one's."""
    shares = [eta**-b * ((rungs + 1) / (rungs - b + 1) if ends else 1.0) for b in range(brackets)]
    total = sum(shares)
    return [end / total for end in accumulate(shares)][:-1]
