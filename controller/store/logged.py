"""The store's part that tells what a run logged: its names, and of what kind their values are.

Read from where the values lie without unpacking long columns. Neighbours: `stretches.py` (reads
values), `packing.py` (where they lie).
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from controller.store.chunk_records import ChunkKind
from controller.store.engine import Database
from controller.store.packing import AXIS, is_bundle
from controller.store.schema import segments
from controller.store.streams import Stream, read_records
from controller.store.stretches import of_stream, read_waiting
from sweeps.protocol.chunks import decode, decode_bundle
from sweeps.protocol.columns import Column


class Logged(NamedTuple):
    """A name that was logged.

    Attributes:
        kind: of its first value: number, string, bool, list, map, or nil.
        total: values on record under it, also those that a later attempt took the place of.
    """

    kind: str
    total: int


class LoggedStore:
    """Names that runs logged. Each method is one transaction."""

    _db: Database

    def logged_keys(
        self, run_id: str, kind: ChunkKind | str = ChunkKind.HISTORY
    ) -> dict[str, Logged]:
        """Every name that a run logged, sorted. Raises NotFoundError, and ChunkError when a chunk
        is damaged."""
        found: dict[str, Logged] = {}
        with self._db.snapshot() as connection:
            record = read_records(connection, [run_id], ChunkKind(kind))[run_id]
            for stream in {s.name: s for piece in record.pieces for s in piece.streams}.values():
                _gather_packed(connection, stream, found)
                for _, _, data in read_waiting(connection, stream):
                    for name, column in decode(data).columns.items():
                        _add(found, name, column)
        return dict(sorted(found.items()))


def _gather_packed(connection: Connection, stream: Stream, found: dict[str, Logged]) -> None:
    mine = of_stream(segments, stream.name)
    alone = select(
        segments.c.key,
        func.sum(segments.c.rows),
        func.min(segments.c.part),
        func.max(segments.c.fine.is_not(None).cast(segments.c.part.type)),
    )
    bundles: list[str] = []
    for key, rows, part, has_levels in connection.execute(
        alone.where(mine).group_by(segments.c.key)
    ):
        if is_bundle(key):
            bundles.append(key)
        elif has_levels:
            _count(found, key, "number", int(rows))
        else:
            data = select(segments.c.data).where(mine, segments.c.key == key)
            (first,) = connection.execute(data.where(segments.c.part == part)).one()
            _count(found, key, kind_of(decode_bundle(first)[key]), int(rows))
    query = select(segments.c.key, segments.c.data).where(mine, segments.c.key.in_(bundles))
    for key, data in connection.execute(query):
        columns = decode(data).columns if key == AXIS else decode_bundle(data)
        for name, column in columns.items():
            _add(found, name, column)


def _add(found: dict[str, Logged], name: str, column: Column) -> None:
    if len(column.values):
        _count(found, name, kind_of(column), len(column.values))


def _count(found: dict[str, Logged], name: str, kind: str, count: int) -> None:
    before = found.get(name)
    found[name] = Logged(before.kind if before else kind, count + (before.total if before else 0))


def kind_of(column: Column) -> str:
    """The kind of a column's first value, as `Logged` has it."""
    if not isinstance(column.values, list):
        return "bool" if column.values.dtype.kind == "b" else "number"
    value = column.values[0]
    if isinstance(value, bool):
        return "bool"
    for kind, name in ((str, "string"), (int | float, "number"), (dict, "map"), (list, "list")):
        if isinstance(value, kind):
            return name
    return "nil"
