"""The end of a segment of population based training (`search: {type: pbt, interval: 5}`).

A segment whose script does not end by itself is told to stop with its interval-th value. As with
any stop the script gets a moment to save, and its values count. Neighbour: `sweeps.search.pbt`.
"""

from __future__ import annotations

from sweeps.stopping.base import GO_ON, StoppingRule, Verdict


class Segment(StoppingRule):
    """Stops every trial at its iteration `interval`, at least 1; good or bad, so no direction."""

    def __init__(self, interval: int) -> None:
        super().__init__(maximize=False)
        if interval < 1:
            raise ValueError(f"interval must be at least 1, not {interval}")
        self.first = self._interval = interval
        self._iterations: dict[int, int] = {}

    def report(self, number: int, value: float) -> None:
        self._cost(value)
        self._iterations[number] = self._iterations.get(number, 0) + 1

    def end(self, number: int) -> None:
        self._iterations.pop(number, None)

    def forget(self, number: int) -> None:
        self._iterations.pop(number, None)

    def judge(self, number: int) -> Verdict:
        if self._iterations.get(number, 0) < self._interval:
            return GO_ON
        return Verdict(True, f"its segment of {self._interval} iterations is complete")
