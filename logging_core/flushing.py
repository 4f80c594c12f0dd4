"""What a power cut may take: a second at most. The written pages are forced to disk once a second.

A kill of the process takes nothing: the kernel has the pages. A thread of its own does it, so that
training never waits for a disk; it begins with the first row. Neighbour: journal.py.
"""

from __future__ import annotations

import contextlib
import os
import threading

from logging_core.hints import Callable

EVERY_S = 1.0


class Flusher:
    """Flushes an open file while it grows. `grown` says how far it has been written."""

    def __init__(self, fd: int, grown: Callable[[], int]) -> None:
        self._fd = os.dup(fd)  # the writer may close its own at any time
        self._grown = grown
        self._flushed = -1
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="opensweep flush", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            self._flush()
        self._flush()
        os.close(self._fd)

    def _flush(self) -> None:
        grown = self._grown()
        if grown != self._flushed:
            # A disk that fails says so to whoever writes; a file system without it has none.
            with contextlib.suppress(OSError):
                os.fdatasync(self._fd)
                self._flushed = grown

    def stop(self, wait_s: float) -> None:
        """The last rows are flushed too; waits no longer than that for it."""
        self._over.set()
        self._thread.join(wait_s)

    def abandon(self) -> None:
        """In a forked child: the thread is not here, and the file is the parent's."""
        os.close(self._fd)
