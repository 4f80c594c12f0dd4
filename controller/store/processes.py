"""The store's part for runs that processes introduce themselves, over and over, as W&B's client
does: which process is which writer.

A run folder has a uid, and says it whenever it is registered. Such a process has no name at first,
repeats itself when an answer got lost, and may go on with a run, begin it anew, or share it with
others. Which of this it means is for the caller to say (`recognise`); here it is carried out, in
one transaction, and the names by which it is known again are kept beside the folders' uids.
Neighbours: runs.py (runs in general), streams.py (what counts of a run's rows).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from controller.store.chunk_records import ChunkKind
from controller.store.engine import Database
from controller.store.records import NewRun, Registered, RunState
from controller.store.runs import check_not_a_trials, fresh_row, merged, no_run, shown_state
from controller.store.schema import runs, streams
from sweeps.errors import IllegalTransition


class Recorders(NamedTuple):
    """Who has recorded a run so far.

    Attributes:
        writer: the newest; 0: nobody yet.
        over: the run has ended, or was not heard for long.
        fresh: of the newest writer nothing has come yet.
        names: by which processes and folders are known -> their first writer, oldest first.
    """

    writer: int = 0
    over: bool = False
    fresh: bool = True
    names: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Recognised:
    """Which writer a process is.

    Attributes:
        writer: one that is on record; None: a new one.
        names: by which it is to be known from now on.
        cut: of a new one: rows of earlier writers count only below this step, from now on; None:
            they count until the new one logs something (streams.py). With 0 the run begins anew,
            and its summary with it.
    """

    writer: int | None
    names: tuple[str, ...] = ()
    cut: int | None = None


class ProcessStore:
    """Processes that record runs. Each method is one transaction."""

    _db: Database

    def register_process(
        self,
        new: NewRun,
        recognise: Callable[[Recorders], Recognised],
        *,
        metrics: Mapping[str, Any] | None = None,
        state: RunState = RunState.RUNNING,
        beside: bool = False,
    ) -> Registered:
        """Records what a process says of a run without a sweep: its first word, or a later one.

        Config and metadata of a new writer's: the config takes the place of what was there, the
        metadata is merged into it; of one that is known both are merged, as by `describe_run`.
        Nothing is changed on the word of one that is not the newest any more.

        Args:
            new: `uid`, `writer` and `resume` do not count.
            recognise: told who has recorded the run. Runs inside the transaction: it must be
                quick, and must not call the store.
            metrics: as in `RunRecord`; take the place of what was there; None: nothing was said.
            state: of a new writer's run; pending: nobody records it yet.
            beside: others of the same writer describe the run, too: what they said stays, at any
                depth, where this one says nothing else.

        Raises RunExists when the id is a trial's.
        """
        with self._db.write() as connection:
            check_not_a_trials(connection, new.id)
            now = self._db.read_clock(connection)
            run = self._locked(connection, new.id)
            if run is None:
                begun = recognise(Recorders())
                writer = 0 if state is RunState.PENDING else 1
                row = fresh_row(connection, new, now)
                row |= {"state": state, "writer": writer, "metrics": dict(metrics or {})}
                row["folders"] = dict.fromkeys(begun.names, 0) if writer else {}
                made = self._db.insert_absent(runs).values(row).returning(runs.c.id)
                if connection.scalar(made) is not None:
                    return Registered(writer, row["steps"], state, new=True)
                run = self._locked(connection, new.id)  # somebody was quicker
            known = recognise(_recorders(connection, run, now))
            if known.writer is None:
                return self._begin(connection, run, new, known, now, metrics, state)
            if beside:
                new = replace(
                    new,
                    config=_joined(run.config, new.config),
                    metadata=_joined(run.metadata, new.metadata),
                )
                metrics = _joined(run.metrics, metrics or {})
            return self._hear(connection, run, new, known, now, metrics)

    def rewind(self, run_id: str, recognise: Callable[[Recorders], Recognised]) -> Registered:
        """Takes a run without a sweep back, for the next process to go on from there.

        `recognise` as in `register_process`: a new writer whose `cut` is the first step to go, or
        the one that this was done for already.

        Raises NotFoundError; IllegalTransition for a trial's run.
        """
        with self._db.write() as connection:
            now = self._db.read_clock(connection)
            run = self._locked(connection, run_id)
            if run is None:
                raise no_run(run_id)
            if run.sweep_id is not None:
                raise IllegalTransition(
                    f"run {run_id} is a trial of {run.sweep_id}: it cannot be rewound"
                )
            known = recognise(_recorders(connection, run, now))
            if known.writer is not None:
                return Registered(known.writer, run.steps, RunState(run.state), new=False)
            same = NewRun(run_id, "", config=run.config)
            return self._begin(connection, run, same, known, now, None, RunState.RUNNING)

    def name_process(self, run_id: str, writer: int, name: str) -> None:
        """Notes a name by which a process of a writer is known; for trials' runs, whose writers are
        attempts. A name that is known keeps its writer. Raises NotFoundError."""
        with self._db.write() as connection:
            run = self._locked(connection, run_id)
            if run is None:
                raise no_run(run_id)
            if name not in run.folders:
                folders = {**run.folders, name: writer - 1}
                connection.execute(update(runs).where(runs.c.id == run_id).values(folders=folders))

    def recorders(self, run_id: str) -> Recorders:
        """Who has recorded a run. Raises NotFoundError."""
        with self._db.read() as connection:
            query = select(runs).where(runs.c.id == run_id)
            run = connection.execute(query).one_or_none()
            if run is None:
                raise no_run(run_id)
            return _recorders(connection, run, self._db.read_clock(connection))

    def _locked(self, connection: Connection, run_id: str) -> Any:
        query = select(runs).where(runs.c.id == run_id).with_for_update(key_share=True)
        return connection.execute(query).one_or_none()

    def _begin(
        self,
        connection: Connection,
        run: Any,
        new: NewRun,
        known: Recognised,
        now: float,
        metrics: Mapping[str, Any] | None,
        state: RunState,
    ) -> Registered:
        writer, steps = run.writer + 1, run.steps
        changes = merged(connection, run.id, metadata=new.metadata)
        changes |= {
            "writer": writer,
            "state": state,
            "exit_code": None,
            "ended": None,
            "heard": now,
            "updated": now,
            "config": new.config,
            "folders": {**run.folders, **dict.fromkeys(known.names, run.writer)},
        }
        if run.writer == 0:  # it was made for this one
            changes["started"] = now
        if metrics is not None:
            changes["metrics"] = metrics
        if known.cut is not None:
            changes["steps"] = steps = min(steps, known.cut)
            connection.execute(insert(streams).values(_cut(run.id, writer, known.cut, now)))
            if known.cut == 0:
                changes = {"summary": {}, "metrics": {}, **changes}
        connection.execute(update(runs).where(runs.c.id == run.id).values(changes))
        return Registered(writer, steps, state, new=False)

    def _hear(
        self,
        connection: Connection,
        run: Any,
        new: NewRun,
        known: Recognised,
        now: float,
        metrics: Mapping[str, Any] | None,
    ) -> Registered:
        writer = known.writer or 0
        state = shown_state(run.state, run.heard, now)
        if writer < run.writer:
            return Registered(writer, run.steps, state, new=False)
        changes = merged(connection, run.id, config=new.config, metadata=new.metadata)
        if metrics is not None:
            changes["metrics"] = metrics
        names = {name: writer - 1 for name in known.names if name not in run.folders}
        if names:
            changes["folders"] = {**run.folders, **names}
        changes |= {"heard": now, "updated": now}
        connection.execute(update(runs).where(runs.c.id == run.id).values(changes))
        return Registered(writer, run.steps, shown_state(run.state, now, now), new=False)


def _recorders(connection: Connection, run: Any, now: float) -> Recorders:
    newest = select(func.count()).where(
        streams.c.run_id == run.id, streams.c.writer == run.writer, streams.c.seq >= 0
    )
    state = shown_state(run.state, run.heard, now) if run.sweep_id is None else None
    return Recorders(
        run.writer,
        state is not None and state.over,
        connection.scalar(newest) == 0,
        {name: before + 1 for name, before in run.folders.items()},
    )


def _joined(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Both, and of what both have the newer one; dicts are joined themselves."""
    found = {**old, **new}
    for key in old.keys() & new.keys():
        if isinstance(old[key], Mapping) and isinstance(new[key], Mapping):
            found[key] = _joined(old[key], new[key])
    return found


def _cut(run_id: str, writer: int, step: int, now: float) -> dict[str, Any]:
    """A stream without a row, that begins at the step: see streams.py."""
    return {
        "run_id": run_id,
        "kind": ChunkKind.HISTORY,
        "writer": writer,
        "lane": "",
        "seq": -1,
        "packed": -1,
        "first": step,
        "last": step - 1,
        "rows": 0,
        "packed_rows": 0,
        "bytes": 0,
        "packed_bytes": 0,
        "updated": now,
    }
