"""A clean end whenever one is possible: SIGTERM, uncaught exceptions, sys.exit, the exit itself.

While a run is active: SIGTERM raises SystemExit(143) in the main thread, so that `finally` blocks
and exit handlers run and the script may save (unless it has a handler of its own, set before or
after); whatever ends the interpreter, the run is finished first, with the exit code it was given.
A kill -9 leaves no trace here: the record file is whole without us. Neighbour: run.py.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType, TracebackType

from logging_core.hints import Any, Callable, NoReturn

TERMINATED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT


def exit_code_of(error: BaseException | None) -> int:
    """The exit code of an interpreter that ends with `error` uncaught (None: it ends well)."""
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        return _status(error.code)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _status(code: Any) -> int:
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


class Ending:
    """Installed by a run, removed when it has finished."""

    def __init__(self, finish: Callable[[int], None]) -> None:
        self._finish = finish
        self._exit_code = 0
        self._terminated = False
        # Bound methods are made anew at each access; these are what `remove` recognises.
        self._hook = self._uncaught
        self._exit = self._sys_exit
        self._handler = self._sigterm
        self._at_exit = self._exiting
        self._previous_hook: Callable[..., Any] = sys.excepthook
        self._previous_exit: Callable[..., NoReturn] = sys.exit

    def install(self) -> None:
        self._previous_hook, sys.excepthook = sys.excepthook, self._hook
        # The interpreter does not tell an exit handler its exit code; sys.exit does.
        self._previous_exit, sys.exit = sys.exit, self._exit
        atexit.register(self._at_exit)
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        ):
            signal.signal(signal.SIGTERM, self._handler)
            _handling.add(self)

    def remove(self) -> None:
        """Put back what was there, where nobody has replaced ours since."""
        if sys.excepthook is self._hook:
            sys.excepthook = self._previous_hook
        if sys.exit is self._exit:
            sys.exit = self._previous_exit
        atexit.unregister(self._at_exit)
        # While the script is still winding down from a SIGTERM, another one must not kill it.
        if not self._terminated:
            self.release_signal()

    def release_signal(self) -> None:
        """SIGTERM as it was; also in a forked child, which is no part of the run."""
        _handling.discard(self)
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is self._handler
        ):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _sigterm(self, _number: int, _frame: FrameType | None) -> None:
        if self._terminated:
            return  # it is already on its way out; whoever is in a hurry has SIGKILL
        self._terminated = True
        self._exit_code = TERMINATED
        raise SystemExit(TERMINATED)

    def _uncaught(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        self._exit_code = exit_code_of(error)
        self._previous_hook(kind, error, trace)

    def _sys_exit(self, code: Any = None) -> NoReturn:
        self._exit_code = _status(code)
        self._previous_exit(code)

    def _exiting(self) -> None:
        self._finish(self._exit_code)


# A SIGTERM that reaches a forked child before its interpreter is set up again would be taken by
# the handler that it inherited, and then forgotten: whoever ends workers by SIGTERM (a pool, a
# data loader) would wait for ever. So it is held back until the child has the default again.
_handling: set[Ending] = set()
_held_by: set[int] = set()  # threads that are forking


def _before_fork() -> None:
    if _handling and signal.SIGTERM not in signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGTERM}
    ):
        _held_by.add(threading.get_ident())


def _let_go() -> None:
    if threading.get_ident() in _held_by:
        _held_by.discard(threading.get_ident())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _in_child() -> None:
    for ending in list(_handling):
        ending.release_signal()
    _let_go()
    _held_by.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_let_go, after_in_child=_in_child)
