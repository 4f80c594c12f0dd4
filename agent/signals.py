"""Signals of the agent's process, handed to a callback as numbers; the handlers that were there
before come back at the end. Outside the main thread nothing is installed (Python cannot)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class Signals:
    """While entered, SIGINT, SIGTERM and SIGHUP call `handler` with their number.

    The handler runs between two bytecodes of the main thread: it may take no lock. A SIGHUP or
    SIGINT that is ignored stays ignored (nohup, a shell's background job).
    """

    def __init__(self, handler: Callable[[int], None]) -> None:
        self._handler = handler
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if number != signal.SIGTERM and signal.getsignal(number) is signal.SIG_IGN:
                    continue
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._handler(number)
