"""The tools that are compared, each behind `Peer`: one tool a file, run in its own environment.

Standard library only in this module and in `session`; what is installed in a peer's environment is
imported by that peer's file alone. Neighbours: `session` runs one of them behind a pipe.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.search.space import Config, Space


@dataclass(frozen=True)
class Setting:
    """What a peer may know beforehand.

    Attributes:
        seed: of all its random numbers.
        workers: how many trials run at the same time.
        trials: about how many there will be.
        epochs: how many values a whole trial reports.
    """

    seed: int
    workers: int
    trials: int
    epochs: int = 1


class Peer:
    """Suggests configs of a space for an objective that is to shrink.

    A subclass keeps what it needs of a trial by number; numbers count from 1 in the order of
    `ask`. No method may look at a clock to decide.

    Attributes:
        took: how long the trial ran that `tell` is about, on the clock of the simulation; None
            where trials take no time. What a real sweep tells its searcher; most tools do not ask.
    """

    took: float | None = None

    def __init__(self, space: Space, setting: Setting) -> None:
        self.space = space
        self.setting = setting

    def ask(self, number: int) -> Config:
        """The config of trial `number`, without inactive parameters."""
        raise NotImplementedError

    def report(self, number: int, epoch: int, value: float) -> bool:  # noqa: ARG002
        """A running trial has a value, epochs counted from 1. Whether it is to be stopped."""
        return False

    def tell(self, number: int, value: float, *, stopped: bool) -> None:
        """A trial is over; `value` is the last one that it reported."""
        raise NotImplementedError

    def learn(self, number: int, config: Config, value: float | None) -> None:
        """Trial `number` with this config, which was not asked for, is over; None: it runs."""
        raise NotImplementedError(f"{type(self).__name__} is told of its own trials only")

    def best(self) -> int | None:
        """The trial that it would name if asked now; None: whichever had the lowest value."""
        return None
