"""The store's part for changing artifacts: what is said of them, aliases, links, and removal.

Neighbours: artifacts.py (how versions are made), artifact_rows.py (how rows are read).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from controller.store.artifact_lists import ArtifactLists
from controller.store.artifact_records import ArtifactRecord, CollectionRecord
from controller.store.artifact_rows import (
    ARTIFACTS,
    LATEST,
    aliased,
    all_of,
    by_id,
    collection_by_id,
    collection_query,
    collection_record,
    seen_from,
    versions_of,
)
from controller.store.artifact_schema import (
    artifact_aliases,
    artifact_blobs,
    artifact_collections,
    artifact_drafts,
    artifact_links,
    artifact_logged,
    artifact_other_ids,
    artifact_uses,
    artifacts,
)
from sweeps.errors import NotFoundError, UsageError

_PAGE = 100

Place = tuple[str, str, str]
"""(project, name, alias)"""


class ArtifactChanges(ArtifactLists):
    """Changing. Each method is one transaction."""

    # -- versions -----------------------------------------------------------------------------

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
            artifact_id = old.id
            if keep:
                changes["expires"] = None
            elif ttl_s is not None:
                changes["expires"] = old.created + ttl_s
            changes["updated"] = self._db.read_clock(connection)
            change_artifact(connection, artifact_id, changes)
            project, name = place or (old.project, old.name)
            if aliases is not None:
                # The collection's lock keeps two that move the same alias apart.
                self._lock_collection(connection, project, name)
                mine = aliased(project, name) & (artifact_aliases.c.artifact_id == artifact_id)
                connection.execute(
                    delete(artifact_aliases).where(
                        mine, artifact_aliases.c.alias.not_in(list(aliases))
                    )
                )
                for alias in dict.fromkeys(aliases):
                    self._point_alias(connection, project, name, alias, artifact_id)
            return seen_from(connection, by_id(connection, artifact_id), project, name)

    def keep_md5_digest(self, artifact_id: str, md5_digest: str) -> None:
        """Notes how W&B's clients name its content."""
        with self._db.write() as connection:
            change_artifact(connection, artifact_id, {"md5_digest": md5_digest})

    def link_artifact(
        self, artifact_id: str, project: str, name: str, aliases: Sequence[str] = ()
    ) -> ArtifactRecord:
        """Gives a version a second name: it becomes the next version there, unless it is one.

        Raises NotFoundError, and UsageError when the name is one of another type.
        """
        with self._db.write() as connection:
            source = by_id(connection, artifact_id)
            artifact_id = source.id
            if (source.project, source.name) == (project, name):
                raise UsageError(f"{name!r} is the artifact's own name: no link is needed")
            collection = self._collection(connection, project, name, source.type, portfolio=True)
            linked = connection.scalar(
                select(artifact_links.c.version).where(
                    artifact_links.c.project == project,
                    artifact_links.c.name == name,
                    artifact_links.c.artifact_id == artifact_id,
                )
            )
            if linked is None:
                raise_version(connection, project, name, collection.next_version)
                connection.execute(
                    insert(artifact_links).values(
                        project=project,
                        name=name,
                        version=collection.next_version,
                        artifact_id=artifact_id,
                        created=self._db.now(),
                    )
                )
            self._point_aliases(connection, project, name, aliases, artifact_id)
            return seen_from(connection, source, project, name)

    def unlink_artifact(self, artifact_id: str, project: str, name: str) -> None:
        """Takes a second name away again. Raises NotFoundError."""
        with self._db.write() as connection:
            artifact_id = by_id(connection, artifact_id).id
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
            self._remove_version(connection, old)

    def expire_artifacts(self) -> int:
        """Removes the versions whose time has come; returns how many. A transaction a page."""
        query = ARTIFACTS.where(artifacts.c.expires < self._db.now()).limit(_PAGE)
        removed = 0
        while True:
            with self._db.write() as connection:
                due = all_of(connection, query)
                for old in due:
                    self._remove_version(connection, old)
            removed += len(due)
            if len(due) < _PAGE:
                return removed

    def _remove_version(
        self, connection: Connection, old: ArtifactRecord, *, with_all: bool = False
    ) -> None:
        """`with_all`: its whole collection goes."""
        links = connection.execute(
            select(artifact_links.c.project, artifact_links.c.name).where(
                artifact_links.c.artifact_id == old.id
            )
        ).all()
        for table in (
            *(artifact_aliases, artifact_links, artifact_blobs, artifact_logged),
            artifact_uses,
            artifact_other_ids,
        ):
            connection.execute(delete(table).where(table.c.artifact_id == old.id))
        connection.execute(delete(artifacts).where(artifacts.c.id == old.id))
        own = [] if with_all else [(old.project, old.name)]
        for project, name in [*own, *links]:
            self._mend_latest(connection, project, name)

    # -- aliases ------------------------------------------------------------------------------

    def add_aliases(self, artifact_id: str, places: Iterable[Place]) -> None:
        """Lets aliases point to a version, in its own collection or one that it is linked to.

        Raises NotFoundError.
        """
        with self._db.write() as connection:
            found = by_id(connection, artifact_id)
            for project, name, alias in sorted(set(places)):
                self._lock_collection(connection, project, name)
                seen_from(connection, found, project, name)  # raises NotFoundError
                self._point_alias(connection, project, name, alias, found.id)
            change_artifact(connection, found.id, {"updated": self._db.read_clock(connection)})

    def delete_aliases(self, artifact_id: str, places: Iterable[Place]) -> None:
        """Takes aliases away; those that point elsewhere stay. Raises NotFoundError."""
        with self._db.write() as connection:
            found = by_id(connection, artifact_id)
            for project, name, alias in places:
                connection.execute(
                    delete(artifact_aliases).where(
                        aliased(project, name),
                        artifact_aliases.c.alias == alias,
                        artifact_aliases.c.artifact_id == found.id,
                    )
                )
            change_artifact(connection, found.id, {"updated": self._db.read_clock(connection)})

    # -- collections --------------------------------------------------------------------------

    def update_collection(
        self,
        collection_id: str,
        *,
        name: str | None = None,
        type: str | None = None,
        description: str | None = None,
        add_tags: Iterable[str] = (),
        delete_tags: Iterable[str] = (),
    ) -> CollectionRecord:
        """Renames a collection, or changes what is said of it.

        Raises NotFoundError, and UsageError when another collection has that name.
        """
        with self._db.write() as connection:
            old = collection_by_id(connection, collection_id, lock=True)
            gone = set(delete_tags)
            tags = [tag for tag in dict.fromkeys([*old.tags, *add_tags]) if tag not in gone]
            changes: dict[str, Any] = {"tags": tags, "updated": self._db.read_clock(connection)}
            if description is not None:
                changes["description"] = description
            if type is not None:
                changes["type"] = type
                self._retype_collection(connection, old, type)
            if name is not None and name != old.name:
                changes["name"] = name
                self._rename_collection(connection, old, name)
            table = artifact_collections
            connection.execute(update(table).where(table.c.id == old.id).values(**changes))
            return collection_by_id(connection, old.id)

    def _retype_collection(self, connection: Connection, old: CollectionRecord, type: str) -> None:
        connection.execute(
            update(artifacts)
            .where(artifacts.c.project == old.project, artifacts.c.name == old.name)
            .values(type=type)
        )

    def _rename_collection(self, connection: Connection, old: CollectionRecord, name: str) -> None:
        if connection.execute(collection_query(old.project, name)).one_or_none() is not None:
            raise UsageError(f"project {old.project!r} has an artifact {name!r} already")
        for table in (artifacts, artifact_links, artifact_aliases, artifact_drafts):
            connection.execute(
                update(table)
                .where(table.c.project == old.project, table.c.name == old.name)
                .values(name=name)
            )

    def delete_collection(self, collection_id: str) -> CollectionRecord:
        """Removes a collection with all its versions, or all its links. Returns what it was.

        Raises NotFoundError.
        """
        with self._db.write() as connection:
            old = collection_by_id(connection, collection_id, lock=True)
            here = (artifacts.c.project == old.project) & (artifacts.c.name == old.name)
            for version in all_of(connection, ARTIFACTS.where(here)):
                self._remove_version(connection, version, with_all=True)
            for table in (artifact_links, artifact_aliases):
                connection.execute(
                    delete(table).where(table.c.project == old.project, table.c.name == old.name)
                )
            connection.execute(
                delete(artifact_other_ids).where(artifact_other_ids.c.collection_id == old.id)
            )
            table = artifact_collections
            connection.execute(delete(table).where(table.c.id == old.id))
            return old

    # -- shared -------------------------------------------------------------------------------

    def _mend_latest(self, connection: Connection, project: str, name: str) -> None:
        """When `latest` lost its version, the newest of those left takes it."""
        latest = aliased(project, name) & (artifact_aliases.c.alias == LATEST)
        if connection.scalar(select(artifact_aliases.c.artifact_id).where(latest)) is not None:
            return
        left = versions_of(project, name)
        newest = connection.scalar(select(left.c.id).order_by(left.c.number.desc()).limit(1))
        if newest is not None:
            self._point_alias(connection, project, name, LATEST, newest)

    def _collection(
        self, connection: Connection, project: str, name: str, kind: str, *, portfolio: bool = False
    ) -> CollectionRecord:
        """A collection, locked; made if there is none. UsageError: it is of another type."""
        connection.execute(
            self._db.insert_absent(artifact_collections).values(
                project=project,
                name=name,
                id=secrets.token_hex(10),
                type=kind,
                next_version=0,
                portfolio=portfolio,
                created=self._db.now(),
                description="",
            )
        )
        found = self._lock_collection(connection, project, name)
        check_type(found, kind)
        return found

    def _lock_collection(self, connection: Connection, project: str, name: str) -> CollectionRecord:
        """The collection's lock keeps two that move the same alias apart. NotFoundError."""
        query = collection_query(project, name).with_for_update()
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFoundError(f"project {project!r} has no artifact {name!r}")
        return collection_record(row)

    def _point_aliases(
        self,
        connection: Connection,
        project: str,
        name: str,
        aliases: Iterable[str],
        artifact_id: str,
    ) -> None:
        for alias in {LATEST: None, **dict.fromkeys(aliases)}:
            self._point_alias(connection, project, name, alias, artifact_id)

    def _point_alias(
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


def check_type(collection: CollectionRecord, kind: str) -> None:
    """Raises UsageError when the collection holds versions of another type."""
    if collection.type != kind:
        raise UsageError(
            f"the artifact {collection.name!r} of project {collection.project!r} has type"
            f" {collection.type!r}, not {kind!r}: choose another name, or that type."
        )


def raise_version(
    connection: Connection, project: str, name: str, version: int, *, portfolio: bool | None = None
) -> None:
    """The number `version` is given. `portfolio` False: the collection has a version of its own."""
    table = artifact_collections
    values: dict[str, Any] = {"next_version": version + 1}
    if portfolio is not None:
        values["portfolio"] = portfolio
    where = (table.c.project == project) & (table.c.name == name)
    connection.execute(update(table).where(where).values(**values))


def change_artifact(connection: Connection, artifact_id: str, changes: Mapping[str, Any]) -> None:
    connection.execute(update(artifacts).where(artifacts.c.id == artifact_id).values(**changes))
