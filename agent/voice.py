"""Turns what the agent's threads meet into events, one at a time; an outage is told once.

Is the `Listener` of shippers and deliveries. Never prints, and never raises: a display that fails
(its terminal is gone, say) must not stop training. Neighbour: events.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from agent.events import Event, Reconnected, Waiting, Warned
from sweeps.errors import OpensweepError


class Voice:
    """Hands events to `on_event`. Thread-safe."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._speaking = threading.Lock()
        self._missing: dict[str, float] = {}
        self._trouble = ""

    def say(self, event: Event) -> None:
        with self._speaking:
            self._tell(event)

    def warn(self, message: str) -> None:
        self.say(Warned(message))

    def wait_for(self, what: str) -> None:
        self.say(Waiting(what))

    def server_away(self, error: OpensweepError) -> None:
        self._lost("the server", f"{error} Running trials go on.")

    def server_back(self) -> None:
        self._found("the server")

    def server_away_s(self) -> float:
        """For how long the server has not answered; 0 when it did last."""
        since = self._missing.get("the server")
        return 0.0 if since is None else time.monotonic() - since

    def redis_away(self, error: Exception) -> None:
        self._lost("Redis", f"Redis does not answer ({error}). Running trials go on.")

    def redis_back(self) -> None:
        self._found("Redis")

    def sweep_trouble(self, why: str) -> None:
        """Why the sweep gets no new trials; "": it gets some."""
        with self._speaking:
            if why == self._trouble:
                return
            self._trouble = why
            if why:
                self._tell(Waiting(f"the sweep is stuck: {why}; `sweep status` says what to do"))
            else:
                self._tell(Reconnected("the sweep gets new trials again"))

    def _lost(self, whom: str, reason: str) -> None:
        with self._speaking:
            if whom not in self._missing:
                self._missing[whom] = time.monotonic()
                self._tell(Waiting(reason))

    def _found(self, whom: str) -> None:
        if whom not in self._missing:  # the usual case, asked often: no lock
            return
        with self._speaking:
            if whom in self._missing:
                del self._missing[whom]
                self._tell(Reconnected(f"{whom} answers again"))

    def _tell(self, event: Event) -> None:
        with suppress(Exception):
            self._on_event(event)
