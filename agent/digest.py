"""What a run amounts to, gathered while its records pass by: summary, names, objective.

Reads the record file and nothing else. Its neighbours: `shipper.py` asks it what is new,
`attempt.py` reports what it holds when the trial ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from logging_core.records import History, Reader, Record
from logging_core.summary import SummaryFold

MAX_KEYS = 1000
"""Names kept for "no objective was reported, but these were"."""
_BATCH = 500


def number(value: Any) -> float | None:
    """`value` as a finite float; None for anything else (a bool is no number)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        as_float = float(value)
    except OverflowError:
        return None
    return as_float if math.isfinite(as_float) else None


def look_up(row: Mapping[str, Any], metric: str) -> Any:
    """The metric's value in a row; None when it has none.

    `val.loss` is found under that very name, under `val/loss`, and nested as {"val": {"loss"}}.
    """
    for name in (metric, metric.replace(".", "/")):
        if name in row:
            return row[name]
    value: Any = row
    for part in metric.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


class Digest:
    """The summary of one attempt, the names that it logged, and its objective, as they grow.

    Args:
        path: the attempt's record file; it may not exist yet.
        metric: name of the objective; None when the sweep has none.
        warn: told, once, that the file cannot be read on.

    Attributes:
        rows: rows of history so far.
        points: how many of those had an objective.
        keys: the names that were logged, in order; the first MAX_KEYS.
    """

    def __init__(self, path: Path, metric: str | None, warn: Callable[[str], None]) -> None:
        self._metric, self._warn = metric, warn
        self._reader = Reader(path)
        self._readable = True
        self._fold = SummaryFold()
        self._last: float | None = None
        self.rows = self.points = 0
        self.keys: dict[str, None] = {}

    def read(self, *, final: bool = False) -> None:
        """Takes in all that was written since; `final`: the writer is dead, nothing more comes."""
        try:
            while self._readable and (batch := self._reader.read(limit=_BATCH, final=final)):
                for record in batch:
                    self._apply(record)
        except (OSError, ValueError) as error:
            self._readable = False
            self._warn(f"what the trial logged cannot be read on: {error}")

    def objective_of(self, row: Mapping[str, Any]) -> float | None:
        """The finite objective in a row, or None."""
        return None if self._metric is None else number(look_up(row, self._metric))

    @property
    def summary(self) -> dict[str, Any]:
        return dict(self._fold.summary)

    @property
    def objective(self) -> float | None:
        """The summary's value if it is a finite number, else the last one logged."""
        value = None if self._metric is None else look_up(self.summary, self._metric)
        if isinstance(value, Mapping) and len(value) == 1:  # define_metric(…, summary="min")
            value = next(iter(value.values()))
        found = number(value)
        return self._last if found is None else found

    def _apply(self, record: Record) -> None:
        self._fold.apply(record)
        if not isinstance(record, History):
            return
        self.rows += 1
        if len(self.keys) < MAX_KEYS:
            self.keys.update(dict.fromkeys(record.row))
        value = self.objective_of(record.row)
        if value is not None:
            self.points += 1
            self._last = value
