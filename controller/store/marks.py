"""The store's part that says, at next to no cost, whether anything has changed.

A **mark** is a short text that is another one when what it stands for has changed; nothing else may
be read from it. One snapshot marks any number of runs, sweeps and projects, by a few statements
that indexes answer; the pulse tells before that whether there was a commit at all. Neighbours:
controller/changes.py (who asks, a few times a second), schema.py (whose counters these are).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    func,
    literal,
    select,
    union_all,
    update,
)

from controller.store.artifact_schema import artifact_collections
from controller.store.engine import Database
from controller.store.records import SILENT_S, RunState
from controller.store.schema import api_keys, attempts, projects, runs, sweeps
from sweeps.project import NO_PROJECT
from sweeps.trial import AttemptState, SweepState

_PAGE = 200
_LATE_S = 5.0  # a transaction may be seen so long after another that read the clock later
_COARSE_S = 10.0  # how exactly the list of projects says when each was last changed
_WAITING = (AttemptState.QUEUED, AttemptState.RUNNING)
_OPEN = [state for state in SweepState if not state.over]

T = TypeVar("T")


@dataclass(frozen=True)
class Mark:
    """Attributes:
    text: the mark.
    quiet_s: for so many seconds, by the database's clock, it has surely not changed; 0: unknown.
    """

    text: str
    quiet_s: float = 0.0


GONE = Mark("-")
"""Of what is not there (yet)."""


class MarkStore:
    """Marks. Each method is one transaction."""

    _db: Database

    def pulse(self) -> AbstractContextManager[Callable[[], str]]:
        """Asks whether there was a commit; see `Database.pulse`."""
        return self._db.pulse()

    def run_marks(self, run_ids: Sequence[str]) -> dict[str, Mark]:
        """By id: its state, and anything that was recorded of it."""
        wanted = ("id", "sweep_id", "state", "exit_code", "writer", "steps", "heard", "updated")
        query = select(*(runs.c[name] for name in wanted))
        found = dict.fromkeys(run_ids, GONE)
        with self._db.read() as connection:
            now = self._db.read_clock(connection)
            for some in _pages(run_ids):
                for row in connection.execute(query.where(runs.c.id.in_(some))):
                    run_id, sweep_id, state, exit_code, writer, steps, heard, updated = row
                    alive = sweep_id is None and state == RunState.RUNNING
                    silent = alive and (heard is None or heard < now - SILENT_S)
                    text = mark(state, exit_code, writer, steps, updated, silent)
                    found[run_id] = Mark(text, 0.0 if alive else max(now - updated, 0.0))
        return found

    def sweep_marks(self, sweep_ids: Sequence[str]) -> dict[str, Mark]:
        """By id: the sweep, the states of its trials, and their objective values."""
        names = ("id", "state", "reason", "trouble", "ended", "next_number", "ended_seq", "feed")
        newest = select(func.max(runs.c.updated)).where(runs.c.sweep_id == sweeps.c.id)
        query = select(
            *(sweeps.c[name] for name in (*names, "changed", "name")),
            newest.scalar_subquery().label("newest"),
        )
        found = dict.fromkeys(sweep_ids, GONE)
        with self._db.snapshot() as connection:
            now = self._db.read_clock(connection)
            for some in _pages(sweep_ids):
                live = _live_attempts(connection, attempts.c.sweep_id.in_(some))
                for row in connection.execute(query.where(sweeps.c.id.in_(some))):
                    over = row.state not in _OPEN
                    last = max(row.newest or 0.0, row.ended or 0.0)
                    text = mark(*row[1:-1], live.get(row.id))
                    found[row.id] = Mark(text, max(now - last, 0.0) if over else 0.0)
        return found

    def project_marks(self, names: Sequence[str]) -> dict[str, Mark]:
        """By whole name: which runs it has, and anything that was recorded of them."""
        found = dict.fromkeys(names, GONE)
        with self._db.snapshot() as connection:
            now = self._db.read_clock(connection)
            for some in _pages(names):
                marks: dict[str, list[Any]] = {}
                for name, *rest in connection.execute(_project_query(some)):
                    marks.setdefault(name or NO_PROJECT, []).append(tuple(rest))
                for name in some:
                    if rows := sorted(marks.get(name or NO_PROJECT, [])):
                        last = max(row[0] for row in rows)
                        found[name] = Mark(mark(rows), max(now - last, 0.0))
        return found

    def project_sizes(self, names: Sequence[str]) -> dict[str, str]:
        """By whole name: how much there is, and what was said of it. Dearer: it counts."""
        found: dict[str, str] = {}
        with self._db.snapshot() as connection:
            for name in names:
                known = same_project(name)
                said = select(projects.c.updated).where(projects.c.name.in_(known))
                made = select(
                    func.count(),
                    func.sum(artifact_collections.c.next_version),
                    func.max(artifact_collections.c.updated),
                ).where(artifact_collections.c.project.in_(known))
                count = select(func.count()).select_from(runs).where(runs.c.project.in_(known))
                found[name] = mark(
                    connection.scalar(count),
                    connection.scalar(said),
                    tuple(connection.execute(made).one()),
                )
        return found

    def sweeps_mark(self) -> str:
        """Which sweeps there are, their states, and how many trials are in which state."""
        told = (
            func.count(),
            *(func.sum(sweeps.c[name]) for name in ("next_number", "ended_seq")),
            *(func.max(sweeps.c[name]) for name in ("created", "started", "ended", "trouble")),
        )
        opened = select(sweeps.c.id).where(sweeps.c.state.in_(_OPEN))
        with self._db.snapshot() as connection:
            states = connection.execute(select(sweeps.c.state, *told).group_by(sweeps.c.state))
            rows = sorted(tuple(row) for row in states)
            live = _live_attempts(connection, attempts.c.sweep_id.in_(opened))
        return mark(rows, sorted(live.items()))

    def projects_mark(self) -> str:
        """Which projects there are, how many runs each has, and, roughly, when it last changed.
        Dearer: it counts."""
        counted = select(runs.c.project, func.count()).group_by(runs.c.project)
        newest = select(runs.c.project, func.max(runs.c.updated)).group_by(runs.c.project)
        said = select(projects.c.name, projects.c.updated)
        with self._db.snapshot() as connection:
            return mark(
                sorted(map(tuple, connection.execute(counted))),
                sorted((name, int(last // _COARSE_S)) for name, last in connection.execute(newest)),
                sorted(map(tuple, connection.execute(said))),
            )

    def keys_mark(self) -> str:
        """Which API keys there are, and which were revoked."""
        query = select(func.count(), func.count(api_keys.c.revoked), func.max(api_keys.c.created))
        with self._db.read() as connection:
            return mark(tuple(connection.execute(query).one()))


def touch_run(connection: Connection, run_id: str, now: float) -> None:
    """Something was recorded of a run beside its row: its mark is another one. Lock the row first,
    before any other table's."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(updated=now))


def mark(*what: object) -> str:
    """Short, and another one for anything else."""
    return hashlib.blake2b(repr(what).encode(), digest_size=9).hexdigest()


def _live_attempts(
    connection: Connection, which: ColumnElement[bool]
) -> dict[str, list[tuple[Any, ...]]]:
    """By sweep: which attempts wait and run, in a few numbers."""
    told = (func.count(), func.sum(attempts.c.number), func.sum(attempts.c.token))
    query = select(attempts.c.sweep_id, attempts.c.state, *told).where(
        which, attempts.c.state.in_(_WAITING)
    )
    found: dict[str, list[tuple[Any, ...]]] = {}
    for sweep_id, *rest in connection.execute(
        query.group_by(attempts.c.sweep_id, attempts.c.state)
    ):
        found.setdefault(sweep_id, []).append(tuple(map(str, rest)))
    return {sweep_id: sorted(rows) for sweep_id, rows in found.items()}


def _project_query(names: Sequence[str]) -> Select[Any]:
    """(project, newest change, how many changes shortly before it, their sum) of each that has any.

    A transaction that read the clock first may be seen last: the newest change alone would not
    tell of it.
    """
    listed = sorted({name for each in names for name in same_project(each)})
    asked = union_all(*(select(literal(name).label("name")) for name in listed)).subquery()
    newest = select(func.max(runs.c.updated)).where(runs.c.project == asked.c.name)
    found = select(asked.c.name, newest.scalar_subquery().label("newest")).subquery()
    late = runs.alias()
    near = (late.c.project == found.c.name, late.c.updated > found.c.newest - _LATE_S)
    count = select(func.count()).select_from(late).where(*near).scalar_subquery()
    total = select(func.sum(late.c.updated)).where(*near).scalar_subquery()
    return select(found.c.name, found.c.newest, count, total).where(found.c.newest.is_not(None))


def same_project(name: str) -> tuple[str, ...]:
    """The names under which a project is on record."""
    return ("", NO_PROJECT) if name in ("", NO_PROJECT) else (name,)


def _pages(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _PAGE):
        yield items[start : start + _PAGE]
