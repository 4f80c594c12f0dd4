"""What a power cut may take: a second at most. The written pages are forced to disk once a second.

A kill of the process takes nothing: the kernel has the pages. A thread of its own does it, so that
training never waits for a disk; it begins with the first row. Neighbour: journal.py.
"""

from __future__ import annotations

import contextlib
import os
import threading

from logging_core.hints import Callable
from logging_core.values import Odd

EVERY_S = 1.0


class Flusher:
    """Flushes an open file while it grows. `grown` gives another value when it was written to;
    `odd` is told when there is no room for one more thread or file."""

    def __init__(self, fd: int, grown: Callable[[], object], odd: Odd) -> None:
        self._grown = grown
        self._flushed: object = None
        self._over = threading.Event()
        self._fd = -1
        self._thread = threading.Thread(target=self._run, name="opensweep flush", daemon=True)
        try:
            self._fd = os.dup(fd)  # the writer may close its own at any time
            self._thread.start()
        except (OSError, RuntimeError) as error:
            odd(f"a power cut may take more than a second of what is logged: {error}")

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
        if self._thread.ident is not None:
            self._thread.join(wait_s)

    def abandon(self) -> None:
        """In a forked child: the thread is not here, and the file is the parent's."""
        if self._fd >= 0:
            os.close(self._fd)
