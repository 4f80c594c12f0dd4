"""From what was read of a record file to what a chunk says: columns, and the objective's points.

Names are flat here, dotted where rows had dicts in dicts. Pure. Neighbours: `columnar.py` (what
was read), `sweeps.protocol.chunks` (the bytes).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from agent.columnar import Batch, Item, Part, Rows
from logging_core.records import History
from logging_core.values import flatten
from sweeps.objective import metric_value
from sweeps.protocol.columns import Columns, Row, concatenate, from_rows

Points = NDArray[np.void]
"""Structured: step int64, value float64; `tobytes()` is what `chunks.pack_points` makes."""

POINT = np.dtype([("step", "<i8"), ("value", "<f8")])


def columns_of(batches: Sequence[Batch]) -> Columns:
    """All rows of these batches. Raises ChunkError for rows that no chunk can hold."""
    parts: list[Columns] = []
    items = (item for batch in batches for item in batch.items)
    for bulk, group in groupby(items, lambda item: isinstance(item, Rows)):
        if bulk:
            parts += [item.columns() for item in group if isinstance(item, Rows)]
            continue
        rows: list[Row] = [
            (item.step, item.time, flatten(item.row)) for item in group if isinstance(item, History)
        ]
        if rows:
            parts.append(from_rows(rows))
    return concatenate(parts)


def points_of(items: Iterable[Item], metric: str | None) -> Points:
    """(step, value) of every finite value of the objective, in order; none without a metric."""
    found: list[Points] = []
    if metric is not None:
        for item in items:
            if isinstance(item, Rows):
                found.append(_points_of_rows(item, metric))
            elif isinstance(item, History):
                value = metric_value(item.row, metric)
                if value is not None:
                    found.append(np.array([(item.step, value)], POINT))
    return np.concatenate(found) if found else np.empty(0, POINT)


def _points_of_rows(rows: Rows, metric: str) -> Points:
    found, places = [np.empty(0, POINT)], [np.empty(0, np.int64)]
    for part in rows.parts:
        number = _objective(part, metric)
        if number is None:
            continue
        values = part.column(number).astype(np.float64)
        finite = np.flatnonzero(np.isfinite(values))
        points = np.empty(len(finite), POINT)
        points["step"], points["value"] = part.steps[finite], values[finite]
        found.append(points)
        places.append(finite if part.where is None else part.where[finite])
    points = np.concatenate(found)
    return points if len(found) <= 2 else points[np.argsort(np.concatenate(places))]


def _objective(part: Part, metric: str) -> int | None:
    """Which of a part's columns is the objective; see `sweeps.objective.metric_value`."""
    for name in (metric, metric.replace(".", "/")):
        if name in part.keys:
            number = part.keys.index(name)
            return None if part.codes[number] == "?" else number
    return None
