"""What an early-termination rule is: objective values in, a verdict on a running trial out.

A rule is pure: no clock, no I/O, no memory but the values it was told, so the controller can build
it anew from the stored points. It must never raise over a trial it has not heard of (there is
nothing to judge yet), and never stop a trial over a tie. Neighbours: one rule a file beside this
one; `make_rule` in `sweeps.stopping` picks it; the controller's loop and `sweeps.simulate` ask it.

Iteration k of a trial is its k-th finite objective value, counted from 1, whatever step the
script gave it. Inside a rule every value is a cost (lower is better); `why` speaks in the user's
direction.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, insort
from dataclasses import dataclass

from sweeps.trial import TrialState


@dataclass(frozen=True)
class Verdict:
    """Whether a trial is to be stopped, and in one sentence with the numbers, why."""

    stop: bool
    why: str = ""


GO_ON = Verdict(stop=False)


class StoppingRule(ABC):
    """Follows the curves of all trials of a sweep and judges those that run.

    Args:
        maximize: the objective is to grow; otherwise it is to shrink.

    Attributes:
        rungs: the iterations at which trials are compared; () where that is all along the curve.
        first: no trial is stopped before this iteration.
    """

    rungs: tuple[int, ...] = ()
    first: int = 1

    def __init__(self, *, maximize: bool) -> None:
        self._sign = -1.0 if maximize else 1.0

    @abstractmethod
    def report(self, number: int, value: float) -> None:
        """Takes the value of the trial's next iteration. Raises ValueError unless it is finite."""

    def end(self, number: int) -> None:  # noqa: B027 - most rules need not know
        """The trial ended, in whatever state; its values stay for others to be judged by."""

    def close(self, number: int, state: TrialState) -> None:  # noqa: ARG002 - most need not know
        """The trial ended in this state."""
        self.end(number)

    @abstractmethod
    def forget(self, number: int) -> None:
        """The trial starts again from nothing: its values count no more."""

    @abstractmethod
    def judge(self, number: int) -> Verdict:
        """The verdict on a running trial, by the values told so far. Changes nothing."""

    def _cost(self, value: float) -> float:
        if not math.isfinite(value):
            raise ValueError(f"a stopping rule takes finite values only, not {value}")
        return self._sign * value

    def _figures(self, first: float, second: float) -> tuple[str, str]:
        """Two costs as the user knows them, with as many digits as tell one from the other."""
        a, b = self._sign * first, self._sign * second
        for digits in range(3, 17):
            texts = f"{a:.{digits}g}", f"{b:.{digits}g}"
            if texts[0] != texts[1]:
                return texts
        return repr(a), repr(b)


class Cohort:
    """The costs of trials at one point of their lives, kept in order, the best (lowest) first.

    Adding is a binary search and one move of at most n doubles: 10,000 trials cost microseconds.
    """

    __slots__ = ("_costs",)

    def __init__(self) -> None:
        self._costs = array("d")

    def __len__(self) -> int:
        return len(self._costs)

    def __getitem__(self, rank: int) -> float:
        return self._costs[rank]

    def add(self, cost: float) -> None:
        insort(self._costs, cost)

    def remove(self, cost: float) -> None:
        """Raises KeyError unless `cost` is in it."""
        place = bisect_left(self._costs, cost)
        if place == len(self._costs) or self._costs[place] != cost:
            raise KeyError(cost)
        del self._costs[place]

    def median(self) -> float:
        """The middle cost, or the mean of the middle two. Raises IndexError when empty."""
        middle = len(self._costs) // 2
        if len(self._costs) % 2:
            return self._costs[middle]
        return (self._costs[middle - 1] + self._costs[middle]) / 2


def best_share(eta: float) -> str:
    """How 1/eta reads in a sentence: "the best third"."""
    names = {2.0: "half", 3.0: "third", 4.0: "quarter", 5.0: "fifth", 10.0: "tenth"}
    return f"the best {names.get(eta, f'1/{eta:g}')}"


def is_milestone(iteration: int) -> bool:
    """Whether the rules that judge all along the curve look at this iteration.

    Every iteration up to 255, every 2nd up to 511, every 4th up to 1023 and so on: 128 looks for
    each doubling, so that a script that logs each of 100,000 batches costs no more memory than one
    that logs 1,400 epochs.
    """
    coarseness = max(0, iteration.bit_length() - 8)
    return iteration % (1 << coarseness) == 0
