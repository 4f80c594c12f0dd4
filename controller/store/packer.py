"""The store's part that packs: chunks of history become segments, a bounded piece at a time.

Decoding and packing happen outside of any transaction that writes: what came of it is written in
one short one, and only if nobody else has packed the stream meanwhile. So taking chunks in never
waits for long, a crash leaves either the chunks or the segments, and two servers on one database do
no harm to each other. New stretches join the small ones before them as the digits of a binary
counter do: a value is packed a few times at most, and a stream has few small stretches.

Neighbours: `packing.py` (what segments are), `controller/packer.py` (the thread that calls this).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Connection,
    and_,
    case,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from controller.store.engine import Database
from controller.store.packing import AXIS, CELLS, ROWS, Stretch, count_cells, pack
from controller.store.schema import chunks, runs, segments, streams
from controller.store.streams import StreamName
from controller.store.stretches import of_stream, read_part
from sweeps.protocol.chunks import decode
from sweeps.protocol.columns import Columns, concatenate

WAITING_CHUNKS = 64
"""A stream is packed when so many chunks wait: each costs a reader a little."""
WAITING_BYTES = 4 << 20
"""Or when they have so many bytes; or when they have as many rows as a stretch."""
SETTLED_S = 2.0
"""Or when its run is over and nothing has come for so long."""
QUIET_S = 600.0
"""Or when nothing has come for so long."""

_PIECE_BYTES = 8 << 20  # chunks are packed until they have so many bytes, or a stretch of rows
_PIECE_CHUNKS = 4096
_RAGGED = 0.5
_SMALL_PARTS = 16  # stretches at the end of a stream that a new one may join


@dataclass(frozen=True)
class Due:
    """A stream that is to be packed.

    Attributes:
        name: which.
        over: its run has ended: what it has becomes one stretch, as far as that goes.
    """

    name: StreamName
    over: bool


@dataclass(frozen=True)
class _Piece:
    """What a stream's next stretches are made of."""

    packed: int  # the stream's, before
    part: int  # the number of the first stretch to be written; it and all behind are replaced
    start: int
    columns: Columns
    seq: int  # the newest chunk in it
    bytes: int  # of the chunks


class PackingStore:
    """Packing."""

    _db: Database

    def due_streams(self, limit: int = 64) -> list[Due]:
        """Streams that are to be packed now, those that have waited longest first."""
        # Numbers may have gaps (see `NextChunk`): chunks are counted where there may be many.
        far = streams.c.seq - streams.c.packed >= WAITING_CHUNKS
        waiting = (
            select(func.count())
            .where(*(chunks.c[column] == streams.c[column] for column in StreamName._fields))
            .where(chunks.c.seq > streams.c.packed)
            .scalar_subquery()
        )
        over = runs.c.ended.is_not(None)
        age = self._db.now() - streams.c.updated
        query = (
            select(streams.c.run_id, streams.c.kind, streams.c.writer, streams.c.lane, over)
            .join(runs, runs.c.id == streams.c.run_id)
            # As the partial index says it, or it is of no use.
            .where(streams.c.packed < streams.c.seq, literal_column("kind <> 'console'"))
            .where(
                or_(
                    case((far, waiting), else_=0) >= WAITING_CHUNKS,
                    streams.c.rows - streams.c.packed_rows >= ROWS,
                    streams.c.bytes - streams.c.packed_bytes >= WAITING_BYTES,
                    and_(over, age >= SETTLED_S),
                    age >= QUIET_S,
                )
            )
            .order_by(streams.c.updated)
            .limit(limit)
        )
        with self._db.read() as connection:
            return [
                Due(StreamName(*name), bool(ended)) for *name, ended in connection.execute(query)
            ]

    def pack_stream(self, due: Due) -> bool:
        """Packs a piece of what waits in a stream.

        Returns False when nothing waited, or somebody else was faster. Raises ChunkError when a
        chunk is damaged: it stays as it is, and so do those behind it.
        """
        with self._db.snapshot() as connection:
            piece = _read_piece(connection, due)
        if piece is None:
            return False
        stretches = pack(piece.columns, piece.start)
        with self._db.write() as connection:
            return _write_piece(connection, due.name, piece, stretches)


def _read_piece(connection: Connection, due: Due) -> _Piece | None:
    name = due.name
    packed, packed_rows = connection.execute(
        select(streams.c.packed, streams.c.packed_rows).where(of_stream(streams, name))
    ).one()
    parts: list[Columns] = []
    rows = size = 0
    seq = packed
    waiting = (
        select(chunks.c.seq, chunks.c.data)
        .where(of_stream(chunks, name), chunks.c.seq > packed)
        .order_by(chunks.c.seq)
        .limit(_PIECE_CHUNKS)
        .execution_options(yield_per=16)
    )
    with connection.execute(waiting) as found:
        for number, data in found:
            if parts and (size + len(data) > _PIECE_BYTES or rows >= ROWS or _is_ragged(parts[-1])):
                break
            columns = decode(data)
            parts.append(columns)
            rows += len(columns)
            size += len(data)
            seq = number
    if not parts:
        return None
    fresh = concatenate(parts)
    part, start, old = _joined(connection, due, packed_rows, fresh)
    return _Piece(packed, part, start, concatenate([*old, fresh]), seq, size)


def _is_ragged(rows: Columns) -> bool:
    """Whether they are better off in a stretch of their own; see `Columns.raggedness`."""
    return rows.raggedness > _RAGGED


def _joined(
    connection: Connection, due: Due, packed_rows: int, fresh: Columns
) -> tuple[int, int, list[Columns]]:
    """The small stretches at the end that the new rows join: number and first row of the first of
    them (or of a new one), and their rows."""
    mine = of_stream(segments, due.name)
    newest = connection.scalar(select(func.max(segments.c.part)).where(mine))
    if newest is None:
        return 0, packed_rows, []
    if _is_ragged(fresh):
        return newest + 1, packed_rows, []
    rows, cells = len(fresh), count_cells(fresh)
    is_axis = segments.c.key == AXIS
    tail = (
        select(
            segments.c.part,
            func.min(segments.c.start),
            func.sum(case((is_axis, segments.c.rows), else_=0)),
            func.sum(case((is_axis, 0), else_=segments.c.rows)),
        )
        .where(mine, segments.c.part > newest - _SMALL_PARTS)
        .group_by(segments.c.part)
        .order_by(segments.c.part.desc())
    )
    part, start = newest + 1, packed_rows
    for number, begin, had_rows, had_cells in connection.execute(tail):
        alike = due.over or had_rows <= 2 * rows
        full = 2 * had_rows > ROWS or 2 * had_cells > CELLS
        rows, cells = rows + int(had_rows), cells + int(had_cells)
        if full or not alike or rows > 2 * ROWS or cells > 2 * CELLS:
            break
        part, start = number, begin
    return (
        part,
        start,
        [read_part(connection, due.name, number, None) for number in range(part, newest + 1)],
    )


def _write_piece(
    connection: Connection, name: StreamName, piece: _Piece, stretches: Sequence[Stretch]
) -> bool:
    query = select(streams.c.packed).where(of_stream(streams, name)).with_for_update()
    if connection.scalar(query) != piece.packed:
        return False
    connection.execute(
        delete(segments).where(of_stream(segments, name), segments.c.part >= piece.part)
    )
    rows = [
        {
            **name._asdict(),
            "part": part,
            "start": stretch.start,
            "first": stretch.first,
            "last": stretch.last,
            "since": stretch.since,
            "until": stretch.until,
            **segment._asdict(),
        }
        for part, stretch in enumerate(stretches, piece.part)
        for segment in stretch.segments
    ]
    if rows:
        connection.execute(insert(segments), rows)
    # The loop reads the objective's values from the chunks that have some: those rows stay.
    mine = and_(of_stream(chunks, name), chunks.c.seq > piece.packed, chunks.c.seq <= piece.seq)
    bare = chunks.c.objective.is_(None)
    connection.execute(delete(chunks).where(mine, bare))
    connection.execute(update(chunks).where(mine).values(data=b""))
    connection.execute(
        update(streams)
        .where(of_stream(streams, name))
        .values(
            packed=piece.seq,
            packed_rows=piece.start + len(piece.columns),
            packed_bytes=streams.c.packed_bytes + piece.bytes,
        )
    )
    return True
