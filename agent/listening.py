"""What everything that speaks to the server shares: whom it tells, and how long it waits.

No I/O here. Neighbours: `voice.py` (the Listener of an agent), `shipper.py`, `delivery.py`,
`errands.py` (who tell and wait).
"""

from __future__ import annotations

import random
from typing import Protocol

from sweeps.errors import OpensweepError


class Listener(Protocol):
    """Whom the agent's threads tell what they meet."""

    def server_away(self, error: OpensweepError) -> None:
        """The server does not answer (or cannot store); it will be tried again."""

    def server_back(self) -> None:
        """The server answered."""

    def warn(self, message: str) -> None:
        """Something is lost or odd, and the work goes on."""


class Backoff:
    """How long to wait before the next try: twice as long each time, from 0.2 to 5 s, jittered."""

    def __init__(self) -> None:
        self._next = 0.2

    def reset(self) -> None:
        self._next = 0.2

    def seconds(self) -> float:
        now, self._next = self._next, min(self._next * 2, 5.0)
        return now * random.uniform(0.5, 1.0)  # noqa: S311
