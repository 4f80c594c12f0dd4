"""What a searcher is: events in, configurations out, and the law that makes restarts harmless.

The law: what `ask` gives depends only on the sweep's file, its seed, the prior runs, the number
that comes next and what has been told so far of each trial; not on how the asks were grouped, not
on the order in which things were told of different trials, and not on whether this process or an
earlier one was told. Three habits keep it: a searcher proposes one trial at a time, its random
numbers come from (seed, number) alone, and `restore` is nothing but the old events told again.

A searcher is pure: no clock, no I/O, no randomness but its seed. It never decides when a trial
starts or stops. Neighbours: one algorithm a file beside this one; `make_searcher` in
`sweeps.search` picks it; the controller's loop and `sweeps.simulate` drive it.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from sweeps.trial import Reason, TrialState


@dataclass(frozen=True)
class Suggestion:
    """A configuration to be tried, nested as the script sees it, and the trial's number. `parent`:
    the trial whose checkpoint folder it starts with; None: with none."""

    number: int
    config: dict[str, Any]
    parent: int | None = None


@dataclass(frozen=True)
class TrialSeen:
    """What a searcher may know of one trial, for `Searcher.restore`.

    Attributes:
        number: from 1.
        config: as it was suggested.
        state: where it stands.
        objective: its final value in the user's own direction; None while it runs, and when it
            failed.
        curve: its finite objective values, iteration 1 first.
        metrics, seconds, reason: as in Ended.
    """

    number: int
    config: Mapping[str, Any]
    state: TrialState
    objective: float | None
    curve: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    reason: Reason | None = None

    def end(self) -> Ended:
        """Its end, as an event."""
        return Ended(
            self.number, self.state, self.objective, self.metrics, self.seconds, self.reason
        )


@dataclass(frozen=True)
class Prior:
    """A run of before the sweep, or beside it: what it tried, and what came of it in the user's
    own direction; None when it failed or had no value. Its config may be of another space.
    `metrics` and `seconds` are as in Ended."""

    config: Mapping[str, Any]
    objective: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None


@dataclass(frozen=True)
class Suggested:
    """Trial `number` waits with this config; of a trial known before: it starts all over."""

    number: int
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Reported:
    """Trial `number` had this objective value at its iteration-th report, counted from 1."""

    number: int
    iteration: int
    value: float


@dataclass(frozen=True)
class Ended:
    """Trial `number` is over.

    Attributes:
        objective: None when it failed or never had one.
        metrics: the last finite value of each further name in the file's `metrics`, in the user's
            direction; a name that it never logged is left out.
        seconds: wall seconds that it ran, times the accelerators it held (1 on a CPU); None where
            unknown.
        reason: of its last attempt's end; None where unknown.
    """

    number: int
    state: TrialState
    objective: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    reason: Reason | None = None


Event = Suggested | Reported | Ended


class Searcher(ABC):
    """A search algorithm: propose in `_propose`, learn in the `_on_…` hooks.

    Args:
        seed: of all randomness; any int.
        enqueue: full configs that become the trials 1, 2, … before the algorithm has its turn.
    """

    def __init__(self, seed: int, enqueue: Sequence[Mapping[str, Any]] = ()) -> None:
        self._seed = seed
        self._enqueue = tuple(enqueue)
        self._next = 1

    def know(self, prior: Iterable[Prior]) -> None:
        """Takes in prior runs: before all else, and once."""
        for run in prior:
            self._on_prior(run)

    def ask(self, count: int) -> list[Suggestion]:
        """The next trials, at most `count`, all of them pending from now on.

        Fewer than `count`: there is nothing more to try. Numbers go on from the highest known.
        """
        suggestions: list[Suggestion] = []
        while len(suggestions) < count:
            number = self._next
            if number <= len(self._enqueue):
                config: dict[str, Any] | None = copy.deepcopy(dict(self._enqueue[number - 1]))
            else:
                config = self._propose(number)
            if config is None:
                break
            self.tell(Suggested(number, config))
            suggestions.append(Suggestion(number, config, self.parent(number)))
        return suggestions

    def tell(self, event: Event) -> None:
        """Takes in what happened. The same event told twice counts once.

        Raises ValueError on a report or an end of a trial that was never suggested.
        """
        if isinstance(event, Suggested):
            self._next = max(self._next, event.number + 1)
            self._on_suggested(event.number, event.config)
            return
        if event.number >= self._next:
            raise ValueError(f"the searcher has never heard of trial {event.number}: {event}")
        if isinstance(event, Reported):
            self._on_reported(event.number, event.iteration, event.value)
        else:
            self._on_ended(event)

    def snapshot(self) -> dict[str, Any]:
        """What `restore` needs beyond the trials, as JSON; small, whatever the number of trials."""
        return {}

    def restore(self, snapshot: Mapping[str, Any] | None, trials: Iterable[TrialSeen]) -> None:  # noqa: ARG002
        """Brings a fresh searcher (same file, same seed) to where an earlier one was.

        Args:
            snapshot: what that one's `snapshot` gave at its last ask; None if there was no ask.
            trials: all that it had suggested, in any order.
        """
        for trial in trials:
            self.tell(Suggested(trial.number, trial.config))
            for iteration, value in enumerate(trial.curve, start=1):
                self.tell(Reported(trial.number, iteration, value))
            if trial.state.over:
                self.tell(trial.end())

    def parent(self, number: int) -> int | None:  # noqa: ARG002
        """The trial whose training goes on in trial `number`, which this searcher proposed."""
        return None

    @property
    def total(self) -> int | None:
        """How many trials there will be in all; None when there is no end."""
        return None

    @abstractmethod
    def _propose(self, number: int) -> dict[str, Any] | None:
        """The config of trial `number`, the caller's to keep; None: nothing is left to try."""

    def _on_prior(self, run: Prior) -> None:  # noqa: B027
        """There was a run of before."""

    def _on_suggested(self, number: int, config: Mapping[str, Any]) -> None:  # noqa: B027
        """A trial is pending; `ask` says so of its own suggestions, too."""

    def _on_reported(self, number: int, iteration: int, value: float) -> None:  # noqa: B027
        """A running trial has a value."""

    def _on_ended(self, end: Ended) -> None:  # noqa: B027
        """A trial is over."""


def generator(seed: int, number: int, draw: int = 0) -> numpy.random.Generator:
    """The random numbers of trial `number`; `draw` counts the goes at one trial."""
    return numpy.random.default_rng(numpy.random.SeedSequence((seed % 2**64, number, draw)))
