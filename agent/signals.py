"""Signals of the agent's process, handed to a callback as numbers; the handlers that were there
before come back at the end. Outside the main thread nothing is installed (Python cannot).
Also: how long a trial may take to end, and what a person is told who waits for that.

Neighbour: agent.py decides what a signal means.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from sweeps.errors import ConfigurationError

KILL_DELAY_S = 30.0
"""Seconds between TERM and KILL, unless WANDB_AGENT_KILL_DELAY says otherwise."""


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


def kill_delay(environ: Mapping[str, str]) -> float:
    """Seconds between TERM and KILL. Raises ConfigurationError."""
    text = environ.get("WANDB_AGENT_KILL_DELAY", "").strip()
    if not text:
        return KILL_DELAY_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < math.inf:
        raise ConfigurationError(
            f"WANDB_AGENT_KILL_DELAY is {text!r}; it must be a number of seconds."
        )
    return seconds


def stopping(name: str, alive: int, grace_s: float, patience_s: float) -> str:
    """What happens now that trials are stopped.

    Args:
        name: of the signal.
        alive: trials that got TERM.
        grace_s: until they get KILL.
        patience_s: how long the server is waited for, for results that are on their way.
    """
    if not alive:
        return f"waiting for the server for {patience_s:g} s; {name} again to end at once"
    return f"stopping {_trials(alive)}; {name} again to kill them, or in {grace_s:g} s"


def killing(alive: int) -> str:
    """What happens now that nothing is waited for any more."""
    return f"killing {_trials(alive)}" if alive else "no longer waiting for the server"


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"
