"""The store's part for projects: which there are, and what was said of one.

A project is there as soon as something is recorded under its name; it needs no row of its own. One
is kept only for what people say of it (a description, say), or that it be there before its first
run. Names are whole names (sweeps/project.py); "" and NO_PROJECT are one project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    delete,
    func,
    literal,
    null,
    select,
    union,
    update,
)

from controller.store.artifact_schema import artifact_collections, blobs
from controller.store.engine import Database
from controller.store.files import BlobState
from controller.store.schema import projects, runs, sweeps
from sweeps.errors import UsageError
from sweeps.project import NO_PROJECT

PROJECT_NAMES = (runs.c.project, sweeps.c.project, projects.c.name, artifact_collections.c.project)
"""Where names of projects stand."""


@dataclass(frozen=True)
class ProjectRecord:
    """One project.

    Attributes:
        name: its whole name; NO_PROJECT for what was recorded under none.
        runs: how many there are.
        created: when its first run, sweep or collection was made, or when it was described.
        updated: when anything of its runs was last recorded, or it was described.
        user: who described it first; "" when nobody did.
        description: for people.
        access: what a client said of who may see it; kept, and not acted upon.
        settings: anything else that clients keep with it.
    """

    name: str
    runs: int
    created: float
    updated: float
    user: str = ""
    description: str = ""
    access: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


class ProjectStore:
    """Projects. Each method is one transaction."""

    _db: Database

    def projects(self, entity: str | None = None) -> list[ProjectRecord]:
        """All projects, by name.

        Args:
            entity: only those of this entity; "" for the server's own; None for all.
        """
        with self._db.snapshot() as connection:
            found = _traces(connection, None)
            rows = connection.execute(select(projects)).mappings()
            said = {row["name"]: row for row in rows}
        names = sorted(
            name for name in {*found, *said} if entity is None or name.rpartition("/")[0] == entity
        )
        return [_record(name, found.get(name), said.get(name)) for name in names]

    def entities(self) -> set[str]:
        """Those that own a project; "" stands for the server's own."""
        with self._db.read() as connection:
            names = connection.scalars(union(*(select(column) for column in PROJECT_NAMES)))
            return {name.rpartition("/")[0] for name in names}

    def stored_bytes(self) -> int:
        """Of the files and artifacts of all projects, which share what is the same."""
        query = select(func.sum(blobs.c.size)).where(blobs.c.state == BlobState.STORED)
        with self._db.read() as connection:
            return int(connection.scalar(query) or 0)

    def project_exists(self, name: str) -> bool:
        """Whether there is anything under this whole name."""
        names = _names(name)
        with self._db.read() as connection:
            return any(
                connection.scalar(select(literal(1)).where(column.in_(names)).limit(1)) is not None
                for column in PROJECT_NAMES
            )

    def find_project(self, name: str) -> ProjectRecord | None:
        """The project of this whole name; None when there is nothing under it."""
        with self._db.snapshot() as connection:
            found = _traces(connection, _names(name))
            query = select(projects).where(projects.c.name == (name or NO_PROJECT))
            row = connection.execute(query).mappings().one_or_none()
        if not found and row is None:
            return None
        return _record(name or NO_PROJECT, found.get(name or NO_PROJECT), row)

    def describe_project(
        self,
        name: str,
        user: str,
        *,
        description: str | None = None,
        access: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> bool:
        """Says something of a project, which is there from now on. None leaves a value as it is.

        Args:
            settings: these are added to those that it has.

        Returns whether it was new to this table.
        """
        name = name or NO_PROJECT
        given = {"description": description, "access": access}
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        with self._db.write() as connection:
            now = self._db.read_clock(connection)
            row = {"description": "", "access": "", "settings": {}, **changes}
            row = {**row, "name": name, "user": user, "created": now, "updated": now}
            insert = self._db.insert_absent(projects).values(row).returning(projects.c.name)
            new = connection.scalar(insert) is not None
            if settings:
                query = select(projects.c.settings).where(projects.c.name == name)
                before = connection.execute(query.with_for_update()).scalar_one()
                changes["settings"] = {**before, **settings}
            if changes:
                change = update(projects).where(projects.c.name == name)
                connection.execute(change.values(updated=now, **changes))
        return new

    def delete_project(self, name: str) -> bool:
        """Forgets what was said of a project; False when nothing was.

        Raises UsageError when something is recorded under it: that has to go first.
        """
        with self._db.write() as connection:
            found = _traces(connection, _names(name)).get(name or NO_PROJECT)
            if found is not None:
                raise UsageError(
                    f"project {name!r} is not empty ({found.runs} runs, and perhaps sweeps and "
                    "artifacts): delete those first."
                )
            gone = delete(projects).where(projects.c.name == (name or NO_PROJECT))
            return connection.execute(gone).rowcount > 0


@dataclass(frozen=True)
class _Trace:
    """What the records tell of a project."""

    runs: int
    created: float
    updated: float


def _names(name: str) -> list[str]:
    return ["", NO_PROJECT] if name in ("", NO_PROJECT) else [name]


def _traces(connection: Connection, names: list[str] | None) -> dict[str, _Trace]:
    """By whole name, of these projects or of all."""
    found: dict[str, _Trace] = {}
    for query in _questions(names):
        for project, count, created, updated in connection.execute(query):
            name = project or NO_PROJECT
            old = found.get(name, _Trace(0, float("inf"), 0.0))
            earliest = min(old.created, old.created if created is None else created)
            found[name] = _Trace(old.runs + count, earliest, max(old.updated, updated or 0.0))
    return found


def _questions(names: list[str] | None) -> Iterator[Select[Any]]:
    """Each gives (project, runs, created, updated); those about runs are answered by an index."""
    none = literal(0)
    yield _of(names, runs.c.project, func.count(), func.min(runs.c.created), null())
    yield _of(names, runs.c.project, none, null(), func.max(runs.c.updated))
    for table in (sweeps, artifact_collections):
        made = table.c.created
        yield _of(names, table.c.project, none, func.min(made), func.max(made))


def _of(names: list[str] | None, project: ColumnElement[str], *told: Any) -> Select[Any]:
    query = select(project, *told).group_by(project)
    return query if names is None else query.where(project.in_(names))


def _record(name: str, found: _Trace | None, said: RowMapping | None) -> ProjectRecord:
    """At least one of the two is there."""
    trace = found or _Trace(0, float("inf"), 0.0)
    if said is None:
        return ProjectRecord(name, trace.runs, trace.created, trace.updated)
    return ProjectRecord(
        name,
        trace.runs,
        min(trace.created, said["created"]),
        max(trace.updated, said["updated"]),
        said["user"],
        said["description"],
        said["access"],
        said["settings"],
    )
