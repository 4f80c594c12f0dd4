"""The store's part that gives back what runs logged, exactly as it was.

Rows come from packed stretches and from the chunks that still wait, which nobody can tell apart.
What counts of them when several attempts, lanes or a parent run are behind them is said in
`streams.py`. The objective's values are read from their chunks, where they stay. Neighbours:
`ingest.py` (takes chunks in), `stretches.py` (reads rows), `series.py` (for charts).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select, tuple_

from controller.store.chunk_records import Chunk, ChunkKind, ObjectivePoints
from controller.store.engine import Database
from controller.store.schema import chunks, streams, trials
from controller.store.streams import Piece, Record, StreamName, read_records
from controller.store.stretches import Steps, read_piece
from sweeps.errors import UsageError
from sweeps.protocol.chunks import unpack_points
from sweeps.protocol.columns import Columns, concatenate

_PAGE = 16  # chunks read at a time: each may have megabytes
_LEAST = -(2**63)
_LOOKED_AT = 500_000  # rows that one page of `rows` may look through

_CHUNK = select(*(chunks.c[name] for name in Chunk.__dataclass_fields__))


@dataclass(frozen=True)
class RowPage:
    """Some of a run's rows.

    Attributes:
        rows: they.
        next: where the page after this one begins; None: these were the last.
    """

    rows: Columns
    next: str | None


class HistoryStore:
    """The chunks of runs and their objective values. Each method is one transaction."""

    _db: Database

    def streams(self, run_id: str) -> list[StreamName]:
        """What there is of a run: its kinds, writers and lanes; [] for one that is not there."""
        query = select(*(streams.c[name] for name in StreamName._fields))
        query = query.where(streams.c.run_id == run_id)
        with self._db.read() as connection:
            found = connection.execute(
                query.order_by(streams.c.kind, streams.c.writer, streams.c.lane)
            )
            return [StreamName(*row) for row in found]

    def count_rows(self, run_id: str, kind: ChunkKind | str) -> int:
        """How many rows (console: lines) came of a run, all its writers' together; 0 for one that
        is not there."""
        query = select(func.coalesce(func.sum(streams.c.rows), 0)).where(
            streams.c.run_id == run_id, streams.c.kind == kind
        )
        with self._db.read() as connection:
            return int(connection.scalar(query) or 0)

    def chunks(
        self,
        run_id: str,
        kind: ChunkKind | str,
        *,
        lane: str = "",
        after: tuple[int, int] = (0, -1),
    ) -> Iterator[Chunk]:
        """The chunks of one lane of a run as they were sent, by (writer, seq), beyond `after`.

        Those of history and system are only there until they are packed; see `history`.
        Read in pages, each a transaction of its own: a slow reader holds nothing up.
        """
        place = tuple_(chunks.c.writer, chunks.c.seq)
        query = _CHUNK.where(
            chunks.c.run_id == run_id, chunks.c.kind == kind, chunks.c.lane == lane
        )
        query = query.order_by(chunks.c.writer, chunks.c.seq).limit(_PAGE)
        while True:
            with self._db.read() as connection:
                page = connection.execute(query.where(place > after)).mappings().all()
            for row in page:
                yield Chunk(**{**row, "kind": ChunkKind(row["kind"])})
            if len(page) < _PAGE:
                return
            after = (page[-1]["writer"], page[-1]["seq"])

    def history(
        self,
        run_id: str,
        keys: Sequence[str] | None = None,
        *,
        kind: ChunkKind | str = ChunkKind.HISTORY,
    ) -> Columns:
        """All that a run logged, or what it logged under `keys`, merged over its writers.

        All rows are there, also those that have none of the keys. Raises NotFoundError, and
        ChunkError when a chunk is damaged.
        """
        with self._db.snapshot() as connection:
            record = read_records(connection, [run_id], ChunkKind(kind))[run_id]
            return concatenate(
                [
                    block.rows
                    for piece in record.pieces
                    for block in read_piece(connection, piece, keys, Steps())
                ]
            )

    def rows(
        self,
        run_id: str,
        keys: Sequence[str] | None = None,
        *,
        first: int | None = None,
        last: int | None = None,
        after: str | None = None,
        limit: int = 1000,
        kind: ChunkKind | str = ChunkKind.HISTORY,
    ) -> RowPage:
        """A run's rows, page by page: what `history` has, at the cost of the page.

        Args:
            keys: of each row only these, and no row that has none of them.
            first, last: only rows of these steps, both included; None: no bound.
            after: `RowPage.next` of the page before; None: from the beginning.
            limit: rows at most. A page may have fewer, and even none, with more to come.

        Raises NotFoundError, ChunkError as `history`; UsageError for an `after` that is none, or
        whose rows a later attempt has replaced meanwhile.
        """
        steps = Steps(
            float("-inf") if first is None else first, float("inf") if last is None else last + 1
        )
        with self._db.snapshot() as connection:
            record = read_records(connection, [run_id], ChunkKind(kind))[run_id]
            number, place = (0, _LEAST) if after is None else _parse_place(after, record)
            page: list[Columns] = []
            room, looked = limit, 0
            for piece in record.pieces[number:]:
                for block in read_piece(connection, piece, keys, steps, place):
                    if looked >= _LOOKED_AT:
                        return RowPage(concatenate(page), _format_place(piece, block.places[0]))
                    found = np.arange(len(block.rows)) if keys is None else _rows_with(block.rows)
                    page.append(_pick(block.rows, found[:room]))
                    if len(found) > room:
                        following = block.places[found[room]]
                        return RowPage(concatenate(page), _format_place(piece, following))
                    room -= len(found)
                    looked += len(block.rows)
                place = _LEAST
        return RowPage(concatenate(page), None)

    def objective_curve(self, trial_id: str) -> list[tuple[int, float]]:
        """(step, value) of the objective, merged over the attempts as history is.

        Raises NotFoundError.
        """
        query = (
            select(chunks.c.writer, chunks.c.objective)
            .where(chunks.c.run_id == trial_id, chunks.c.kind == ChunkKind.HISTORY)
            .where(chunks.c.objective.is_not(None))
            .order_by(chunks.c.writer, chunks.c.seq)
        )
        with self._db.read() as connection:
            record = read_records(connection, [trial_id], ChunkKind.HISTORY)[trial_id]
            found = connection.execute(query).all()
        ends = {
            stream.name.writer: piece.end
            for piece in record.pieces
            for stream in piece.streams
            if stream.name.run_id == trial_id
        }
        return [
            (step, value)
            for writer, packed in found
            for step, value in unpack_points(packed)
            if step < ends.get(writer, step)
        ]

    def objective_feed(self, sweep_id: str, after: int, limit: int = 1000) -> list[ObjectivePoints]:
        """The objective values of all trials of a sweep, chunk by chunk in the order of their
        commits: those with a feed number above `after`, at most `limit` chunks."""
        query = (
            select(
                chunks.c.feed, chunks.c.run_id, trials.c.number, chunks.c.writer, chunks.c.objective
            )
            .join(trials, trials.c.id == chunks.c.run_id)
            .where(chunks.c.sweep_id == sweep_id, chunks.c.feed > after)
            .order_by(chunks.c.feed)
            .limit(limit)
        )
        with self._db.read() as connection:
            found = connection.execute(query).all()
        return [
            ObjectivePoints(feed, trial_id, number, token, unpack_points(packed))
            for feed, trial_id, number, token, packed in found
        ]


def _rows_with(rows: Columns) -> NDArray[np.int64]:
    """The rows that have a value."""
    has = np.zeros(len(rows), np.bool_)
    for column in rows.columns.values():
        if column.index is None:
            return np.arange(len(rows))
        has[column.index] = True
    return np.flatnonzero(has)


def _pick(rows: Columns, which: NDArray[np.int64]) -> Columns:
    if len(which) == len(rows):
        return rows
    keep = np.zeros(len(rows), np.bool_)
    keep[which] = True
    return rows.where(keep)


# A place in a run's rows, for people's programs to hand back: which piece, and which row of it.


def _format_place(piece: Piece, place: int) -> str:
    name = piece.streams[0].name
    lane = name.lane if len(piece.streams) == 1 else ""
    return json.dumps([name.run_id, name.writer, lane, int(place)])


def _parse_place(text: str, record: Record) -> tuple[int, int]:
    """(number of the piece, place in it). Raises UsageError."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        *_, place = json.loads(text)
        for number, piece in enumerate(record.pieces):
            if text == _format_place(piece, place):
                return number, place
    raise UsageError(
        f"after: {text!r} is no place in run {record.run_id}, or not any more since a later "
        "attempt went back behind it: read again from the beginning"
    )
