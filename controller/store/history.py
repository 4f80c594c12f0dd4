"""The store's part for what runs logged, chunk by chunk.

Chunks are opaque bytes here until `history` merges them. Several attempts may have written to one
run; a later one's rows replace the earlier ones' from its first step on, as if the run had gone
back to its checkpoint (which is what happened). Neighbours: `sweeps.protocol.chunks`, `sweeps.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, select, tuple_

from controller.store.engine import Database
from controller.store.records import Chunk, ChunkKind, ObjectivePoints
from controller.store.runs import no_run
from controller.store.schema import chunks, runs, trials
from sweeps.protocol.chunks import decode, unpack_points
from sweeps.protocol.columns import Columns, concatenate

_PAGE = 16  # chunks read at a time: each may have megabytes

_CHUNK = select(*(chunks.c[name] for name in Chunk.__dataclass_fields__))


class HistoryStore:
    """The chunks of runs and their objective values. Each method is one transaction."""

    _db: Database

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

    def history(self, run_id: str, keys: Sequence[str] | None = None) -> Columns:
        """All that a run logged, or what it logged under `keys`, merged over its writers.

        All rows are there, also those that have none of the keys. Raises NotFoundError, and
        ChunkError when a chunk is damaged.
        """
        parts: list[Columns] = []
        with self._db.read() as connection:
            ends = _ends(connection, run_id)
            query = (
                select(chunks.c.writer, chunks.c.first, chunks.c.data)
                .where(chunks.c.run_id == run_id, chunks.c.kind == ChunkKind.HISTORY)
                .order_by(chunks.c.writer, chunks.c.seq)
            )
            query = query.execution_options(yield_per=_PAGE)
            with connection.execute(query) as found:  # closed also when a chunk is damaged
                for row in found:
                    end = ends.get(row.writer)
                    if end is not None and row.first < end:
                        columns = decode(row.data, keys)
                        parts.append(columns.where(columns.steps < end))
        return concatenate(parts)

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
            ends = _ends(connection, trial_id)
            found = connection.execute(query).all()
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


def _ends(connection: Connection, run_id: str) -> dict[int, float]:
    """Of each writer of history: the step from which on a later writer's rows replace its own."""
    query = (
        select(chunks.c.writer, func.min(chunks.c.first))
        .where(chunks.c.run_id == run_id, chunks.c.kind == ChunkKind.HISTORY)
        .group_by(chunks.c.writer)
    )
    firsts: dict[int, int] = {writer: first for writer, first in connection.execute(query)}  # noqa: C416
    if not firsts and connection.scalar(select(runs.c.id).where(runs.c.id == run_id)) is None:
        raise no_run(run_id)
    ends: dict[int, float] = {}
    end = float("inf")
    for writer in sorted(firsts, reverse=True):
        ends[writer] = end
        end = min(end, firsts[writer])
    return ends
