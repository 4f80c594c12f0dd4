"""When a run cannot be written: said once, tried again now and then, never raised into training.

Holds no lock and no file. Neighbour: journal.py, which asks it.
"""

from __future__ import annotations

import time

from logging_core import terminal
from logging_core.records import RecordTooLarge, Writer

RETRY_S = 5.0  # how long logging pauses after the disk refused
_MAX_WARNINGS = 50
_DISK = "disk"


class Trouble:
    """What went wrong so far, and what was said of it."""

    def __init__(self) -> None:
        self._lost = 0  # calls that could not be recorded
        self._retry_at = 0.0
        self._warned: set[str] = set()

    def warn_once(self, text: str, about: str = "") -> None:
        """Warn, unless it was said before (or another thing of the same kind, `about`)."""
        if (about or text) not in self._warned and len(self._warned) < _MAX_WARNINGS:
            self._warned.add(about or text)
            terminal.warn(text)

    def skip(self, error: RecordTooLarge) -> None:
        """One record cannot be written, whatever the disk."""
        self._lost += 1
        self.warn_once(f"{error}: it is left out", about="size")

    def pause(self, error: OSError) -> None:
        """The disk refused."""
        self._lost += 1
        self._retry_at = time.monotonic() + RETRY_S
        self.warn_once(
            f"the run cannot be written: {error.strerror} ({error.filename}). Training goes on; "
            f"logging pauses and tries again every {RETRY_S:.0f} s",
            about=_DISK,
        )

    def is_over(self, writer: Writer) -> bool:
        """Asked for each call while logging pauses: does the disk take records again?"""
        if time.monotonic() >= self._retry_at:
            try:
                if not writer.deleted():
                    writer.make_room()
                    terminal.warn(f"logging goes on; {self._lost} calls could not be recorded")
                    self._warned.discard(_DISK)
                    return True
            except OSError:
                pass
            self._retry_at = time.monotonic() + RETRY_S
        self._lost += 1
        return False

    def tell_end(self) -> None:
        """The run is over."""
        if self._lost:
            terminal.warn(f"{self._lost} calls could not be recorded")
