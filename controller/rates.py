"""Counters that also know how fast they rise. Standard library only, and cheap enough for what
happens thousands of times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

WINDOW_S = 10
"""A rate is that of the last so many whole seconds."""


class Counter:
    """Counts since the start, and by the second for a while. Thread-safe."""

    __slots__ = ("_clock", "_lock", "_newest", "_seconds", "total")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds = [0] * (WINDOW_S + 1)
        self._newest = int(clock())
        self.total = 0

    def add(self, count: int = 1) -> None:
        with self._lock:
            self.total += count
            self._forward()
            self._seconds[self._newest % len(self._seconds)] += count

    def per_second(self) -> float:
        with self._lock:
            self._forward()
            now = self._seconds[self._newest % len(self._seconds)]
            return (sum(self._seconds) - now) / WINDOW_S

    def _forward(self) -> None:
        """Empties the seconds that have gone by."""
        now = int(self._clock())
        gone = min(now - self._newest, len(self._seconds))
        for second in range(now - gone + 1, now + 1):
            self._seconds[second % len(self._seconds)] = 0
        self._newest = max(self._newest, now)
