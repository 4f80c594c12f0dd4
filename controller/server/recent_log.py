"""The last warnings of the log, kept in memory: the page of the server shows them to admins."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

MOST = 100
LONGEST = 2000


class RecentWarnings(logging.Handler):
    """Keeps the last warnings and errors. Thread-safe, as handlers are."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._kept: deque[dict[str, Any]] = deque(maxlen=MOST)

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            message += f": {record.exc_info[1]!r}"
        self._kept.append(
            {
                "time": record.created,
                "level": record.levelname,
                "name": record.name,
                "message": message[:LONGEST],
            }
        )

    def listed(self) -> list[dict[str, Any]]:
        """The newest first."""
        return list(reversed(self._kept.copy()))
