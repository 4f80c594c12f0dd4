"""The store's part for artifacts: versions, aliases, links, and which run made and used what.

A version is recorded once all its bytes are there; its number comes from its collection (all
versions of one name in one project), whose row is locked meanwhile. Content that the collection has
already becomes no new version: the aliases move. What an artifact holds is in its manifest, a blob
like any other. Neighbours: files.py (blobs), artifact_lists.py (looking around), artifact_rows.py
(how rows are read).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from controller.store.artifact_lists import ArtifactLists
from controller.store.artifact_records import ArtifactRecord, NewArtifact
from controller.store.artifact_rows import (
    ARTIFACTS,
    LATEST,
    aliased,
    all_of,
    by_id,
    collection_query,
    one,
    seen_from,
    versions_of,
)
from controller.store.files import batches, hold_blobs
from controller.store.schema import (
    artifact_aliases,
    artifact_blobs,
    artifact_collections,
    artifact_links,
    artifact_uses,
    artifacts,
    runs,
)
from sweeps.errors import NotFoundError, UsageError
from sweeps.project import NO_PROJECT

_PAGE = 100


class ArtifactStore(ArtifactLists):
    """Artifacts. Each method is one transaction."""

    # -- making -------------------------------------------------------------------------------

    def commit_artifact(self, new: NewArtifact) -> tuple[ArtifactRecord | None, list[str]]:
        """Records a version, or finds the one of the same content; its aliases point to it now.

        Safe to repeat. Returns (artifact, []), or (None, the digests that must be sent first).

        Raises:
            NotFoundError: no such run.
            UsageError: the name holds artifacts of another type, or is a collection of links.
        """
        with self._db.write() as connection:
            project = _project(connection, new)
            collection = self._collection(connection, project, new.name, new.type)
            if collection.type != new.type:
                raise UsageError(
                    f"the artifact {new.name!r} of project {project!r} has type"
                    f" {collection.type!r}, not {new.type!r}: choose another name, or that type."
                )
            same = (artifacts.c.project == project) & (artifacts.c.name == new.name)
            known = connection.execute(
                select(artifacts.c.id, artifacts.c.tags).where(
                    same, artifacts.c.digest == new.digest
                )
            ).one_or_none()
            now = self._db.read_clock(connection)
            if known is None:
                digests = sorted({*new.blobs, new.manifest})
                stored = hold_blobs(connection, digests, now)
                missing = [digest for digest in digests if digest not in stored]
                if missing:
                    return None, missing
                artifact_id = self._add(connection, new, project, collection.next_version, now)
            else:
                artifact_id = known.id
                tags = [*known.tags, *(tag for tag in new.tags if tag not in known.tags)]
                expires = None if new.ttl_s is None else now + new.ttl_s
                _change(connection, artifact_id, {"tags": tags, "expires": expires, "updated": now})
            for alias in {LATEST: None, **dict.fromkeys(new.aliases)}:
                self._point(connection, project, new.name, alias, artifact_id)
            if new.use and new.run_id is not None:
                self._use(connection, new.run_id, artifact_id, now)
            found = one(connection, ARTIFACTS.where(artifacts.c.id == artifact_id))
        assert found is not None  # noqa: S101
        return found, []

    def _collection(self, connection: Connection, project: str, name: str, kind: str) -> Any:
        """The row of a collection, locked; made if there is none."""
        connection.execute(
            self._db.insert_absent(artifact_collections).values(
                project=project,
                name=name,
                id=secrets.token_hex(10),
                type=kind,
                next_version=0,
                created=self._db.now(),
                description="",
            )
        )
        return connection.execute(collection_query(project, name).with_for_update()).one()

    def _add(
        self, connection: Connection, new: NewArtifact, project: str, version: int, now: float
    ) -> str:
        artifact_id = secrets.token_hex(10)
        _raise_version(connection, project, new.name, version)
        connection.execute(
            insert(artifacts).values(
                id=artifact_id,
                project=project,
                type=new.type,
                name=new.name,
                version=version,
                digest=new.digest,
                manifest=new.manifest,
                size=new.size,
                files=new.files,
                run_id=None if new.use else new.run_id,
                created=now,
                updated=now,
                expires=None if new.ttl_s is None else now + new.ttl_s,
                description=new.description,
                tags=list(new.tags),
                metadata=dict(new.metadata),
            )
        )
        for batch in batches(sorted(new.blobs)):
            connection.execute(
                insert(artifact_blobs),
                [{"artifact_id": artifact_id, "digest": digest} for digest in batch],
            )
        return artifact_id

    def _point(
        self, connection: Connection, project: str, name: str, alias: str, artifact_id: str
    ) -> None:
        where = aliased(project, name) & (artifact_aliases.c.alias == alias)
        moved = connection.execute(
            update(artifact_aliases).where(where).values(artifact_id=artifact_id)
        )
        if not moved.rowcount:
            connection.execute(
                insert(artifact_aliases).values(
                    project=project, name=name, alias=alias, artifact_id=artifact_id
                )
            )

    # -- changing -----------------------------------------------------------------------------

    def update_artifact(
        self,
        artifact_id: str,
        *,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        ttl_s: float | None = None,
        keep: bool = False,
        aliases: Sequence[str] | None = None,
        place: tuple[str, str] | None = None,
    ) -> ArtifactRecord:
        """Replaces what is given, whole.

        Args:
            artifact_id: which.
            description, metadata, tags: as in ArtifactRecord.
            ttl_s: how long it lives, from its making.
            keep: it lives for ever; `ttl_s` does not count.
            aliases: in the collection `place`; those that point elsewhere now point here.
            place: (project, name): its own collection, or one that it is linked to; None: its own.

        Raises NotFoundError.
        """
        given = {"description": description, "metadata": metadata, "tags": tags}
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        with self._db.write() as connection:
            old = by_id(connection, artifact_id)
            if keep:
                changes["expires"] = None
            elif ttl_s is not None:
                changes["expires"] = old.created + ttl_s
            changes["updated"] = self._db.read_clock(connection)
            _change(connection, artifact_id, changes)
            project, name = place or (old.project, old.name)
            if aliases is not None:
                # The collection's lock keeps two that move the same alias apart.
                locked = connection.execute(collection_query(project, name).with_for_update())
                if locked.one_or_none() is None:
                    raise NotFoundError(f"project {project!r} has no artifact {name!r}")
                mine = aliased(project, name) & (artifact_aliases.c.artifact_id == artifact_id)
                connection.execute(
                    delete(artifact_aliases).where(
                        mine, artifact_aliases.c.alias.not_in(list(aliases))
                    )
                )
                for alias in dict.fromkeys(aliases):
                    self._point(connection, project, name, alias, artifact_id)
            return seen_from(connection, by_id(connection, artifact_id), project, name)

    def link_artifact(
        self, artifact_id: str, project: str, name: str, aliases: Sequence[str] = ()
    ) -> ArtifactRecord:
        """Gives a version a second name: it becomes the next version there, unless it is one.

        Raises NotFoundError, and UsageError when the name is one of another type.
        """
        with self._db.write() as connection:
            source = by_id(connection, artifact_id)
            if (source.project, source.name) == (project, name):
                raise UsageError(f"{name!r} is the artifact's own name: no link is needed")
            collection = self._collection(connection, project, name, source.type)
            if collection.type != source.type:
                raise UsageError(
                    f"{name!r} of project {project!r} holds artifacts of type"
                    f" {collection.type!r}, not {source.type!r}: link to another name."
                )
            linked = connection.scalar(
                select(artifact_links.c.version).where(
                    artifact_links.c.project == project,
                    artifact_links.c.name == name,
                    artifact_links.c.artifact_id == artifact_id,
                )
            )
            if linked is None:
                _raise_version(connection, project, name, collection.next_version)
                connection.execute(
                    insert(artifact_links).values(
                        project=project,
                        name=name,
                        version=collection.next_version,
                        artifact_id=artifact_id,
                        created=self._db.now(),
                    )
                )
            for alias in {LATEST: None, **dict.fromkeys(aliases)}:
                self._point(connection, project, name, alias, artifact_id)
            return seen_from(connection, source, project, name)

    def unlink_artifact(self, artifact_id: str, project: str, name: str) -> None:
        """Takes a second name away again. Raises NotFoundError."""
        with self._db.write() as connection:
            gone = connection.execute(
                delete(artifact_links).where(
                    artifact_links.c.project == project,
                    artifact_links.c.name == name,
                    artifact_links.c.artifact_id == artifact_id,
                )
            )
            if not gone.rowcount:
                raise NotFoundError(f"the artifact is not linked to {project}/{name}")
            mine = aliased(project, name) & (artifact_aliases.c.artifact_id == artifact_id)
            connection.execute(delete(artifact_aliases).where(mine))
            self._mend_latest(connection, project, name)

    def delete_artifact(self, artifact_id: str, *, with_aliases: bool = False) -> None:
        """Removes a version; its number is not given again. Bytes go later, if nobody else needs
        them.

        Raises NotFoundError, and UsageError when it has aliases (other than latest) and
        `with_aliases` is not set.
        """
        with self._db.write() as connection:
            old = by_id(connection, artifact_id)
            named = [alias for alias in old.aliases if alias != LATEST]
            if named and not with_aliases:
                raise UsageError(
                    f"{old.name}:v{old.version} has the aliases {', '.join(named)}: take them away"
                    " first, or delete it with delete_aliases=True."
                )
            self._remove(connection, old)

    def expire_artifacts(self) -> int:
        """Removes the versions whose time has come; returns how many. A transaction a page."""
        query = ARTIFACTS.where(artifacts.c.expires < self._db.now()).limit(_PAGE)
        removed = 0
        while True:
            with self._db.write() as connection:
                due = all_of(connection, query)
                for old in due:
                    self._remove(connection, old)
            removed += len(due)
            if len(due) < _PAGE:
                return removed

    def _remove(self, connection: Connection, old: ArtifactRecord) -> None:
        links = connection.execute(
            select(artifact_links.c.project, artifact_links.c.name).where(
                artifact_links.c.artifact_id == old.id
            )
        ).all()
        for table in (artifact_aliases, artifact_links, artifact_blobs, artifact_uses):
            connection.execute(delete(table).where(table.c.artifact_id == old.id))
        connection.execute(delete(artifacts).where(artifacts.c.id == old.id))
        for project, name in [(old.project, old.name), *links]:
            self._mend_latest(connection, project, name)

    def _mend_latest(self, connection: Connection, project: str, name: str) -> None:
        """When `latest` lost its version, the newest of those left takes it."""
        latest = aliased(project, name) & (artifact_aliases.c.alias == LATEST)
        if connection.scalar(select(artifact_aliases.c.artifact_id).where(latest)) is not None:
            return
        left = versions_of(project, name)
        newest = connection.scalar(select(left.c.id).order_by(left.c.number.desc()).limit(1))
        if newest is not None:
            self._point(connection, project, name, LATEST, newest)

    # -- lineage ------------------------------------------------------------------------------

    def use_artifact(self, run_id: str, artifact_id: str) -> None:
        """Records that a run uses it. Safe to repeat. Raises NotFoundError."""
        with self._db.write() as connection:
            by_id(connection, artifact_id)
            if connection.scalar(select(runs.c.id).where(runs.c.id == run_id)) is None:
                raise NotFoundError(f"there is no run {run_id!r}")
            self._use(connection, run_id, artifact_id, self._db.read_clock(connection))

    def _use(self, connection: Connection, run_id: str, artifact_id: str, now: float) -> None:
        connection.execute(
            self._db.insert_absent(artifact_uses).values(
                run_id=run_id, artifact_id=artifact_id, created=now
            )
        )


def _project(connection: Connection, new: NewArtifact) -> str:
    """The project that a new artifact belongs to: that of its run, unless it names another."""
    if new.run_id is None:
        return new.project or NO_PROJECT
    row = connection.execute(select(runs.c.project).where(runs.c.id == new.run_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no run {new.run_id!r}")
    return new.project or str(row.project) or NO_PROJECT


def _raise_version(connection: Connection, project: str, name: str, version: int) -> None:
    table = artifact_collections
    connection.execute(
        update(table)
        .where(table.c.project == project, table.c.name == name)
        .values(next_version=version + 1)
    )


def _change(connection: Connection, artifact_id: str, changes: Mapping[str, Any]) -> None:
    connection.execute(update(artifacts).where(artifacts.c.id == artifact_id).values(**changes))
