"""Stops a trial that no longer gets better (`early_terminate: {type: plateau}`).

A trial improves when its value is better than the one that counted as its best by more than
`min_delta`; that value then counts as its best. It is stopped once it has gone `patience`
iterations without improving, from `min_iter` on. It is compared with nobody: a trial may be stopped
that is the best of all, whose values stay, and count.

Worked out, minimize, patience 2, min_delta 0.1: 1.0, 0.8, 0.75, 0.72 improves at iteration 2 (0.8
is more than 0.1 below 1.0), and neither 0.75 nor 0.72 is below 0.7: stopped at iteration 4. With
min_delta 0 it improves each time, and goes on. A value that is equal is no improvement.

The rule is that of the early-stopping callbacks that training libraries bring along. Neighbour:
`curve`, which asks whether a trial can still win.
"""

from __future__ import annotations

from dataclasses import dataclass

from sweeps.stopping.base import GO_ON, StoppingRule, Verdict


@dataclass(slots=True)
class _Curve:
    iterations: int = 0
    best: float = float("inf")
    improved: int = 0  # at this iteration, last
    verdict: Verdict = GO_ON


class Plateau(StoppingRule):
    """Gives up trials that have stood still.

    Args:
        patience: so many iterations without improvement end a trial; at least 1.
        min_delta: by more than this a value must be better to be an improvement; at least 0.
        min_iter: no trial is stopped before this iteration; at least 1.
        maximize: the objective is to grow.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self, *, patience: int, min_delta: float = 0.0, min_iter: int = 1, maximize: bool
    ) -> None:
        super().__init__(maximize=maximize)
        if patience < 1 or min_iter < 1:
            raise ValueError(f"patience and min_iter are at least 1, not {patience} and {min_iter}")
        if not min_delta >= 0:
            raise ValueError(f"min_delta is at least 0, not {min_delta}")
        self._patience = patience
        self._min_delta = min_delta
        self._min_iter = min_iter
        self.first = max(min_iter, patience + 1)
        self._curves: dict[int, _Curve] = {}

    def report(self, number: int, value: float) -> None:
        cost = self._cost(value)
        curve = self._curves.setdefault(number, _Curve())
        curve.iterations += 1
        if cost < curve.best - self._min_delta:
            curve.best, curve.improved = cost, curve.iterations
        waited = curve.iterations - curve.improved
        if (
            not curve.verdict.stop
            and waited >= self._patience
            and curve.iterations >= self._min_iter
        ):
            curve.verdict = self._given_up(curve, waited)

    def forget(self, number: int) -> None:
        self._curves.pop(number, None)

    def judge(self, number: int) -> Verdict:
        curve = self._curves.get(number)
        return GO_ON if curve is None else curve.verdict

    def _given_up(self, curve: _Curve, waited: int) -> Verdict:
        by = f" by more than {self._min_delta:g}" if self._min_delta else ""
        return Verdict(
            True,
            f"{self._sign * curve.best:.6g}, its value at iteration {curve.improved}, was not "
            f"improved{by} in the {waited} iterations since",
        )
