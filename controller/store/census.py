"""The store's part that counts all there is, for the server's page and its metrics.

It reads whole indexes: ask seldom. Neighbour: controller/server/figures.py (who asks).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Connection, func, select

from controller.store.artifact_schema import blobs
from controller.store.chunk_records import ChunkKind
from controller.store.engine import Database
from controller.store.files import BlobState
from controller.store.schema import attempts, runs, streams, sweeps, trials
from sweeps.trial import AttemptState, SweepState, TrialState


@dataclass(frozen=True)
class Census:
    """Attributes:
    sweeps, trials: how many are in each state; every state is there.
    stuck: sweeps that get no new trials though they should.
    open: attempts that wait and run, by sweep.
    runs: how many, trials' too.
    rows: of metrics that they have logged.
    blobs, blob_bytes: files that are kept, each once.
    database: what kind, and its version.
    database_bytes: how large it is.
    """

    sweeps: Mapping[str, int]
    trials: Mapping[str, int]
    stuck: int
    open: Mapping[str, Mapping[str, int]]
    runs: int
    rows: int
    blobs: int
    blob_bytes: int
    database: str
    database_bytes: int


_ROWS = select(func.sum(streams.c.rows)).where(streams.c.kind != ChunkKind.CONSOLE.value)


_STUCK = select(func.count()).select_from(sweeps).where(sweeps.c.trouble != "")


class CensusStore:
    """Counts. One transaction."""

    _db: Database

    def census(self) -> Census:
        kept = select(func.count(), func.coalesce(func.sum(blobs.c.size), 0))
        with self._db.snapshot() as connection:
            database, size = self._db.facts(connection)
            count, total = connection.execute(kept.where(blobs.c.state == BlobState.STORED)).one()
            return Census(
                sweeps=_by_state(connection, sweeps.c.state, SweepState),
                trials=_by_state(connection, trials.c.state, TrialState),
                stuck=connection.scalar(_STUCK) or 0,
                open=_open(connection),
                runs=connection.scalar(select(func.count()).select_from(runs)) or 0,
                rows=int(connection.scalar(_ROWS) or 0),
                blobs=count,
                blob_bytes=int(total),
                database=database,
                database_bytes=size,
            )


def _by_state(connection: Connection, column: Column[str], states: Iterable[str]) -> dict[str, int]:
    rows = connection.execute(select(column, func.count()).group_by(column)).all()
    return {**{str(state): 0 for state in states}, **{row[0]: row[1] for row in rows}}


def _open(connection: Connection) -> dict[str, dict[str, int]]:
    waiting = (AttemptState.QUEUED, AttemptState.RUNNING)
    over = [state for state in SweepState if state.over and state is not SweepState.CANCELED]
    there = select(sweeps.c.id).where(sweeps.c.state.not_in(over))
    query = select(attempts.c.sweep_id, attempts.c.state, func.count())
    query = query.where(attempts.c.sweep_id.in_(there), attempts.c.state.in_(waiting))
    found: dict[str, dict[str, int]] = {}
    for sweep_id, state, count in connection.execute(
        query.group_by(attempts.c.sweep_id, attempts.c.state)
    ):
        found.setdefault(sweep_id, dict.fromkeys(map(str, waiting), 0))[state] = count
    return found
