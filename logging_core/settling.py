"""Rows that hold more than scalars: media are stored, and W&B's JSON takes their place in the row.

What an image or a table is, media/ knows; it is large, and loaded for the first such row alone.
Neighbours: journal.py makes one, writer.py asks it for each row that has no packed form.
"""

from __future__ import annotations

import os

from logging_core.folder import RunFolder
from logging_core.hints import Any, Callable
from logging_core.records import ConfigUpdate, FileSaved, Record
from logging_core.values import Odd

_SCALARS = frozenset([float, int, bool, str, type(None)])


class Settler:
    """Settles the rows of one record file.

    Args:
        path: the record file; media go into `files/` beside it.
        record: appends a record.
        odd: told of a value that cannot be kept as it is.
    """

    def __init__(self, path: str, record: Callable[[Record], None], odd: Odd) -> None:
        self._files = RunFolder(os.path.dirname(path)).files
        self._record, self._odd = record, odd

    def __call__(self, step: int | str, row: dict[str, Any]) -> dict[str, Any]:
        """The row at this step ("summary" for the summary). Raises OSError, UsageError."""
        for value in row.values():
            if type(value) not in _SCALARS and not _is_scalar(value):
                break
        else:
            return row  # nothing but scalars, of whichever library
        from logging_core.media import rows

        desk = rows.Desk(
            self._files,
            step,
            lambda path: self._record(FileSaved(path)),
            lambda values: self._record(ConfigUpdate(values)),
            self._odd,
        )
        return rows.settle(row, desk)


def _is_scalar(value: Any) -> bool:
    try:
        return bool(getattr(value, "shape", None) == ())
    except Exception:  # its own code
        return False
