"""The store's part that tells all trials of a sweep as columns: what its page is drawn from.

Thousands of trials in one answer, and after that only those that changed since. Neighbours:
`trials.py` (trials as records), `run_index.py` (what lists of runs are filtered by).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, Text, func, select, type_coerce

from controller.store.engine import Database
from controller.store.schema import chunks, runs, trials
from sweeps.objective import metric_value
from sweeps.protocol.chunks import unpack_points
from sweeps.trial import TrialState

LATE_S = 10.0
"""A transaction may be seen so long after the time that it wrote."""
_NAMED = 20
"""The names of the summary are those of so many trials, the newest that ended."""

TEXTS = ("state", "reason", "detail", "host", "device", "agent_id", "enqueued")
NUMBERS = ("number", "objective", "attempts", "created", "started", "ended", "parent")

_CONFIG = type_coerce(trials.c.config, Text).label("config")
_SUMMARY = type_coerce(runs.c.summary, Text).label("summary")
_ROW = select(*(trials.c[name] for name in (*NUMBERS, *TEXTS)), runs.c.steps, _CONFIG).join(
    runs, runs.c.id == trials.c.id
)


@dataclass(frozen=True)
class TrialColumns:
    """Trials by number; each list has one entry a trial, None where there is nothing.

    Attributes:
        cursor: hand it back for what has changed since; some comes twice.
        total: how many trials the sweep has.
        numbers: those of NUMBERS, and `steps`.
        texts: those of TEXTS.
        values: of running trials the newest value of the objective.
        params: the configurations, by dotted names.
        metrics: of the summary, those that were asked for; numbers alone.
        metric_names: numbers that there are in summaries, but for those inside of media.
    """

    cursor: float
    total: int
    numbers: dict[str, list[Any]]
    texts: dict[str, list[str | None]]
    values: list[float | None]
    params: dict[str, list[Any]]
    metrics: dict[str, list[float | None]]
    metric_names: list[str] = field(default_factory=list)


class TrialColumnStore:
    """One transaction."""

    _db: Database

    def trial_columns(
        self, sweep_id: str, *, since: float | None = None, metrics: Sequence[str] = ()
    ) -> TrialColumns:
        """All trials of a sweep, or those that changed since an earlier answer's `cursor`; none
        for a sweep that is not there."""
        query = _ROW.add_columns(_SUMMARY) if metrics else _ROW
        query = query.where(trials.c.sweep_id == sweep_id)
        if since is not None:
            query = query.where(runs.c.updated > since - LATE_S)
        count = select(func.count()).select_from(trials).where(trials.c.sweep_id == sweep_id)
        with self._db.snapshot() as connection:
            cursor = self._db.read_clock(connection)
            total = connection.scalar(count) or 0
            found = connection.execute(query.order_by(trials.c.number)).all()
            running = [row.number for row in found if row.state == TrialState.RUNNING]
            newest = _newest_values(connection, sweep_id, running)
            names = _metric_names(connection, sweep_id)
        summaries = [_document(row.summary) for row in found] if metrics else []
        return TrialColumns(
            cursor,
            total,
            {name: _column(found, name) for name in (*NUMBERS, "steps")},
            {name: _column(found, name) for name in TEXTS},
            [newest.get(row.number) for row in found],
            _params([_document(row.config) for row in found]),
            {name: [metric_value(each, name) for each in summaries] for name in metrics},
            names,
        )


def _column(found: Sequence[Row[Any]], name: str) -> list[Any]:
    if not found:
        return []
    place = found[0]._fields.index(name)
    return [row[place] for row in found]


def _params(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Nested configurations as columns of dotted names, in the order of their first appearance."""
    columns: dict[str, list[Any]] = {}
    for place, config in enumerate(configs):
        for name, value in _flat(config, ""):
            if name not in columns:
                columns[name] = [None] * len(configs)
            columns[name][place] = value
    return columns


def _flat(config: Mapping[str, Any], above: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in config.items():
        if isinstance(value, dict) and value:
            found += _flat(value, f"{above}{key}.")
        else:
            found.append((f"{above}{key}", value))
    return found


def _without_media(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a medium says of itself (its height, its rows) nobody logged as a result."""
    return {
        name: _without_media(value) if isinstance(value, dict) else value
        for name, value in summary.items()
        if not (isinstance(value, dict) and isinstance(value.get("_type"), str))
    }


def _document(text: str) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except ValueError:  # NaN, or a number beyond 64 bits
        document = json.loads(text)
    return document if isinstance(document, dict) else {}


def _newest_values(
    connection: Connection, sweep_id: str, running: Sequence[int]
) -> dict[int, float]:
    """The newest value of the objective of trials that run."""
    if not running:
        return {}
    mine = chunks.alias()
    newest = (
        select(mine.c.objective)
        .where(mine.c.run_id == trials.c.id, mine.c.kind == "history", mine.c.feed.is_not(None))
        .order_by(mine.c.writer.desc(), mine.c.lane.desc(), mine.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    query: Select[Any] = select(trials.c.number, newest.label("packed")).where(
        trials.c.sweep_id == sweep_id, trials.c.state == TrialState.RUNNING
    )
    found = {}
    for row in connection.execute(query).all():
        points = unpack_points(row.packed) if row.packed else []
        if points:
            found[row.number] = points[-1][1]
    return found


def _metric_names(connection: Connection, sweep_id: str) -> list[str]:
    query = (
        select(_SUMMARY)
        .join(trials, runs.c.id == trials.c.id)
        .where(trials.c.sweep_id == sweep_id, trials.c.ended_seq.is_not(None))
        .order_by(trials.c.ended_seq.desc())
        .limit(_NAMED)
    )
    names: dict[str, None] = {}
    for text in connection.scalars(query):
        for name, value in _flat(_without_media(_document(text)), ""):
            if isinstance(value, int | float) and not isinstance(value, bool):
                names[name] = None
    return sorted(names)
