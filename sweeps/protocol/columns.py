"""Logged rows as columns: NumPy arrays where values are numbers, lists where they are not.

What a decoded chunk is, and what charts, exports and the merge of several attempts work on. Pure.
Neighbours: `chunks.py` (their bytes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.errors import ChunkError

Row = tuple[int, float, Mapping[str, Any]]
"""Step, time (seconds since the epoch), values by name."""

Values = NDArray[Any] | list[Any]
"""float64, int64 or bool of shape (n,), or a list of n JSON values."""

_MASK_BITS = 16_000_000  # 2 MB of bit masks may always be
_MASK_BITS_A_VALUE = 256
_EXACT_INT = 2**53  # beyond, a double no longer holds every whole number


@dataclass(frozen=True)
class Column:
    """The values of one name.

    Attributes:
        values: float64, int64 or bool of shape (n,); a list of n JSON values for all else. A
            column that mixes whole numbers and floats is float64 where that is exact.
        index: the rows that have a value, int64 of shape (n,), rising; None: all rows.
    """

    values: Values
    index: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Columns:
    """Rows by columns, as `chunks.decode` gives them.

    Attributes:
        steps: int64 of shape (rows,).
        times: float64 of shape (rows,), seconds since the epoch.
        columns: by name, in the order in which the rows first had them.
    """

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def raggedness(self) -> float:
        """Above 1: the bit masks of its columns outweigh the values by far, as where each row has
        names of its own; they grow with the square of the rows, so that fewer rows are better."""
        bits = len(self) * sum(column.index is not None for column in self.columns.values())
        values = sum(len(column.values) for column in self.columns.values())
        return bits / max(_MASK_BITS, _MASK_BITS_A_VALUE * values)

    def rows(self) -> Iterator[tuple[int, float, dict[str, Any]]]:
        """The rows, as they were given to `chunks.encode`."""
        rows: list[dict[str, Any]] = [{} for _ in range(len(self))]
        for name, column in self.columns.items():
            where = range(len(rows)) if column.index is None else column.index.tolist()
            for row, value in zip(where, _to_list(column.values), strict=True):
                rows[row][name] = value
        return zip(self.steps.tolist(), self.times.tolist(), rows, strict=True)

    def points(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(rows, values) of the numeric values of a name; both empty when it has none."""
        column = self.columns.get(name)
        if column is None:
            return np.empty(0, np.int64), np.empty(0)
        index = np.arange(len(self)) if column.index is None else column.index
        if not isinstance(column.values, list):
            return index, column.values.astype(np.float64)
        numeric = [i for i, v in enumerate(column.values) if isinstance(v, int | float)]
        return index[numeric], np.array([_as_float(column.values[i]) for i in numeric], float)

    def numbers(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(steps, values) of the numeric values of a name; both empty when it has none."""
        rows, values = self.points(name)
        return self.steps[rows], values

    def reorder(self, places: NDArray[np.int64]) -> Columns:
        """The same rows, of which each goes to its number in `places` (all numbers, once each)."""
        order = np.argsort(places)
        columns: dict[str, Column] = {}
        for name, column in self.columns.items():
            if column.index is None:
                columns[name] = Column(_pick(column.values, order))
                continue
            index = places[column.index]
            turn = np.argsort(index)
            columns[name] = Column(_pick(column.values, turn), index[turn])
        return Columns(self.steps[order], self.times[order], columns)

    def where(self, keep: NDArray[np.bool_]) -> Columns:
        """The rows that `keep` (bool of shape (rows,)) marks; names left without value go."""
        new_row = np.cumsum(keep) - 1
        columns: dict[str, Column] = {}
        for name, column in self.columns.items():
            kept = keep if column.index is None else keep[column.index]
            if not kept.any():
                continue
            if isinstance(column.values, list):
                values: Any = [v for v, k in zip(column.values, kept, strict=True) if k]
            else:
                values = column.values[kept]
            index = None if column.index is None else new_row[column.index[kept]]
            columns[name] = Column(values, index)
        return Columns(self.steps[keep], self.times[keep], columns)


def from_rows(rows: Sequence[Row]) -> Columns:
    """Rows (step, time, values by name) as columns.

    Raises ChunkError for a name that is no string and for steps and times that do not fit.
    """
    if any(type(row[0]) is not int for row in rows):
        raise ChunkError("a step must be a whole number")
    try:
        steps = np.array([row[0] for row in rows], np.int64)
        times = np.array([row[1] for row in rows], np.float64)
    except (OverflowError, TypeError, ValueError) as error:
        raise ChunkError(f"a step or time cannot be encoded: {error}") from error
    columns = {
        name: Column(from_list(cells), None if len(cells) == len(rows) else np.array(where))
        for name, (where, cells) in _by_name(rows).items()
    }
    return Columns(steps, times, columns)


def _by_name(rows: Sequence[Row]) -> dict[str, tuple[Any, list[Any]]]:
    """Of each name: which rows have it, and their values."""
    if not rows:
        return {}
    names = rows[0][2].keys()
    alike = all(row[2].keys() == names for row in rows)  # the usual case, and a quick one
    if any(type(name) is not str for row in rows[: 1 if alike else None] for name in row[2]):
        raise ChunkError("the names in a row must be strings")
    if alike:
        return {name: (None, [row[2][name] for row in rows]) for name in names}
    found: dict[str, tuple[list[int], list[Any]]] = {}
    for number, (_, _, row) in enumerate(rows):
        for name, value in row.items():
            where, cells = found.setdefault(name, ([], []))
            where.append(number)
            cells.append(value)
    return dict(found)


def concatenate(parts: Sequence[Columns]) -> Columns:
    """The rows of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    pieces: dict[str, list[tuple[int, int, Column]]] = {}
    total = 0
    for part in parts:
        for name, column in part.columns.items():
            pieces.setdefault(name, []).append((total, len(part), column))
        total += len(part)
    steps = np.concatenate([np.empty(0, np.int64), *(part.steps for part in parts)])
    times = np.concatenate([np.empty(0), *(part.times for part in parts)])
    return Columns(
        steps, times, {name: _end_to_end(found, total) for name, found in pieces.items()}
    )


def _end_to_end(pieces: Sequence[tuple[int, int, Column]], total: int) -> Column:
    """One column of (first row, rows, column) each, in a table of `total` rows."""
    values = _join([column.values for _, _, column in pieces])
    if len(values) == total:
        return Column(values)
    index = [
        np.arange(begin, begin + rows) if column.index is None else column.index + begin
        for begin, rows, column in pieces
    ]
    return Column(values, np.concatenate(index))


def merge_lanes(lanes: Sequence[Columns]) -> Columns:
    """What several processes logged at the same time: one row a step, by step.

    Where two have the same name at the same step, the later in `lanes` counts; the row's time is
    the latest.
    """
    whole = concatenate(lanes)
    steps, row_of = np.unique(whole.steps, return_inverse=True)
    times = np.full(len(steps), -np.inf)
    np.maximum.at(times, row_of, whole.times)
    columns: dict[str, Column] = {}
    for name, column in whole.columns.items():
        rows = row_of if column.index is None else row_of[column.index]
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        last = order[np.append(rows[1:] != rows[:-1], True)]
        values: Values
        if isinstance(column.values, list):
            values = [column.values[i] for i in last.tolist()]
        else:
            values = column.values[last]
        index = np.unique(rows)
        columns[name] = Column(values, None if len(index) == len(steps) else index)
    return Columns(steps, times, columns)


def _join(pieces: Sequence[Values]) -> Values:
    kinds = {_dtype(piece) for piece in pieces}
    if None not in kinds and (len(kinds) == 1 or (kinds == _NUMBERS and _all_exact(pieces))):
        return np.concatenate([piece for piece in pieces if not isinstance(piece, list)])
    return from_list([value for piece in pieces for value in _to_list(piece)])


_NUMBERS = {np.dtype(np.int64), np.dtype(np.float64)}


def _dtype(values: Values) -> Any:
    return None if isinstance(values, list) else values.dtype


def _all_exact(pieces: Sequence[Values]) -> bool:
    """Whether the whole numbers among them are the same as doubles."""
    return all(
        bool(((piece >= -_EXACT_INT) & (piece <= _EXACT_INT)).all())
        for piece in pieces
        if not isinstance(piece, list) and piece.dtype == np.int64
    )


def _pick(values: Values, order: NDArray[np.int64]) -> Values:
    if isinstance(values, list):
        return [values[number] for number in order.tolist()]
    return values[order]


def _to_list(values: Values) -> list[Any]:
    return values if isinstance(values, list) else values.tolist()


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond the doubles
        return float("inf") if value > 0 else float("-inf")


def from_list(values: list[Any]) -> Values:
    """An array if that holds the values exactly, else the list itself."""
    types = set(map(type, values))
    if types == {float}:
        return np.array(values, np.float64)
    if types == {bool}:
        return np.array(values, np.bool_)
    if types == {int}:
        try:
            return np.array(values, np.int64)
        except OverflowError:
            return values
    if types == {int, float} and all(
        type(value) is float or abs(value) <= _EXACT_INT for value in values
    ):
        return np.array(values, np.float64)
    return values
