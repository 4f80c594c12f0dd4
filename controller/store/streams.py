"""Which streams make up what a run recorded, and how much of each counts.

A run is recorded by one writer after the other (its attempts), each in one lane or several. Of
history, a later writer's rows replace the earlier ones' from its first step on, as if the run had
gone back to its checkpoint, which is what happened (a stream without rows stands for a writer that
has gone back and logged nothing yet); and a forked run begins with its parent's rows
up to and with the step of the fork, as they were then: what the parent's later writers replaced
stays part of the fork. Of machine metrics everything counts. All of this is decided
here, from the streams' rows alone. Neighbours: `history.py` and `series.py` (who read the rows).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, select

from controller.store.chunk_records import ChunkKind
from controller.store.runs import no_run
from controller.store.schema import runs, streams

_DEEPEST = 100  # forks of forks; a circle of them ends here


class StreamName(NamedTuple):
    """Names a stream."""

    run_id: str
    kind: str
    writer: int
    lane: str


@dataclass(frozen=True)
class Stream:
    """What has come of one file of a run folder; see `schema.streams`.

    `born` is when its run was recorded first: a run that was deleted and came back under its old
    id is another one.
    """

    name: StreamName
    born: float
    seq: int
    packed: int
    packed_rows: int
    first: int
    last: int


@dataclass(frozen=True)
class Piece:
    """What counts of one writer's rows.

    Attributes:
        streams: its lanes; rows of the same step in several of them are one row.
        end: only rows of steps below count.
    """

    streams: tuple[Stream, ...]
    end: float


@dataclass(frozen=True)
class Record:
    """What a run recorded of one kind.

    Attributes:
        run_id, kind: as in `StreamName`.
        pieces: their rows, one after the other, are the run's.
        version: changes whenever anything is added, and never comes back.
    """

    run_id: str
    kind: ChunkKind
    pieces: tuple[Piece, ...]
    version: tuple[Any, ...]


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_RUN = ("id", "created", "parent_id", "fork_step", "fork_writer")
_RUNS = select(*(runs.c[name] for name in _RUN)).where(runs.c.id.in_(_IDS))
_STREAMS = (
    select(
        streams.c.run_id,
        streams.c.kind,
        streams.c.writer,
        streams.c.lane,
        streams.c.seq,
        streams.c.packed,
        streams.c.packed_rows,
        streams.c.first,
        streams.c.last,
    )
    .where(streams.c.run_id.in_(_IDS), streams.c.kind == bindparam("kind"))
    .order_by(streams.c.writer, streams.c.lane)
)


def read_records(
    connection: Connection, run_ids: Iterable[str], kind: ChunkKind
) -> dict[str, Record]:
    """By run id, in the order asked for. Raises NotFoundError for one that is not there."""
    wanted = list(dict.fromkeys(run_ids))
    rows: dict[str, Any] = {}
    missing: list[str] = wanted
    for _ in range(_DEEPEST):
        if not missing:
            break
        found = {row.id: row for row in connection.execute(_RUNS, {"ids": missing})}
        rows |= found
        parents = [row.parent_id for row in found.values() if kind is ChunkKind.HISTORY]
        missing = [each for each in dict.fromkeys(parents) if each and each not in rows]
    for run_id in wanted:
        if run_id not in rows:
            raise no_run(run_id)
    recorded: dict[str, list[Stream]] = {}
    for run_id, kind_, writer, lane, *rest in connection.execute(
        _STREAMS, {"ids": list(rows), "kind": kind}
    ):
        name = StreamName(run_id, kind_, writer, lane)
        recorded.setdefault(run_id, []).append(Stream(name, rows[run_id].created, *rest))
    return {run_id: _record(run_id, kind, rows, recorded) for run_id in wanted}


def _record(
    run_id: str, kind: ChunkKind, rows: dict[str, Any], recorded: dict[str, list[Stream]]
) -> Record:
    pieces: list[Piece] = []
    version: list[Any] = []
    below, newest, seen, at = float("inf"), float("inf"), set(), run_id
    while at in rows and at not in seen:
        seen.add(at)
        row = rows[at]
        mine = [stream for stream in recorded.get(at, []) if stream.name.writer <= newest]
        version.append(
            (at, row.created, below, *((s.name.writer, s.name.lane, s.seq) for s in mine))
        )
        own = _pieces(mine, below) if kind is ChunkKind.HISTORY else _all(mine)
        pieces = own + pieces
        if kind is not ChunkKind.HISTORY or row.parent_id is None or row.fork_step is None:
            break
        below = min(below, row.fork_step + 1)
        newest = float("inf") if row.fork_writer is None else row.fork_writer
        at = row.parent_id
    return Record(run_id, kind, tuple(pieces), tuple(version))


def _pieces(mine: Sequence[Stream], below: float) -> list[Piece]:
    """By writer; each ends where a later one begins."""
    by_writer: dict[int, list[Stream]] = {}
    for stream in mine:
        by_writer.setdefault(stream.name.writer, []).append(stream)
    pieces: list[Piece] = []
    end = below
    for writer in sorted(by_writer, reverse=True):
        lanes = by_writer[writer]
        first = min(stream.first for stream in lanes)
        if first < end:
            pieces.insert(0, Piece(tuple(s for s in lanes if s.first < end), end))
        end = min(end, first)
    return pieces


def _all(mine: Sequence[Stream]) -> list[Piece]:
    return [Piece((stream,), float("inf")) for stream in mine]
