"""Reads the rows of streams, exactly: packed stretches first, then the chunks that still wait.

Only what lies in the asked-for steps and under the asked-for names is unpacked. Everything is read
within one snapshot, so that a stretch that is packed meanwhile is seen once. Neighbours:
`streams.py` (which streams), `packing.py` (what a stretch is), `history.py` (who asks).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Table, and_, select

from controller.store.packing import AXIS, places, unpack
from controller.store.schema import chunks, segments
from controller.store.streams import Piece, Stream, StreamName
from sweeps.protocol.chunks import decode
from sweeps.protocol.columns import Columns, merge_lanes


@dataclass(frozen=True)
class Steps:
    """Those from `low` up to, but not with, `high`."""

    low: float = float("-inf")
    high: float = float("inf")

    def meet(self, first: float, last: float) -> bool:
        """Whether any of first … last may be among them."""
        return first < self.high and last >= self.low

    def mask(self, columns: Columns) -> NDArray[np.bool_]:
        """Which rows are of these steps."""
        mask: NDArray[np.bool_] = (columns.steps >= self.low) & (columns.steps < self.high)
        return mask


class Part(NamedTuple):
    """A stretch of a stream; see `packing.Stretch`."""

    part: int
    start: int
    rows: int
    first: int
    last: int
    since: float
    until: float


class Block(NamedTuple):
    """Consecutive rows of a piece.

    Attributes:
        places: int64 of shape (rows,), rising: each row's number in its stream; in a piece of
            several lanes its step.
        rows: they.
    """

    places: NDArray[np.int64]
    rows: Columns


def of_stream(table: Table, name: StreamName) -> ColumnElement[bool]:
    """The condition that picks a stream's rows of `streams`, `chunks` or `segments`."""
    return and_(*(table.c[column] == value for column, value in name._asdict().items()))


def read_piece(
    connection: Connection,
    piece: Piece,
    keys: Collection[str] | None,
    steps: Steps,
    place: int = 0,
) -> Iterator[Block]:
    """What counts of a piece's rows within `steps`, from `place` on (as in `Block`).

    With `keys`, only those values; all rows are there.
    """
    steps = Steps(steps.low, min(steps.high, piece.end))
    if len(piece.streams) > 1:
        yield from _read_lanes(connection, piece, keys, steps, place)
        return
    for start, columns in read_stream(connection, piece.streams[0], keys, steps, place):
        places = np.arange(start, start + len(columns))
        keep = steps.mask(columns) & (places >= place)
        if keep.any():
            yield Block(places[keep], _pick(columns, keep))


def read_stream(
    connection: Connection,
    stream: Stream,
    keys: Collection[str] | None,
    steps: Steps,
    from_row: int = 0,
) -> Iterator[tuple[int, Columns]]:
    """(number of the first row, rows), stretch by stretch: those that may have some of `steps` and
    of the rows from `from_row` on."""
    for part in read_parts(connection, stream):
        if part.start + part.rows > from_row and steps.meet(part.first, part.last):
            yield part.start, read_part(connection, stream.name, part.part, keys)
    if stream.seq == stream.packed:
        return
    start = stream.packed_rows
    for _, rows, data in read_waiting(connection, stream):
        if start + rows > from_row:
            yield start, decode(data, keys)
        start += rows


def read_parts(connection: Connection, stream: Stream) -> list[Part]:
    """The packed stretches of a stream, in order."""
    if stream.packed < 0:
        return []
    query = (
        select(*(segments.c[name] for name in Part._fields))
        .where(of_stream(segments, stream.name), segments.c.key == AXIS)
        .order_by(segments.c.part)
    )
    return [Part(*row) for row in connection.execute(query)]


def read_part(
    connection: Connection, name: StreamName, part: int, keys: Collection[str] | None
) -> Columns:
    """The rows of one stretch."""
    query = select(segments.c.key, segments.c.data).where(
        of_stream(segments, name), segments.c.part == part
    )
    if keys is not None:
        query = query.where(segments.c.key.in_([AXIS, *places(keys)]))
    return unpack(((key, data) for key, data in connection.execute(query)), keys)


def read_waiting(connection: Connection, stream: Stream) -> Iterator[tuple[int, int, bytes]]:
    """(seq, rows, data) of the chunks that are not packed yet."""
    query = (
        select(chunks.c.seq, chunks.c.rows, chunks.c.data)
        .where(of_stream(chunks, stream.name), chunks.c.seq > stream.packed)
        .order_by(chunks.c.seq)
        .execution_options(yield_per=16)
    )
    with connection.execute(query) as found:  # closed also when a chunk is damaged
        yield from ((seq, rows, data) for seq, rows, data in found)


def _read_lanes(
    connection: Connection,
    piece: Piece,
    keys: Collection[str] | None,
    steps: Steps,
    place: int,
) -> Iterator[Block]:
    """Several lanes, merged by step: a window of steps at a time, as wide as a stretch of the
    first lane."""
    low = max(steps.low, place)
    ends = sorted({part.last + 1 for part in read_parts(connection, piece.streams[0])})
    for high in [*(end for end in ends if low < end < steps.high), steps.high]:
        window = Steps(low, high)
        lanes = [
            _pick(columns, window.mask(columns))
            for stream in piece.streams
            for _, columns in read_stream(connection, stream, keys, window)
        ]
        merged = merge_lanes(lanes)
        if len(merged):
            yield Block(merged.steps, merged)
        low = high


def _pick(columns: Columns, keep: NDArray[np.bool_]) -> Columns:
    return columns if keep.all() else columns.where(keep)
