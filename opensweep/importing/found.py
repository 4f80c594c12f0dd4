"""What the readers give: runs, and of each its items in the order in which they were recorded.

Items are our own records (logging_core.records) where there is one, and the four below. A reader
is an iterator, so that a long run is never in memory whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from logging_core.records import History, Record


@dataclass(frozen=True)
class SystemRow:
    """Metrics of the machine at a time (seconds since 1970), under names as "system.cpu"."""

    time: float
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Printed:
    """Bytes of the console."""

    data: bytes


@dataclass(frozen=True)
class FileFound:
    """A file of the run: `path` within it (with slashes), and its bytes or where they lie."""

    path: str
    content: bytes | Path


@dataclass(frozen=True)
class LeftOut:
    """What of the run does not come along, in one sentence for the user."""

    why: str


Item = Record | SystemRow | Printed | FileFound | LeftOut


@dataclass(frozen=True)
class FoundRun:
    """A run of another tracker.

    Attributes:
        source: where it was found, without links; with `id` it names the run for ever.
        id: as the other tracker has it, or made from where it lies.
        project, name: "" when the files do not say.
        items: opens the run's items; each call begins anew. Raises OSError and ImportFailed.
        metadata: what else is known before any item is read.
    """

    source: str
    id: str
    project: str
    name: str
    items: Callable[[], Iterator[Item]] = field(repr=False)
    metadata: Mapping[str, Any] = field(default_factory=dict)


def rows_by_step(points: Iterator[tuple[str, int, float, Any]]) -> Iterator[History]:
    """(name, step, time, value) in any order -> rows by step; of two values of a name at one step
    the later one stays. The time of a row is that of its first value."""
    rows: dict[int, tuple[float, dict[str, Any]]] = {}
    for name, step, time, value in points:
        found = rows.get(step)
        if found is None:
            found = rows[step] = (time, {})
        found[1][name] = value
    for step in sorted(rows):
        time, row = rows[step]
        yield History(step, time, row)
