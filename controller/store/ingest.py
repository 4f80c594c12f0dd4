"""The store's part that takes chunks in: fenced, each once, many to a commit.

The busiest place of the store: hundreds of runs send several chunks a second. What is decided for
one chunk (is it a repeat, may its writer speak, which step and which feed number does it bring) is
decided in memory, over rows that were read for the whole batch and that stay locked until its
commit; then everything is written by a handful of statements. That a run lives, and what it amounts
to, goes the same way. Neighbours: `commits.py` (who makes the batches), `history.py` (who reads),
`packing.py` (what becomes of chunks later).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BindParameter, Connection, Text, bindparam, insert, select, update

from controller.rates import Counter
from controller.store.chunk_records import Chunk, ChunkKind, Heard, NextChunk, StreamPlace
from controller.store.commits import GroupCommit
from controller.store.engine import Database
from controller.store.runs import check_writer, no_run
from controller.store.schema import chunks, runs, streams, sweeps
from controller.store.sweeps import raise_counter
from sweeps.errors import OpensweepError
from sweeps.protocol.chunks import unpack_points

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
# All transactions lock runs before sweeps, and several runs by id: none waits in a circle.
_LOCK = (
    select(runs.c.id, runs.c.sweep_id, runs.c.writer, runs.c.steps)
    .where(runs.c.id.in_(_IDS))
    .order_by(runs.c.id)
    .with_for_update(key_share=True)
)
_STREAMS = select(streams).where(streams.c.run_id.in_(_IDS))
_NAME = ("run_id", "kind", "writer", "lane")
_TOUCH_RUN = (
    update(runs)
    .where(runs.c.id == bindparam("b_id"))
    .values(updated=bindparam("now"), heard=bindparam("now"), steps=bindparam("b_steps"))
)
# The text goes in as it came: it is JSON already.
_TELL_SUMMARY = (
    update(runs)
    .where(runs.c.id == bindparam("b_id"))
    .values(summary=bindparam("b_summary", type_=Text))
)
_TOUCH_STREAM = (
    update(streams)
    .where(*(streams.c[name] == bindparam(f"b_{name}") for name in _NAME))
    .values({name: bindparam(name) for name in ("seq", "first", "last", "rows", "bytes")})
    .values(updated=bindparam("now"))
)
_NEW_STREAM = insert(streams).values(packed=-1, packed_rows=0, packed_bytes=0)
_NEW_CHUNK = insert(chunks)

_Name = tuple[str, str, int, str]


class Moved(OpensweepError):
    """A `NextChunk` is not the next: its stream stands elsewhere by now. Nothing was kept.

    Attributes:
        place: where.
    """

    def __init__(self, place: StreamPlace) -> None:
        super().__init__(f"the stream stands at chunk {place.seq}")
        self.place = place


class Taken:
    """What was taken in since the start: chunks, the rows of metrics in them, and their bytes."""

    def __init__(self) -> None:
        self.chunks, self.rows, self.bytes = Counter(), Counter(), Counter()

    def count(self, kept: Sequence[Mapping[str, Any]]) -> None:
        if kept:
            self.chunks.add(len(kept))
            printed = ChunkKind.CONSOLE.value
            self.rows.add(sum(chunk["rows"] for chunk in kept if chunk["kind"] != printed))
            self.bytes.add(sum(len(chunk["data"]) for chunk in kept))


class IngestStore:
    """Chunks, taken in."""

    _db: Database
    _commits: GroupCommit[Chunk | Heard, bool]
    taken: Taken

    def add_chunk(self, chunk: Chunk) -> bool:
        """Keeps a chunk; with objective values in it, they get the sweep's next feed number.

        Chunks of one (run, kind, writer, lane) are to be sent one after the other, each after the
        answer to the one before. A gap in their numbers is taken as it is: a server restored from
        a backup has one.

        Returns False when the chunk is a repeat (see `Chunk.seq`): nothing changed.

        Raises:
            NotFoundError: no such run.
            Fenced: a newer writer has started.
            Moved: a `NextChunk` is not the next.
            ChunkError: the objective values are torn. (The data is not looked at.)
        """
        return self._commits.wait_for(_checked(chunk))

    def offer_chunk(self, chunk: Chunk, answer: Callable[[bool | Exception], None]) -> None:
        """As add_chunk, without waiting: `answer` is told what that would return or raise, in
        another thread, which it must not hold up. Chunks that are offered one after the other are
        taken in that order.

        Raises ChunkError and StoreUnavailable where that is known at once.
        """
        self._commits.submit(_checked(chunk), answer)

    def offer_word(self, heard: Heard, answer: Callable[[bool | Exception], None]) -> None:
        """A run was heard of: `answer` is told True, NotFoundError or Fenced as in offer_chunk.

        Raises StoreUnavailable where that is known at once.
        """
        self._commits.submit(heard, answer)

    def stream_places(self, run_id: str, writer: int, lane: str) -> dict[ChunkKind, StreamPlace]:
        """How far a writer's streams have come; each kind is there.

        Raises NotFoundError.
        """
        mine = (streams.c.run_id == run_id, streams.c.writer == writer, streams.c.lane == lane)
        fields = (streams.c.kind, streams.c.seq, streams.c.first, streams.c.last)
        with self._db.snapshot() as connection:
            steps = connection.scalar(select(runs.c.steps).where(runs.c.id == run_id))
            if steps is None:
                raise no_run(run_id)
            found = dict.fromkeys(ChunkKind, StreamPlace(steps=steps))
            for kind, seq, first, last in connection.execute(select(*fields).where(*mine)):
                found[ChunkKind(kind)] = StreamPlace(seq, first, last, steps)
        return found

    def _keep(self, batch: Sequence[Chunk | Heard]) -> list[bool | Exception]:
        with self._db.write() as connection:
            taken = _Batch(connection, self._db.read_clock(connection), batch)
            answers = taken.keep()
        self.taken.count(taken.kept)
        return answers


@dataclass(slots=True)
class _Run:
    sweep_id: str | None
    writer: int
    steps: int
    id: str
    newest: int = 0  # the newest writer of history
    changed: bool = False
    summary: str | None = None


@dataclass(slots=True)
class _Stream:
    seq: int
    first: int
    last: int
    rows: int
    bytes: int
    known: bool  # it has a row in the table
    changed: bool = False


class _Batch:
    """Some chunks and words, in the order of their arrival, within one transaction."""

    def __init__(self, connection: Connection, now: float, batch: Sequence[Chunk | Heard]) -> None:
        self._connection = connection
        self._now = now
        self._batch = batch
        self._runs: dict[str, _Run] = {}
        self._streams: dict[_Name, _Stream] = {}
        self.kept: list[dict[str, Any]] = []

    def keep(self) -> list[bool | Exception]:
        """An answer for each: kept, a repeat, or why not."""
        self._read()
        answers = [
            self._hear(item) if isinstance(item, Heard) else self._take(item)
            for item in self._batch
        ]
        if any(run.changed for run in self._runs.values()):
            self._number()
            self._write()
        return answers

    def _read(self) -> None:
        execute = self._connection.execute
        wanted = {"ids": list({chunk.run_id for chunk in self._batch})}
        for run_id, sweep_id, writer, steps in execute(_LOCK, wanted):
            self._runs[run_id] = _Run(sweep_id, writer, steps, run_id)
        # Only now: what was committed while this transaction waited for the locks counts.
        for row in execute(_STREAMS, {"ids": list(self._runs)}):
            name = (row.run_id, row.kind, row.writer, row.lane)
            self._streams[name] = _Stream(
                row.seq, row.first, row.last, row.rows, row.bytes, known=True
            )
            if row.kind == ChunkKind.HISTORY:
                run = self._runs[row.run_id]
                run.newest = max(run.newest, row.writer)

    def _take(self, chunk: Chunk) -> bool | Exception:
        run = self._runs.get(chunk.run_id)
        if run is None:
            return no_run(chunk.run_id)
        name = (chunk.run_id, chunk.kind.value, chunk.writer, chunk.lane)
        stream = self._streams.get(name)
        repeated = stream is not None and chunk.seq <= stream.seq
        if repeated and not isinstance(chunk, NextChunk):
            return False
        try:
            check_writer(run, chunk.writer)
            if isinstance(chunk, NextChunk):
                _check_place(chunk, stream, run)
        except OpensweepError as error:
            return error
        if stream is None:
            stream = _Stream(-1, chunk.first, chunk.last, 0, 0, known=False)
            self._streams[name] = stream
        stream.seq = chunk.seq
        stream.first = min(stream.first, chunk.first)
        stream.last = max(stream.last, chunk.last)
        stream.rows += chunk.rows
        stream.bytes += len(chunk.data)
        stream.changed = run.changed = True
        if chunk.kind is ChunkKind.HISTORY:
            end = chunk.last + 1
            run.steps = end if chunk.writer > run.newest else max(end, run.steps)
            run.newest = max(run.newest, chunk.writer)
        self.kept.append(
            {**_values(chunk), "sweep_id": run.sweep_id, "feed": None, "created": self._now}
        )
        return True

    def _hear(self, heard: Heard) -> bool | Exception:
        run = self._runs.get(heard.run_id)
        if run is None:
            return no_run(heard.run_id)
        try:
            check_writer(run, heard.writer)
        except OpensweepError as error:
            return error
        run.changed = True
        if heard.summary is not None:
            run.summary = heard.summary
        return True

    def _number(self) -> None:
        """Feed numbers for the chunks that have objective values."""
        feeds: dict[str, list[dict[str, Any]]] = {}
        for values in self.kept:
            if values["objective"] and values["sweep_id"] is not None:
                feeds.setdefault(values["sweep_id"], []).append(values)
        for sweep_id in sorted(feeds):
            news = feeds[sweep_id]
            newest = raise_counter(self._connection, sweep_id, sweeps.c.feed, by=len(news))
            for feed, values in enumerate(news, newest - len(news) + 1):
                values["feed"] = feed

    def _write(self) -> None:
        execute, now = self._connection.execute, self._now
        if self.kept:
            execute(_NEW_CHUNK, self.kept)
        told = [
            {"b_id": run.id, "b_summary": run.summary}
            for run in self._runs.values()
            if run.summary is not None
        ]
        if told:
            execute(_TELL_SUMMARY, told)
        execute(
            _TOUCH_RUN,
            [
                {"b_id": run.id, "b_steps": run.steps, "now": now}
                for run in self._runs.values()
                if run.changed
            ],
        )
        old, new = [], []
        for (run_id, kind, writer, lane), stream in self._streams.items():
            if not stream.changed:
                continue
            values = {
                "seq": stream.seq,
                "first": stream.first,
                "last": stream.last,
                "rows": stream.rows,
                "bytes": stream.bytes,
            }
            if stream.known:
                place = {"b_run_id": run_id, "b_kind": kind, "b_writer": writer, "b_lane": lane}
                old.append({**values, **place, "now": now})
            else:
                place = {"run_id": run_id, "kind": kind, "writer": writer, "lane": lane}
                new.append({**values, **place, "updated": now})
        if old:
            execute(_TOUCH_STREAM, old)
        if new:
            execute(_NEW_STREAM, new)


def _check_place(chunk: NextChunk, stream: _Stream | None, run: _Run) -> None:
    """Raises Moved when its stream, or its run, stands elsewhere than it says."""
    place = StreamPlace(steps=run.steps)
    if stream is not None:
        place = StreamPlace(stream.seq, stream.first, stream.last, run.steps)
    if chunk.after != place.seq or chunk.steps not in (None, place.steps):
        raise Moved(place)


def _checked(chunk: Chunk) -> Chunk:
    if chunk.objective is not None:
        unpack_points(chunk.objective)
    if type(chunk.kind) is not ChunkKind:
        return replace(chunk, kind=ChunkKind(chunk.kind))
    return chunk


def _values(chunk: Chunk) -> dict[str, Any]:
    return {
        "run_id": chunk.run_id,
        "kind": chunk.kind.value,
        "writer": chunk.writer,
        "lane": chunk.lane,
        "seq": chunk.seq,
        "first": chunk.first,
        "last": chunk.last,
        "rows": chunk.rows,
        "objective": chunk.objective,
        "data": chunk.data,
    }


def chunk_commits(store: IngestStore) -> GroupCommit[Chunk | Heard, bool]:
    """The thread that commits a store's chunks."""
    return GroupCommit(store._keep, _weight)


def _weight(item: Chunk | Heard) -> int:
    return len(item.summary or "") if isinstance(item, Heard) else len(item.data)
