"""Asks the server about attempts that Redis does not know: are they still ours?

Mostly they are: a Redis that was wiped is filled again within seconds. But a trial that was given
up or canceled while its agent was frozen or cut off is never in Redis again, and nobody else would
tell: it would hold its GPU until it ends, for nothing. Runs in a thread of its own, since the
heartbeat must not wait. Neighbours: `beat.py` asks for it; `attempt.py` (what is asked about).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

_END_S = 2.0


class Doubted(Protocol):
    """What is asked about."""

    def ask_server(self) -> None:
        """Asks whether it may still run, and ends it if not. Must not raise."""


class Doubt:
    """One round of questions at a time."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def look(self, attempts: Sequence[Doubted]) -> None:
        """Begins to ask, unless that is under way. Does not block."""
        if attempts and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(
                target=_ask, args=(list(attempts),), name="doubt", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Waits a little for questions that are under way; they may end without us."""
        if self._thread is not None:
            self._thread.join(_END_S)


def _ask(attempts: Sequence[Doubted]) -> None:
    for attempt in attempts:
        attempt.ask_server()
