"""What a run recorded, read back from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import opensweep
from logging_core.folder import RunFolder
from logging_core.records import History, Reader, Record


def records_of(run: opensweep.Run) -> list[Record]:
    folder = RunFolder(Path(run.dir).parent)
    (writer,) = folder.writers()
    return Reader(folder.records(writer)).read(final=True)


def rows_of(run: opensweep.Run) -> list[dict[str, Any]]:
    """The rows, in the order of their steps."""
    return [record.row for record in records_of(run) if isinstance(record, History)]


def values_of(run: opensweep.Run, name: str) -> list[Any]:
    return [row[name] for row in rows_of(run) if name in row]
