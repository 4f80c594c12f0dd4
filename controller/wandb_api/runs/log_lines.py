"""What a run printed, line by line, as W&B's public API pages through it.

The console is one text that grows (controller/server/console.py); the lines are what a terminal
would show of it, one process of the run after the other. Neighbours: streams/console.py (the way
in).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, NamedTuple

from controller.server.console import Consoles
from controller.store.records import RunRecord
from controller.wandb_api.context import Info, door
from controller.wandb_api.paging import connection, offset_of, page_size
from sweeps.console_text import settled

MOST_BYTES = 64 << 20
"""Of a longer text the lines at its beginning are left out."""
_KEPT = 4  # runs whose lines are kept, for the pages that follow
_KEPT_BYTES = 16 << 20


class Line(NamedTuple):
    """One line.

    Attributes:
        number: from 0.
        label: the process that printed it, of several; "" for the only one.
        line: its text.
    """

    number: int
    label: str
    line: str
    level: str = ""  # stdout and stderr are one terminal on record
    timestamp: str | None = None


class _Kept:
    """The lines of a few runs that somebody pages through. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: OrderedDict[tuple[str, float], list[Line]] = OrderedDict()

    def get(self, name: tuple[str, float]) -> list[Line] | None:
        with self._lock:
            found = self._lines.get(name)
            if found is not None:
                self._lines.move_to_end(name)
            return found

    def put(self, name: tuple[str, float], lines: list[Line]) -> None:
        if sum(len(each.line) for each in lines) > _KEPT_BYTES:
            return
        with self._lock:
            self._lines[name] = lines
            while len(self._lines) > _KEPT:
                self._lines.popitem(last=False)


_KEPT_LINES = _Kept()


def log_lines(
    run: RunRecord,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Run.logLines: a page of lines, or the last ones."""
    lines = _lines(run, door(info).found.consoles)
    if last is not None:
        offset = max(0, len(lines) - page_size(last))
        return connection(lines[offset:], offset, len(lines))
    offset = offset_of(after)
    return connection(lines[offset : offset + page_size(first)], offset, len(lines))


def _lines(run: RunRecord, consoles: Consoles) -> list[Line]:
    name = (run.id, run.updated)  # which every piece of console changes
    found = _KEPT_LINES.get(name)
    if found is None:
        found = []
        for lane in ("", *consoles.read(run.id, 0)["lanes"]):
            text = "".join(settled([_text(run.id, consoles, lane)]))
            for line in text.removesuffix("\n").split("\n") if text else ():
                found.append(Line(len(found), lane, line))
        _KEPT_LINES.put(name, found)
    return found


def _text(run_id: str, consoles: Consoles, lane: str) -> str:
    parts: list[str] = []
    size = offset = 0
    while True:
        page = consoles.read(run_id, offset, lane)
        parts.append(page["text"])
        size += len(page["text"])
        while size > MOST_BYTES and len(parts) > 1:
            size -= len(parts.pop(0))
        if page["next"] == offset:
            return "".join(parts)
        offset = page["next"]


RESOLVERS = {"Run.logLines": log_lines}
