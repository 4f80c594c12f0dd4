"""The store's part for runs of any kind: who they are, whether they live, what they say of
themselves.

A trial's run is made with its trial and starts and ends with it (trials.py, attempts.py); a run
without a sweep is registered by whoever ships its folder, beats while it lives, and says how it
ended. What they logged is history.py's. Decides nothing but which writer may speak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select, update

from controller.store.artifact_schema import artifact_logged, artifact_uses
from controller.store.cache import Cache
from controller.store.engine import Database
from controller.store.records import SILENT_S, NewRun, Registered, RunRecord, RunState
from controller.store.run_fields import RunField
from controller.store.run_groups import GroupPage
from controller.store.run_index import FieldValues, RunIndex, RunPage, RunQuery, Scope
from controller.store.run_keys import Known
from controller.store.schema import metadata, runs, sweeps
from sweeps.errors import Fenced, IllegalTransition, NotFoundError, RunExists
from sweeps.trial import TrialState

RESUMING = ("allow", "must", "auto")
"""What a run says that may go on where another folder's left off."""

_PAGE = 500
_RECORDED = [
    table
    for table in metadata.sorted_tables
    if table in (artifact_logged, artifact_uses)
    or any(key.column is runs.c.id for key in table.foreign_keys if key.parent.name == "run_id")
]
"""The tables in which a run has rows of its own."""
_RUN_FIELDS = tuple(RunRecord.__dataclass_fields__)
RUN = select(*(runs.c[name] for name in _RUN_FIELDS))


class RunStore:
    """Runs. Each method is one transaction."""

    _db: Database
    _index: RunIndex
    _cache: Cache

    def get_run(self, run_id: str) -> RunRecord:
        """Raises NotFoundError."""
        with self._db.read() as connection:
            query = RUN.add_columns(self._db.now().label("now")).where(runs.c.id == run_id)
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise no_run(run_id)
        return run_record(row, row["now"])

    def find_runs(self, query: RunQuery) -> RunPage:
        """The runs that fit, sorted, a page of them: ids and values; see run_index.py."""
        return self._index.find(query)

    def group_runs(
        self, query: RunQuery, by: Sequence[RunField], figure: str = "mean"
    ) -> GroupPage:
        """The runs that fit in groups, sorted, a page of them; see run_groups.py."""
        return self._index.groups(query, by, figure)

    def run_values(self, query: RunQuery, field: RunField, limit: int) -> FieldValues:
        """What the runs that fit have in one field."""
        return self._index.values(query, field, limit)

    def known_fields(self, scope: Scope) -> tuple[int, dict[str, list[Known]]]:
        """How many runs there are, and the names below their config, summary and metadata."""
        return self._index.known(scope)

    def get_runs(self, run_ids: Sequence[str]) -> list[RunRecord]:
        """These runs, in this order; those that are not there are left out."""
        found: dict[str, RunRecord] = {}
        with self._db.read() as connection:
            now = self._db.read_clock(connection)
            for start in range(0, len(run_ids), _PAGE):
                some = RUN.where(runs.c.id.in_(run_ids[start : start + _PAGE]))
                for row in connection.execute(some).mappings():
                    found[row["id"]] = run_record(row, now)
        return [found[run_id] for run_id in run_ids if run_id in found]

    def register_run(self, new: NewRun) -> Registered:
        """Records a run without a sweep, or that its next attempt has begun. Safe to repeat.

        A folder's attempts count 1, 2, 3, …; when a run goes on in another folder, that one's
        attempts come after all that were there before, and the answer says as which writer.

        Raises RunExists when another folder has recorded under this id and `new.resume` does not
        say to go on with it, or when the id is a trial's.
        """
        with self._db.write() as connection:
            check_not_a_trials(connection, new.id)
            now = self._db.read_clock(connection)
            fresh = fresh_row(connection, new, now)
            insert = self._db.insert_absent(runs).values(fresh).returning(runs.c.id)
            if connection.scalar(insert) is not None:
                return Registered(new.writer, fresh["steps"], RunState.RUNNING, new=True)
            return self._register_again(connection, new, now)

    def _register_again(self, connection: Connection, new: NewRun, now: float) -> Registered:
        query = select(runs).where(runs.c.id == new.id)
        run = connection.execute(query.with_for_update(key_share=True)).one()
        base = run.folders.get(new.uid)
        if base is None and new.resume not in RESUMING:
            raise RunExists(
                f"there is a run {new.id!r} already, recorded from another folder: give this one "
                'another id, or go on with that one by init(id=…, resume="allow").'
            )
        writer = (run.writer if base is None else base) + new.writer
        if writer <= run.writer:  # a repeat, or what an earlier attempt still has to say
            state = shown_state(run.state, run.heard, now)
            return Registered(writer, run.steps, state, new=False)
        changes: dict[str, Any] = {
            "writer": writer,
            "state": RunState.RUNNING,
            "exit_code": None,
            "ended": None,
            "heard": now,
            "updated": now,
        }
        if base is None:
            changes["folders"] = {**run.folders, new.uid: run.writer}
        connection.execute(update(runs).where(runs.c.id == new.id).values(changes))
        return Registered(writer, run.steps, RunState.RUNNING, new=False)

    def describe_run(
        self,
        run_id: str,
        writer: int,
        *,
        config: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        summary: Mapping[str, Any] | None = None,
    ) -> None:
        """What the script says of its run, a trial's too.

        Config and metadata are merged into what was there, by top-level key; the run's name for
        people is its metadata's. Metric definitions and summary take the place of what was there.

        Raises NotFoundError, and Fenced when a newer writer has started.
        """
        with self._db.write() as connection:
            lock_run(connection, run_id, writer)
            changes = merged(connection, run_id, config=config, metadata=metadata)
            whole = {"metrics": metrics, "summary": summary}
            changes |= {name: value for name, value in whole.items() if value is not None}
            self._change(connection, run_id, heard=True, **changes)

    def beat_run(self, run_id: str, writer: int) -> None:
        """It is still alive. Raises NotFoundError, and Fenced when a newer writer has started."""
        with self._db.write() as connection:
            lock_run(connection, run_id, writer)
            self._change(connection, run_id, heard=True)

    def end_run(
        self,
        run_id: str,
        writer: int,
        exit_code: int | None,
        *,
        state: RunState | None = None,
        ended: float | None = None,
    ) -> None:
        """Records how a run without a sweep ended. Safe to repeat; the last word counts.

        Args:
            exit_code: of the process; None: unknown.
            state: finished, failed or crashed; None: finished for exit code 0, crashed for an
                unknown one, else failed.
            ended: when, by the clock of its machine; None: now.

        Raises NotFoundError; Fenced when a newer writer has started, or the run is a trial's.
        """
        if state is None:
            code = {0: RunState.FINISHED, None: RunState.CRASHED}
            state = code.get(exit_code, RunState.FAILED)
        with self._db.write() as connection:
            run = lock_run(connection, run_id, writer)
            if run.sweep_id is not None:
                raise Fenced(f"run {run_id} is a trial's: it ends with its attempt")
            now = self._db.read_clock(connection)
            if run.state != state or run.ended is None:
                changes = {"ended": now if ended is None else min(ended, now)}
            else:
                changes = {}
            self._change(
                connection, run_id, heard=True, state=state, exit_code=exit_code, **changes
            )

    def edit_run(
        self,
        run_id: str,
        *,
        config: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        summary: Mapping[str, Any] | None = None,
        removed: Sequence[str] = (),
        removed_config: Sequence[str] = (),
    ) -> None:
        """A person's changes (name, tags and notes are metadata), merged by top-level key.

        `removed`, `removed_config`: names to take out of the summary and the config. Raises
        NotFoundError.
        """
        with self._db.write() as connection:
            lock_run(connection, run_id)
            changes = merged(connection, run_id, config=config, metadata=metadata, summary=summary)
            for column, names in (("summary", removed), ("config", removed_config)):
                if names:
                    had = changes.get(column)
                    kept = had or merged(connection, run_id, **{column: {}})[column]
                    changes[column] = {k: v for k, v in kept.items() if k not in names}
            self._change(connection, run_id, heard=False, **changes)

    def tag_runs(self, run_ids: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> int:
        """Adds and takes away tags of runs; how many of the runs are there. A few hundred runs a
        transaction, so that nobody waits long."""
        done = 0
        for start in range(0, len(run_ids), _PAGE):
            with self._db.write() as connection:
                for run_id in sorted(run_ids[start : start + _PAGE]):
                    query = select(runs.c.metadata).where(runs.c.id == run_id)
                    said = connection.scalar(query.with_for_update(key_share=True))
                    if said is None:
                        continue
                    done += 1
                    had = said.get("tags") or []
                    tags = [each for each in dict.fromkeys([*had, *add]) if each not in remove]
                    if tags != had:
                        said = {**said, "tags": tags}
                        self._change(connection, run_id, heard=False, metadata=said)
        return done

    def delete_run(self, run_id: str) -> None:
        """Removes a run without a sweep and all that it recorded; artifacts that it made stay.

        Raises NotFoundError; IllegalTransition for a trial's run, for one that still runs, and for
        one that others were forked from.
        """
        with self._db.write() as connection:
            run = lock_run(connection, run_id)
            state = run.state
            if run.sweep_id is None:
                state = shown_state(run.state, run.heard, self._db.read_clock(connection))
            if run.sweep_id is not None or state is RunState.RUNNING:
                why = "still runs" if run.sweep_id is None else f"is a trial of {run.sweep_id}"
                raise IllegalTransition(f"run {run_id} {why}: it cannot be deleted")
            fork = connection.scalar(select(runs.c.id).where(runs.c.parent_id == run_id).limit(1))
            if fork is not None:
                raise IllegalTransition(
                    f"run {run_id} cannot be deleted: run {fork} was forked from it, and begins "
                    "with its history"
                )
            for table in _RECORDED:
                connection.execute(delete(table).where(table.c.run_id == run_id))
            connection.execute(delete(runs).where(runs.c.id == run_id))
        self._cache.clear()

    def _change(self, connection: Connection, run_id: str, *, heard: bool, **changes: Any) -> None:
        now = self._db.now()
        times = {"updated": now, "heard": now} if heard else {"updated": now}
        connection.execute(update(runs).where(runs.c.id == run_id).values(**times, **changes))


def fresh_row(connection: Connection, new: NewRun, now: float) -> dict[str, Any]:
    """The row of a run that is recorded for the first time."""
    started = now if new.started is None else min(new.started, now)
    said = new.metadata.get("name")
    # A parent that goes back later takes nothing of the fork's history away.
    newest = select(runs.c.writer).where(runs.c.id == new.parent)
    return {
        "id": new.id,
        "project": new.project,
        "local_id": new.local_id or new.id,
        "name": new.name or (said if isinstance(said, str) and said else new.id),
        "state": RunState.RUNNING,
        "folders": {new.uid: 0},
        "writer": new.writer,
        # A forked run goes on behind its parent's rows.
        "steps": 0 if new.fork_step is None else new.fork_step + 1,
        "parent_id": new.parent,
        "fork_step": new.fork_step,
        "fork_writer": None if new.parent is None else connection.scalar(newest),
        "created": started,
        "started": started,
        "heard": now,
        "updated": now,
        "config": new.config,
        "metadata": new.metadata,
        "summary": {},
    }


def check_not_a_trials(connection: Connection, run_id: str) -> None:
    """Raises RunExists when the id is that of a trial, also of one that is still to be
    suggested."""
    head, _, number = run_id.rpartition("-")
    if number.isdigit() and connection.scalar(select(sweeps.c.id).where(sweeps.c.id == head)):
        raise RunExists(
            f"{run_id!r} is the id of a trial of sweep {head}, which its agent records: start this "
            "run under another id."
        )


def lock_run(connection: Connection, run_id: str, writer: int | None = None) -> Any:
    """A run's row without its documents; nobody changes it until the transaction ends.

    Raises NotFoundError; Fenced when `writer` is given and a newer one has started.
    """
    names = ("id", "sweep_id", "writer", "state", "ended", "heard")
    query = select(*(runs.c[name] for name in names))
    query = query.where(runs.c.id == run_id).with_for_update(key_share=True)
    run = connection.execute(query).one_or_none()
    if run is None:
        raise no_run(run_id)
    if writer is not None:
        check_writer(run, writer)
    return run


def check_writer(run: Any, writer: int) -> None:
    """Raises Fenced when a newer writer of `run` (a row) has started."""
    if writer < run.writer:
        raise Fenced(
            f"attempt {writer} of run {run.id} is gone: attempt {run.writer} was started since"
        )


def no_run(run_id: str) -> NotFoundError:
    return NotFoundError(
        f"there is no run {run_id!r}: `sweep runs` lists all runs, and `sweep trials SWEEP` those "
        "of a sweep"
    )


def run_record(row: RowMapping, now: float) -> RunRecord:
    """A row of `runs` as it is at `now`."""
    values = {name: row[name] for name in _RUN_FIELDS}
    if row["sweep_id"] is None:
        return RunRecord(**{**values, "state": shown_state(row["state"], row["heard"], now)})
    return RunRecord(**{**values, "state": TrialState(row["state"])})


def shown_state(state: str, heard: float | None, now: float) -> RunState:
    """Of a run without a sweep: one that fell silent has crashed, until it is heard again."""
    silent = heard is None or heard < now - SILENT_S
    return RunState.CRASHED if silent and state == RunState.RUNNING else RunState(state)


def merged(
    connection: Connection, run_id: str, **given: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The columns that are given, merged into what the run has; and its name, if that is told."""
    updates = {name: values for name, values in given.items() if values is not None}
    if not updates:
        return {}
    query = select(*(runs.c[name] for name in updates)).where(runs.c.id == run_id)
    had = connection.execute(query).mappings().one()
    found: dict[str, Any] = {name: {**had[name], **values} for name, values in updates.items()}
    name = updates.get("metadata", {}).get("name")
    if isinstance(name, str) and name:
        found["name"] = name
    return found
