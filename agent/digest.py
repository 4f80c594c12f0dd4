"""What a run amounts to, gathered while its records pass by: summary, names, objective.

Reads the record file and nothing else. Its neighbours: `shipper.py` asks it what is new,
`attempt.py` reports what it holds when the trial ends.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from logging_core.records import ConfigUpdate, History, MetadataUpdate, Reader, Record
from logging_core.summary import SummaryFold
from sweeps.objective import best_of, metric_value

MAX_KEYS = 1000
"""Names kept for "no objective was reported, but these were"."""
_BATCH = 500


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
        config: what the script added to its configuration, each top-level value whole.
        metadata: what the run says of itself: name, tags, notes and the like.
    """

    def __init__(self, path: Path, metric: str | None, warn: Callable[[str], None]) -> None:
        self._metric, self._warn = metric, warn
        self._reader = Reader(path)
        self._readable = True
        self._fold = SummaryFold()
        self._lowest: float | None = None
        self._highest: float | None = None
        self.rows = self.points = 0
        self.keys: dict[str, None] = {}
        self.config: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}

    def read(self, *, final: bool = False) -> None:
        """Takes in all that was written since; `final`: the writer is dead, nothing more comes."""
        try:
            while self._readable and (batch := self._reader.read(limit=_BATCH, final=final)):
                for record in batch:
                    self._apply(record)
        except (OSError, ValueError) as error:
            self._readable = False
            self._warn(f"what the trial logged cannot be read on: {error}")

    @property
    def summary(self) -> dict[str, Any]:
        return dict(self._fold.summary)

    def objective(self, *, maximize: bool) -> float | None:
        """What this attempt scores: the best finite value in its history and its summary."""
        if self._metric is None:
            return None
        best = self._highest if maximize else self._lowest
        return best_of((best, metric_value(self.summary, self._metric)), maximize=maximize)

    def _apply(self, record: Record) -> None:
        self._fold.apply(record)
        if isinstance(record, ConfigUpdate):
            self.config.update(record.values)
        elif isinstance(record, MetadataUpdate):
            self.metadata.update(record.values)
        if not isinstance(record, History):
            return
        self.rows += 1
        if len(self.keys) < MAX_KEYS:
            self.keys.update(dict.fromkeys(record.row))
        value = None if self._metric is None else metric_value(record.row, self._metric)
        if value is not None:
            self.points += 1
            self._lowest = value if self._lowest is None else min(value, self._lowest)
            self._highest = value if self._highest is None else max(value, self._highest)
