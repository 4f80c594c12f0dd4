"""Keep what the script prints, where no agent does it, in one of two ways.

    wrap      (the default) the streams' own `write` is wrapped, so that sys.stdout and sys.stderr
              stay the objects that they were. What C code and other processes print is not seen.
    redirect  the descriptors 1 and 2 lead through two `tee`s, so that all of that is seen, also of
              a process that is killed, or that outlives the script. A terminal is none then.

A disk that fails ends the copy, never the print. Under an agent neither is needed: the agent gives
the script its descriptors. Neighbour: run.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from logging_core.hints import Any, Callable, Protocol, TextIO

_NOTHING_KEPT = ("agent", "off")
_PATIENCE_S = 1.0


class Capture(Protocol):
    """Appends to its file from `start` to `stop`."""

    def start(self) -> None:
        """Raises OSError when the file cannot be opened; nothing is changed then."""

    def stop(self) -> None:
        """Puts back what was there."""


def capture(path: str | os.PathLike[str], way: str) -> Capture | None:
    """What keeps the console in `path`; `way`: a value of WANDB_CONSOLE. None: nothing does."""
    if way in _NOTHING_KEPT:
        return None
    # A notebook's output does not go through the descriptors.
    return Redirect(path) if way == "redirect" and "ipykernel" not in sys.modules else Wrap(path)


class Wrap:
    """Copies what goes through sys.stdout and sys.stderr."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._fd = -1
        self._wrapped: list[tuple[TextIO, Callable[[str], Any]]] = []

    def start(self) -> None:
        self._fd = _open(self._path)
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


class Redirect:
    """Copies what goes through the descriptors 1 and 2, of this process and of its children."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._saved: dict[int, int] = {}  # descriptor -> where it led
        self._tees: list[int] = []
        self._pid = os.getpid()

    def start(self) -> None:
        os.close(_open(self._path))
        _flush()
        for fd in (1, 2):
            try:
                os.fstat(fd)
            except OSError:
                continue  # closed: nobody prints there
            self._lead_through_tee(fd)

    def _lead_through_tee(self, fd: int) -> None:
        saved = os.dup(fd)
        reading, writing = os.pipe()
        try:
            tee = os.posix_spawnp(
                "tee",
                ["tee", "-ia", os.fspath(self._path)],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, reading, 0),
                    (os.POSIX_SPAWN_DUP2, saved, 1),
                ],
                # Whoever signals the script's group means the script; this one ends with its input.
                setpgroup=0,
                setsigdef=[signal.SIGPIPE],
            )
            os.dup2(writing, fd)
        except OSError:
            os.close(saved)
            self.stop()
            raise
        finally:
            os.close(reading)
            os.close(writing)
        self._saved[fd] = saved
        self._tees.append(tee)

    def stop(self) -> None:
        _flush()
        saved, self._saved = self._saved, {}
        for fd, led in saved.items():
            with contextlib.suppress(OSError):
                os.dup2(led, fd)
            os.close(led)
        tees, self._tees = self._tees, []
        if os.getpid() != self._pid:
            return
        # A child that still prints keeps its tee: it is not waited for longer than a moment.
        end = time.monotonic() + _PATIENCE_S
        for tee in tees:
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(tee, os.WNOHANG) == (0, 0) and time.monotonic() < end:
                    time.sleep(0.002)


def _open(path: str | os.PathLike[str]) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
