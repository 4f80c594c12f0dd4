"""A signal's handler may come at any call within log(), and log itself, look, raise, or finish.

A profiler is told of every call: at the k-th one it does what a handler would do, for each k.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logging_core import journal, terminal
from logging_core.errors import UsageError
from logging_core.journal import Journal
from logging_core.records import Finished, History, Reader, Record, SummaryUpdate, Writer
from logging_core.summary import SummaryFold

# hypothesis, where a test of this worker has used it, times each garbage collection by a Python
# function: what a handler raises in there is told as unraisable, and is no concern of ours.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in.*gc_callback")


class Interrupt(BaseException):
    """As KeyboardInterrupt, or the SystemExit of a SIGTERM."""


class Late(TimeoutError):
    """As SIGALRM's handler may raise: an OSError, but none of the disk."""


class NoFlusher:
    """The start of a thread is a hundred calls more; a disk that is waited for, much time."""

    def __init__(self, *_: object) -> None: ...

    def stop(self, _wait_s: float) -> None: ...


class Script:
    """Logs rows of all sorts, each with a number of its own. `returned`: those that log() came
    back from; `last`: the one it was called with last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = Journal(Writer(path))
        self.returned: list[int] = []
        self.last = 0

    def log(self, name: str = "n", step: int | None = None, **more: Any) -> None:
        """`name`: rows of one name go the quick way."""
        self.last += 1
        number = self.last
        self.journal.log({name: number, **more}, step, more.get("commit"))
        self.returned.append(number)

    def run(self) -> None:
        for _ in range(3):
            self.log()
        self.log("n4", text="x" * 70_000)  # beyond the window
        for step in range(10, 13):
            self.log(step=step)
        self.log("n8", commit=False)
        self.log("n9", deep={"a": 1})
        self.journal.record(SummaryUpdate({"best": 1.0}))

    def read(self, *, final: bool = True) -> tuple[list[Record], list[int]]:
        """What is in the file, and the numbers of the rows."""
        reader = Reader(self.path)
        records = reader.read(final=final)
        assert not reader.damage
        rows = [record for record in records if isinstance(record, History)]
        steps = [row.step for row in rows]
        assert steps == sorted(set(steps))
        numbers = [v for row in rows for name, v in row.row.items() if name.startswith("n")]
        return records, numbers


@pytest.fixture(autouse=True)
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(terminal, "warn", said.append)
    monkeypatch.setattr(journal, "Flusher", NoFlusher)
    return said


def at_call(number: int, act: Callable[[], None], work: Callable[[], None]) -> bool:
    """Do `work`, with `act` at its call of that number; False: it makes fewer calls.

    Handlers of signals run when a call returns, or begins in Python code, and not in between.
    """
    count = itertools.count()
    done = False

    def told(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal done
        if event != "c_call" and next(count) == number:
            sys.setprofile(None)
            done = True
            act()

    sys.setprofile(told)
    try:
        work()
    finally:
        sys.setprofile(None)
    return done


def at_every_call(
    folder: Path, act: Callable[[Script], None], check: Callable[[Script], None]
) -> None:
    for number in itertools.count():
        script = Script(folder / f"{number}.bin")
        try:
            if not at_call(number, lambda: act(script), script.run):  # noqa: B023 - called here
                assert number > 300
                return
        except (Interrupt, Late, UsageError):
            pass
        check(script)
        script.journal.close(0)
        script.path.unlink()


def test_it_logs(tmp_path: Path, warnings: list[str]) -> None:
    def check(script: Script) -> None:
        script.log("n10")
        live, _ = script.read(final=False)
        records, numbers = script.read()
        assert live == records
        assert numbers == list(range(1, 11))
        assert sum("handler" in r.row for r in records if isinstance(r, History)) == 1
        fold = SummaryFold()
        for record in records:
            fold.apply(record)
        assert fold.summary == script.journal.summary()
        assert fold.summary["handler"] == 1

    at_every_call(tmp_path, lambda script: script.journal.log({"handler": 1}), check)
    assert not warnings


def test_it_looks(tmp_path: Path, warnings: list[str]) -> None:
    def look(script: Script) -> None:
        assert script.journal.step >= 0
        script.journal.curves()
        script.journal.summary()

    def check(script: Script) -> None:
        script.log("n10")
        records, numbers = script.read()
        assert numbers == list(range(1, 11))
        assert [r.step for r in records if isinstance(r, History)] == [*range(4), *range(10, 14)]

    at_every_call(tmp_path, look, check)
    assert not warnings


@pytest.mark.parametrize("error", [Interrupt, Late])
def test_it_raises(tmp_path: Path, warnings: list[str], error: type[BaseException]) -> None:
    """What log() returned from is there, once; what it was interrupted in may be."""

    def interrupt(_script: Script) -> None:
        raise error

    def check(script: Script) -> None:
        for step in range(20, 23):
            script.log(step=step)
        script.log("after")
        live, _ = script.read(final=False)
        records, numbers = script.read()
        assert live == records
        assert sorted(set(numbers)) == numbers
        assert set(numbers) >= set(script.returned[:-1])

    at_every_call(tmp_path, interrupt, check)
    assert not warnings  # of a disk that is full, say


@pytest.mark.parametrize("exits", [False, True])
def test_it_finishes(tmp_path: Path, warnings: list[str], exits: bool) -> None:
    """As a SIGTERM's does, whether or not it lets the script go on."""

    def finish(script: Script) -> None:
        script.journal.log({"handler": 1})
        assert script.journal.close(143)
        before.append(list(script.returned))
        if exits:
            raise Interrupt

    def check(script: Script) -> None:
        records, numbers = script.read()
        assert isinstance(records[-1], Finished)
        assert records[-1].exit_code == 143
        assert set(numbers) >= set(before.pop())
        assert len(numbers) == len(set(numbers))
        assert any("handler" in r.row for r in records if isinstance(r, History))
        assert not script.journal.close(0)

    before: list[list[int]] = []
    at_every_call(tmp_path, finish, check)
    assert not warnings
