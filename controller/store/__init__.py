"""The record of sweeps, trials, attempts and runs: SQLite by default, PostgreSQL when outgrown.

One implementation in SQLAlchemy Core for both. It decides nothing (search, stopping and retries
are others' decisions) but refuses what the tables in `sweeps.trial` do not have, and whatever a
stale attempt or controller tries to record. Neighbours: `controller.loop` and `controller.server`.
"""

from controller.store.chunk_records import Chunk, ChunkKind, ObjectivePoints
from controller.store.records import (
    AlertRecord,
    AlertState,
    AttemptRecord,
    Ended,
    NewRun,
    NewTrial,
    Registered,
    RunRecord,
    RunState,
    SweepRecord,
    TrialRecord,
)
from controller.store.store import Store, open_store

__all__ = [
    "AlertRecord",
    "AlertState",
    "AttemptRecord",
    "Chunk",
    "ChunkKind",
    "Ended",
    "NewRun",
    "NewTrial",
    "ObjectivePoints",
    "Registered",
    "RunRecord",
    "RunState",
    "Store",
    "SweepRecord",
    "TrialRecord",
    "open_store",
]
