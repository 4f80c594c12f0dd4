"""What a run has to bring to the server besides its rows: a thread of their own for each run.

The shipper's first thread carries chunks, and nothing large may hold it up; so whatever else there
is to do (files, artifacts, alerts, what the run says of itself) is an `Errand`, and `Errands` works
all of a run's in turn. While the run lives that happens in a thread that begins with the first
need; at its end `finish` does the rest, in whatever thread calls it. An errand never decides what
becomes of a trial, and a trial's result never waits for one. A fenced attempt's errands end.

Whoever brings a new kind of errand adds it to `errands_for` (one for all processes of an attempt)
or to `lane_errands_for` (one for each). Neighbours: `shipper.py` (hands the records over),
`afterwork.py` (finishes them when the trial is over).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from agent.alerts import AlertErrand
from agent.artifacts import ArtifactErrand
from agent.asks import AskErrand
from agent.listening import Backoff, Listener
from agent.uploads import FileErrand
from logging_core.folder import RunFolder
from logging_core.records import AlertRaised, ArtifactLogged, FileSaved, Record
from sweeps.errors import (
    ConfigurationError,
    Fenced,
    OpensweepError,
    ServerUnreachable,
    StoreUnavailable,
)
from sweeps.protocol.client import Client

TURN_S = 0.2
"""Seconds between two rounds while the run lives."""
_NEEDS = (FileSaved, ArtifactLogged, AlertRaised)
_REFUSALS = 5


class Errand(Protocol):
    """One kind of thing to bring. Both methods are called in the same thread."""

    def take(self, record: Record) -> None:
        """A record that is no row, in the order of its file; all of them again after a restart."""

    def work(self, *, final: bool) -> bool:
        """Does what is due, for a second or two at most; True: nothing is left.

        `final`: the run is over, everything is due. Raises sweeps.errors as Client does. Safe to
        repeat: the server knows what it has.
        """


def errands_for(
    client: Client, folder: RunFolder, run_id: str, writer: int, listener: Listener
) -> list[Errand]:
    """The errands of one attempt; they are given the records of all its processes."""
    return [
        AskErrand(client, folder, run_id, writer, listener),
        FileErrand(client, folder, run_id, writer, listener),
        ArtifactErrand(client, folder, run_id, writer, listener),
    ]


def lane_errands_for(
    client: Client, folder: RunFolder, run_id: str, writer: int, lane: str, listener: Listener
) -> list[Errand]:
    """The errands of one process of an attempt, given its own records only."""
    del folder, listener
    return [AlertErrand(client, run_id, writer, lane)]


class Errands:
    """The errands of one attempt, worked in turn. Thread-safe.

    Args:
        name: of the run, for people.
        listener: told when the server is away or back, and of errands that are given up.
        on_fenced: called, in the thread that met it, when a newer attempt owns the run.
    """

    def __init__(self, name: str, listener: Listener, on_fenced: Callable[[], None]) -> None:
        self._name, self._listener, self._on_fenced = name, listener, on_fenced
        # Each of these is replaced whole by one thread only, so that none waits for another.
        self._errands: tuple[tuple[str | None, Errand], ...] = ()
        self._dropped: frozenset[int] = frozenset()
        self._records: deque[tuple[str, Record]] = deque()
        self._refused: dict[int, int] = {}
        self._pause = threading.Event()
        self._thread: threading.Thread | None = None
        self._fenced = self._away = False
        self.wanted = False
        """A record has passed by that wants something done while the run lives."""

    def add(self, errands: Sequence[Errand], lane: str | None = None) -> None:
        """Errands for all records, or those of one lane; before any record is taken."""
        self._errands += tuple((lane, errand) for errand in errands)

    def take(self, lane: str, record: Record) -> None:
        """A record that is no row. Returns at once."""
        self._records.append((lane, record))
        self.wanted = self.wanted or isinstance(record, _NEEDS)

    def start(self) -> None:
        """Works in a thread of its own from now on; does nothing when that runs already."""
        if self._thread is None and not self._pause.is_set():
            self._thread = threading.Thread(
                target=self._go_on, name=f"errands {self._name}", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread, after what it is doing; `finish` does the rest."""
        self._pause.set()

    def finish(self, give_up: threading.Event) -> bool:
        """Does all that is left; False when `give_up` was set before. After `stop`."""
        if self._thread is not None:
            self._thread.join()
        backoff = Backoff()
        while not self._fenced:
            before = self._dropped
            met_trouble, left = self._round(final=True)
            if not left:
                return True
            if give_up.is_set():
                return False
            if met_trouble:
                if give_up.wait(backoff.seconds()):
                    return False
            elif self._dropped == before:
                give_up.wait(0.01)
        return True

    def _go_on(self) -> None:
        backoff, pause = Backoff(), 0.0
        while not self._pause.wait(pause) and not self._fenced:
            met_trouble, _ = self._round(final=False)
            if met_trouble:
                pause = backoff.seconds()
            else:
                backoff.reset()
                pause = TURN_S

    def _all(self) -> list[tuple[str | None, Errand]]:
        return [one for one in self._errands if id(one[1]) not in self._dropped]

    def _round(self, *, final: bool) -> tuple[bool, bool]:
        """Works each errand once. Returns (one could not do its work, one has something left)."""
        self._hand_out()
        trouble = left = False
        for _, errand in self._all():
            if self._fenced or (self._pause.is_set() and not final):
                return trouble, True
            try:
                left = not errand.work(final=final) or left
            except Fenced:
                self._fenced = True
                self._on_fenced()
            except (ServerUnreachable, StoreUnavailable, ConfigurationError) as error:
                self._listener.server_away(error)
                trouble = left = self._away = True
            except OpensweepError as error:
                trouble = True
                left = self._refuse(errand, error, final=final) or left
            except Exception as error:  # a fault of ours: the other errands go on
                self._drop(errand, f"{type(error).__name__}: {error}")
            else:
                self._refused.pop(id(errand), None)
        if self._away and not trouble:
            self._away = False
            self._listener.server_back()
        return trouble, left

    def _hand_out(self) -> None:
        while self._records:
            lane, record = self._records.popleft()
            for of_lane, errand in self._all():
                if of_lane not in (None, lane):
                    continue
                try:
                    errand.take(record)
                except Exception as error:  # a fault of ours: the other errands go on
                    self._drop(errand, f"{type(error).__name__}: {error}")

    def _refuse(self, errand: Errand, error: OpensweepError, *, final: bool) -> bool:
        """The server does not want it. True: it may be tried again."""
        count = self._refused[id(errand)] = self._refused.get(id(errand), 0) + 1
        if count >= _REFUSALS:
            self._drop(errand, str(error))
            return False
        return final

    def _drop(self, errand: Errand, why: str) -> None:
        self._listener.warn(f"{self._name}: {type(errand).__name__} is given up: {why}")
        self._dropped |= {id(errand)}
