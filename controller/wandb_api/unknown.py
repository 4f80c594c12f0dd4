"""What clients asked for and this server does not have: said once in the log, counted for people.

A client goes on without it, or gives up at once: nothing waits for an answer that cannot come.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

log = logging.getLogger(__name__)

MOST = 1000
"""Different ones that are kept; a hostile client cannot fill the memory with names."""


class Unknown:
    """Operations and fields without an answer, and how often each was asked for. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {}

    def count(self, operation: str, fields: Iterable[str]) -> None:
        """Notes that `operation` asked for fields that are not there."""
        for field in fields:
            name = (operation[:100], field[:200])
            with self._lock:
                known = name in self._counts
                if known or len(self._counts) < MOST:
                    self._counts[name] = self._counts.get(name, 0) + 1
            if not known:
                log.warning("a wandb client's operation %s asks for %s, which is not here", *name)

    def listed(self) -> list[tuple[str, str, int]]:
        """(operation, field, how often), the most frequent first."""
        with self._lock:
            items = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return [(*name, count) for name, count in items]


UNKNOWN = Unknown()
"""This server's."""
