"""One thing after the other: what a journal is asked to do, by any thread and by signal handlers.

A lock keeps threads apart. A signal handler (or a finaliser, or what a logged value's own code
does) runs in the middle of what its own thread is doing: what it asks for waits until that is
done. Knows nothing of what is done. Neighbour: journal.py.
"""

from __future__ import annotations

import threading

from logging_core.errors import UsageError
from logging_core.hints import Any, Callable

_MOST = 100
"""So much never waits: the turn was lost. Before Python 3.10 a signal's exception may come between
any two instructions, also of what gives the turn back."""


class Turns:
    """Who does something has the turn.

    Attributes:
        lock: held by the thread whose turn it is.
        busy: whether something is under way; only true for who asks within it.
    """

    def __init__(self, odd: Callable[[str], None]) -> None:
        self.lock = threading.RLock()
        self.busy = False
        self._odd = odd
        self._waiting: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def take(self, act: Callable[..., None], *given: Any) -> None:
        """Do it now, or when what is under way in this thread is done."""
        with self.lock:
            if self.busy and len(self._waiting) < _MOST:
                self._waiting.append((act, given))
                return
            try:
                self.busy = True
                try:
                    act(*given)
                finally:
                    self._do_what_waits()
            finally:
                self.busy = False

    def break_in(self, act: Callable[..., Any], *given: Any) -> Any:
        """Do what waits and then this, even in the middle of something: that must bear it."""
        with self.lock:
            before = self.busy
            try:
                self.busy = True
                self._do_what_waits()
                return act(*given)
            finally:
                self.busy = before

    def _do_what_waits(self) -> None:
        while self._waiting:
            act, given = self._waiting.pop(0)
            try:
                act(*given)
            except UsageError as error:  # whoever asked is not here any more
                self._odd(str(error))

    def start_over(self) -> None:
        """In a forked child: whoever had the turn is not here."""
        # A script may have kept a function that knows the old lock, which another thread of the
        # parent may hold: it can be made anew (not in Python 3.8).
        getattr(self.lock, "_at_fork_reinit", lambda: None)()
        self.lock = threading.RLock()
        self.busy = False
        self._waiting.clear()
