"""What a run amounts to, gathered while its records pass by: summary, names, objective.

`LaneDigest` follows one record file, `Digest` puts together those of an attempt's processes. Both
only read. Neighbours: `tape.py` (the files), `shipper.py` (asks what is new), `attempt.py`
(reports what they hold when the trial ends), `description.py` (tells it while the trial runs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.columnar import Batch, Item, Part, Rows
from agent.packing import points_of
from agent.tape import Tape
from logging_core.records import (
    ConfigUpdate,
    Finished,
    History,
    MetadataUpdate,
    Record,
    SummaryUpdate,
)
from logging_core.summary import SummaryFold
from logging_core.values import flatten
from sweeps.objective import best_of, metric_value

MAX_KEYS = 1000
"""Names kept for "no objective was reported, but these were"."""


class LaneDigest:
    """What one record file holds, as it grows.

    Args:
        tape: the file.
        metric: name of the objective; None when there is none.
        warn: told, once, that the file cannot be read on.
        on_record: told of every record that is no row, in order.

    Attributes:
        read_to: the byte behind what it has taken in.
        whole: False when the file cannot be read on.
        fold: its summary.
        rows: rows of history so far.
        records: other records so far.
        points: how many of those had an objective.
        lowest, highest: the objective's extremes; None without a value.
        keys: the names that were logged, nested ones with dots, in order; the first MAX_KEYS.
        config: what the script added to its configuration, each top-level value whole.
        metadata: what the run says of itself: name, tags, notes and the like.
        finished: the script's end, as the logger saw it; None before, and when it went on.
        when: of each name in the summary, the time of its last value.
        last_step: of the last row; None before the first.
        last_time: of the last row, 0 before the first.
    """

    def __init__(
        self,
        tape: Tape,
        metric: str | None,
        warn: Callable[[str], None],
        on_record: Callable[[Record], None] = lambda _: None,
    ) -> None:
        self._tape, self._metric, self._warn, self._on_record = tape, metric, warn, on_record
        self.read_to = 0
        self.whole = True
        self.fold = SummaryFold()
        self.lowest: float | None = None
        self.highest: float | None = None
        self.rows = self.records = self.points = 0
        self.keys: dict[str, None] = {}
        self.config: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.finished: Finished | None = None
        self.when: dict[str, float] = {}
        self.last_step: int | None = None
        self.last_time = 0.0

    def read(self, *, final: bool = False) -> None:
        """Takes in all that was written since; `final`: the writer is dead, nothing more comes."""
        try:
            while self.whole and (batch := self._tape.next(self.read_to, final=final)):
                self.take(batch)
            if final and self._tape.damaged:
                self._warn(
                    f"{self._tape.path} is damaged: {self._tape.damaged:,} bytes in its middle "
                    "cannot be read; all else of it was"
                )
        except (OSError, ValueError) as error:
            self.whole = False
            self._warn(f"what the trial logged cannot be read on: {error}")

    def take(self, batch: Batch) -> None:
        """Takes in what follows `read_to`."""
        for item in batch.items:
            self._take(item)
        self._take_points(batch.items)
        self.read_to = batch.end

    def _take(self, item: Item) -> None:
        if isinstance(item, Rows):
            self._take_rows(item)
            return
        self.fold.apply(item)
        if isinstance(item, History):
            self.rows += 1
            self.finished = None
            names = flatten(item.row)
            self.when.update(dict.fromkeys(names, item.time))
            self.last_step, self.last_time = item.step, item.time
            if len(self.keys) < MAX_KEYS:
                self.keys.update(dict.fromkeys(names))
            return
        self.records += 1
        if isinstance(item, ConfigUpdate):
            _merge_config(self.config, item.values)
        elif isinstance(item, MetadataUpdate):
            self.metadata.update(item.values)
        elif isinstance(item, Finished):
            self.finished = item
        elif isinstance(item, SummaryUpdate):
            self.when.update(dict.fromkeys(item.values, self.last_time))
        self._on_record(item)

    def _take_rows(self, rows: Rows) -> None:
        self.rows += rows.count
        self.finished = None
        fold = self.fold
        tracked: dict[str, list[tuple[Part, int]]] = {}
        for part in rows.parts:
            if len(self.keys) < MAX_KEYS:
                self.keys.update(dict.fromkeys(part.keys))
            for number, name in enumerate(part.keys if fold.definitions else ()):
                if fold.wants_all(name):
                    tracked.setdefault(name, []).append((part, number))
        for part in sorted(rows.parts, key=_last_place):
            last = part.row(len(part) - 1)
            self.when.update(dict.fromkeys(part.keys, last.time))
            self.last_step, self.last_time = last.step, last.time
            fold.add_row({name: last.row[name] for name in part.keys if name not in tracked})
        for name, columns in tracked.items():
            if len(columns) == 1:
                [(part, number)] = columns
                fold.add_column(name, part.column(number).tolist())
                continue
            for value in _in_order(columns):  # in rows of several shapes
                fold.add_row({name: value})

    def _take_points(self, items: Sequence[Item]) -> None:
        if self._metric is None:
            return
        values = points_of(items, self._metric)["value"]
        if len(values):
            least, most = float(values.min()), float(values.max())
            self.points += len(values)
            self.lowest = least if self.lowest is None else min(least, self.lowest)
            self.highest = most if self.highest is None else max(most, self.highest)


def _merge_config(config: dict[str, Any], new: Mapping[str, Any]) -> None:
    """W&B's own part of the configuration (custom charts, class names) comes piece by piece."""
    for name, value in new.items():
        old = config.get(name)
        if name == "_wandb" and isinstance(value, Mapping) and isinstance(old, Mapping):
            config[name] = _deep(old, value)
        else:
            config[name] = value


def _deep(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        before = merged.get(name)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        merged[name] = _deep(before, value) if both else value  # type: ignore[arg-type]
    return merged


def _last_place(part: Part) -> int:
    return len(part) - 1 if part.where is None else int(part.where[-1])


def _in_order(columns: Sequence[tuple[Part, int]]) -> list[Any]:
    """The values of a name that several parts have, in the order of their rows."""
    found: list[tuple[int, Any]] = []
    for part, number in columns:
        places = range(len(part)) if part.where is None else part.where.tolist()
        found += zip(places, part.column(number).tolist(), strict=True)
    return [value for _, value in sorted(found, key=lambda one: one[0])]


class Digest:
    """The digests of one attempt's processes, as one. Add a lane when it appears.

    Args:
        metric: name of the objective, None for none.
        about: metadata that others know of the run, which may grow meanwhile; the run's own word
            counts more.
    """

    def __init__(self, metric: str | None, about: Mapping[str, Any] | None = None) -> None:
        self._metric = metric
        self._about = {} if about is None else about
        self.lanes: list[LaneDigest] = []

    @property
    def rows(self) -> int:
        return sum(lane.rows for lane in self.lanes)

    @property
    def records(self) -> int:
        return sum(lane.records for lane in self.lanes)

    @property
    def points(self) -> int:
        return sum(lane.points for lane in self.lanes)

    @property
    def keys(self) -> dict[str, None]:
        return dict.fromkeys(name for lane in self.lanes for name in lane.keys)

    @property
    def config(self) -> dict[str, Any]:
        return {name: value for lane in self.lanes for name, value in lane.config.items()}

    @property
    def metadata(self) -> dict[str, Any]:
        own = {name: value for lane in self.lanes for name, value in lane.metadata.items()}
        return {**self._about, **own}

    @property
    def done_at(self) -> float | None:
        """When the last of its processes recorded a good end of the run (UTC epoch seconds); None
        while one has not, and when one went on."""
        ends = [lane.finished for lane in self.lanes if lane.rows or lane.records]
        times = [end.time for end in ends if end is not None and end.exit_code == 0]
        return max(times) if times and len(times) == len(ends) else None

    @property
    def version(self) -> tuple[int, int, int]:
        """Another one when anything in it may have changed."""
        return self.rows, self.records, len(self._about)

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """What define_metric said, by metric or glob."""
        return {
            name: defined._asdict()
            for lane in self.lanes
            for name, defined in lane.fold.definitions.items()
        }

    @property
    def summary(self) -> dict[str, Any]:
        """Of a name that several processes logged: the latest value."""
        if len(self.lanes) == 1:
            return dict(self.lanes[0].fold.summary)
        merged: dict[str, Any] = {}
        when: dict[str, float] = {}
        for lane in self.lanes:
            for name, value in lane.fold.summary.items():
                told = lane.when.get(name, 0.0)
                if name not in merged or told > when[name]:
                    merged[name], when[name] = value, told
        return merged

    def objective(self, *, maximize: bool) -> float | None:
        """What this attempt scores: the best finite value in its history and its summary."""
        if self._metric is None:
            return None
        found = [lane.highest if maximize else lane.lowest for lane in self.lanes]
        return best_of([*found, metric_value(self.summary, self._metric)], maximize=maximize)
