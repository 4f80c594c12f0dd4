"""Keep what the script prints, where no agent does it: sys.stdout and sys.stderr, into a file.

The streams' own `write` is wrapped, so that they stay the objects that they were (for isinstance,
isatty, and whoever holds a reference). A disk that fails ends the copy, never the print. What C
code writes to the descriptors is not seen here; the agent sees it. Neighbour: run.py.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Callable, TextIO


class ConsoleCapture:
    """Appends to `path` from `start` to `stop`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._fd = -1
        self._wrapped: list[tuple[TextIO, Callable[[str], Any]]] = []

    def start(self) -> None:
        """Raises OSError when the file cannot be opened; nothing is wrapped then."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o644)
        streams: list[TextIO | None] = [sys.stdout, sys.stderr]
        for stream in streams:
            if stream is not None:
                self._wrap(stream)

    def _wrap(self, stream: TextIO) -> None:
        original = stream.write

        def write(text: str) -> Any:
            written = original(text)
            if self._fd >= 0:
                # A full disk, or something that is no text: the script's own print went well.
                with contextlib.suppress(OSError, AttributeError):
                    os.write(self._fd, text.encode("utf-8", "backslashreplace"))
            return written

        try:
            stream.write = write  # type: ignore[method-assign]
        except AttributeError:
            return  # a stream without a dict of its own: it is not copied
        self._wrapped.append((stream, write))

    def stop(self) -> None:
        for stream, write in self._wrapped:
            # Someone who wrapped it after us still calls `write`, which then copies no more.
            if vars(stream).get("write") is write:
                del stream.write
        self._wrapped = []
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
