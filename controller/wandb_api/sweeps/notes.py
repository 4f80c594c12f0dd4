"""What this process knows, beyond the record, of attempts that agents of W&B's client run.

Such an agent tells little: which runs it has, every few seconds. Whether one that is missing from
its list has ended, or never arrived, depends on what was said before; that is noted here. All of it
may be forgotten (the server starts anew): an attempt then waits a little longer for its verdict, or
its agent is told once more what to run. Neighbours: agents.py, attempts.py.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

MOST = 100_000
"""Attempts of which anything is noted; the oldest goes first."""


@dataclass
class Note:
    """One attempt, by `time.monotonic`.

    Attributes:
        answered: when its agent was last told to run it; None: not by this process.
        listed: whether its agent has said that it runs.
        spoke: whether its script has introduced its run.
        seen: when its agent last listed it; None: never.
        missing: since when its agent does not list it any more; None while it does.
        ordered: since when there is an order to end it.
        told: whether its script or its agent has heard of that order.
        preempting: whether its script has said that its machine is being taken away.
        held: whether its script has said that it ended well, and it may begin again (attempts.py).
    """

    answered: float | None = None
    listed: bool = False
    spoke: bool = False
    seen: float | None = None
    missing: float | None = None
    ordered: float | None = None
    told: bool = False
    preempting: bool = False
    held: bool = False


class Notes:
    """The notes of one server, and locks for its agents. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: OrderedDict[tuple[str, int], Note] = OrderedDict()
        self._turns = [threading.Lock() for _ in range(64)]

    def of(self, trial_id: str, token: int) -> Note:
        """The note on an attempt, to be written on."""
        with self._lock:
            note = self._notes.setdefault((trial_id, token), Note())
            if len(self._notes) > MOST:
                self._notes.popitem(last=False)
            return note

    def is_held(self, trial_id: str, token: int) -> bool:
        """Whether the attempt's end is held."""
        with self._lock:
            note = self._notes.get((trial_id, token))
            return note is not None and note.held

    def drop(self, trial_id: str, token: int) -> None:
        """The attempt is over."""
        with self._lock:
            self._notes.pop((trial_id, token), None)

    def turn(self, agent_id: str) -> threading.Lock:
        """Held while a word of this agent is worked on: what it repeats waits."""
        return self._turns[hash(agent_id) % len(self._turns)]
