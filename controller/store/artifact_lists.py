"""The store's part for looking around among artifacts: by name, by run, by collection.

Neighbours: artifacts.py (how they are made and changed), artifact_rows.py (how rows are read).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, select

from controller.store.artifact_records import (
    ArtifactRecord,
    CollectionRecord,
    CollectionUse,
    Membership,
)
from controller.store.artifact_rows import (
    ARTIFACTS,
    COLLECTIONS,
    LATEST,
    aliased,
    all_of,
    by_id,
    collection_by_id,
    collection_record,
    find,
    find_collection,
    seen_from,
    versions_of,
)
from controller.store.artifact_schema import (
    artifact_aliases,
    artifact_collections,
    artifact_links,
    artifact_logged,
    artifact_uses,
    artifacts,
)
from controller.store.engine import Database
from controller.store.files import batches
from sweeps.errors import NotFoundError


class ArtifactLists:
    """Reading. Each method is one transaction."""

    _db: Database

    # -- finding ------------------------------------------------------------------------------

    def get_artifact(self, artifact_id: str) -> ArtifactRecord:
        """Raises NotFoundError."""
        with self._db.read() as connection:
            return by_id(connection, artifact_id)

    def find_artifact(self, project: str, name: str, alias: str = LATEST) -> ArtifactRecord:
        """The version that `name:alias` names; `alias` may be a version, such as v3.

        A name may be one of links: then `project`, `name`, `version` and `aliases` of the answer
        are those of the link. Raises NotFoundError.
        """
        with self._db.read() as connection:
            found = find(connection, project, name, alias)
            if found is not None:
                return found
            collection = find_collection(connection, project, name)
            aliases = connection.scalars(
                select(artifact_aliases.c.alias).where(aliased(project, name)).limit(20)
            ).all()
        raise NotFoundError(
            f"the artifact {name!r} of project {project!r} has no version {alias!r}: its newest is"
            f" v{collection.next_version - 1}, its aliases are {', '.join(sorted(aliases)) or '-'}"
        )

    def find_digest(self, project: str, name: str, md5_digest: str) -> ArtifactRecord:
        """The version of a name that W&B's clients know by this digest. Raises NotFoundError."""
        here = (artifacts.c.project == project) & (artifacts.c.name == name)
        with self._db.read() as connection:
            found = all_of(connection, ARTIFACTS.where(here, artifacts.c.md5_digest == md5_digest))
        if not found:
            raise NotFoundError(f"{name!r} of project {project!r} has no version {md5_digest}")
        return found[0]

    def artifacts_by_id(self, ids: Collection[str]) -> list[ArtifactRecord]:
        """Those that are there, in the order of `ids`."""
        found: dict[str, ArtifactRecord] = {}
        with self._db.read() as connection:
            for batch in batches(list(dict.fromkeys(ids))):
                for one in all_of(connection, ARTIFACTS.where(artifacts.c.id.in_(batch))):
                    found[one.id] = one
        return [found[one] for one in ids if one in found]

    def memberships(self, artifact_ids: Iterable[str]) -> dict[str, list[Membership]]:
        """Where each version is: first its own collection, then those that it is linked to."""
        ids = list(dict.fromkeys(artifact_ids))
        found: dict[str, list[Membership]] = {one: [] for one in ids}
        with self._db.snapshot() as connection:
            for batch in batches(ids):
                aliases = _aliases(connection, batch)
                own = select(artifacts.c.id, artifacts.c.version, artifacts.c.created)
                own = own.add_columns(*_COLLECTION).where(artifacts.c.id.in_(batch))
                own = own.join(artifact_collections, _of(artifacts))
                links = artifact_links
                linked = select(links.c.artifact_id, links.c.version, links.c.created)
                linked = linked.add_columns(*_COLLECTION).where(links.c.artifact_id.in_(batch))
                linked = linked.join(artifact_collections, _of(links)).order_by(links.c.created)
                for query in (own, linked):
                    for row in connection.execute(query).all():
                        artifact_id, version, created = row[:3]
                        collection = collection_record(dict(zip(_FIELDS, row[3:], strict=True)))
                        place = (artifact_id, collection.project, collection.name)
                        found[artifact_id].append(
                            Membership(collection, version, tuple(aliases.get(place, ())), created)
                        )
        return found

    # -- lineage -----------------------------------------------------------------------------

    def users_of_artifact(self, artifact_id: str) -> list[str]:
        """The ids of the runs that use it, in the order in which they began to."""
        query = select(artifact_uses.c.run_id).where(artifact_uses.c.artifact_id == artifact_id)
        with self._db.read() as connection:
            return list(
                connection.scalars(query.order_by(artifact_uses.c.created, artifact_uses.c.run_id))
            )

    def loggers_of_artifact(self, artifact_id: str) -> list[str]:
        """The ids of the runs that logged its content: the one that made it, then others."""
        made = select(artifacts.c.run_id).where(artifacts.c.id == artifact_id)
        logged = select(artifact_logged.c.run_id).where(
            artifact_logged.c.artifact_id == artifact_id
        )
        logged = logged.order_by(artifact_logged.c.created, artifact_logged.c.run_id)
        with self._db.read() as connection:
            maker = connection.scalar(made)
            return [*([] if maker is None else [maker]), *connection.scalars(logged)]

    def artifacts_of_run(self, run_id: str, *, used: bool) -> list[ArtifactRecord]:
        """What a run logged, or what it used, in that order. What it logged it has made, unless it
        was a version already: `ArtifactRecord.run_id` tells."""
        if used:
            query = ARTIFACTS.join(artifact_uses, artifact_uses.c.artifact_id == artifacts.c.id)
            query = query.where(artifact_uses.c.run_id == run_id)
            query = query.order_by(artifact_uses.c.created, artifacts.c.id)
        else:
            logged = select(artifact_logged.c.artifact_id).where(artifact_logged.c.run_id == run_id)
            query = ARTIFACTS.where((artifacts.c.run_id == run_id) | artifacts.c.id.in_(logged))
            query = query.order_by(artifacts.c.created, artifacts.c.id)
        with self._db.read() as connection:
            return all_of(connection, query)

    # -- looking around -----------------------------------------------------------------------

    def artifact_versions(
        self, project: str, name: str, *, before: int | None = None, limit: int = 100
    ) -> list[ArtifactRecord]:
        """The versions of a name, its own and those linked to it, the newest first, those before
        the version `before`."""
        versions = versions_of(project, name)
        query = select(versions.c.id, versions.c.number).order_by(versions.c.number.desc())
        if before is not None:
            query = query.where(versions.c.number < before)
        with self._db.read() as connection:
            ids = [row.id for row in connection.execute(query.limit(limit))]
            found = all_of(connection, ARTIFACTS.where(artifacts.c.id.in_(ids)))
            by_id = {one.id: seen_from(connection, one, project, name) for one in found}
        return [by_id[one] for one in ids]

    def artifact_collections(
        self, project: str, *, type: str | None = None, after: str = "", limit: int = 1000
    ) -> list[CollectionRecord]:
        """The names of a project, of one type or all, those behind the name `after`."""
        table = artifact_collections
        query = COLLECTIONS.where(table.c.project == project, table.c.name > after)
        if type is not None:
            query = query.where(table.c.type == type)
        with self._db.read() as connection:
            found = connection.execute(query.order_by(table.c.name).limit(limit)).mappings()
            return [collection_record(row) for row in found]

    def collection_uses(self, project: str, names: Collection[str]) -> dict[str, CollectionUse]:
        """By name, of those of `names` that have versions."""
        found: dict[str, CollectionUse] = {}
        links = artifact_links
        own = select(
            artifacts.c.name,
            artifacts.c.id,
            artifacts.c.size,
            artifacts.c.created,
            artifacts.c.version,
        ).where(artifacts.c.project == project)
        linked = select(
            links.c.name, links.c.artifact_id, artifacts.c.size, links.c.created, links.c.version
        ).where(links.c.project == project)
        linked = linked.join(artifacts, artifacts.c.id == links.c.artifact_id)
        newest: dict[str, int] = {}
        with self._db.snapshot() as connection:
            for batch in batches(sorted(names)):
                mine = own.where(artifacts.c.name.in_(batch))
                theirs = linked.where(links.c.name.in_(batch))
                for query in (mine, theirs):
                    for name, artifact_id, size, made, version in connection.execute(query):
                        known = found.get(name, CollectionUse())
                        last, at = known.newest, known.last
                        if version >= newest.get(name, -1):
                            newest[name], last, at = version, artifact_id, made
                        found[name] = CollectionUse(known.versions + 1, known.size + size, last, at)
        return found

    def collection(self, project: str, name: str) -> CollectionRecord:
        """Raises NotFoundError."""
        with self._db.read() as connection:
            return find_collection(connection, project, name)

    def collection_by_id(self, collection_id: str) -> CollectionRecord:
        """By its own id, or by one that a client made up. Raises NotFoundError."""
        with self._db.read() as connection:
            return collection_by_id(connection, collection_id)

    def collection_aliases(self, collection: CollectionRecord) -> list[str]:
        """Of all versions, in order."""
        query = select(artifact_aliases.c.alias).where(aliased(collection.project, collection.name))
        with self._db.read() as connection:
            return list(connection.scalars(query.order_by(artifact_aliases.c.alias)))

    def collection_versions(self, collection: CollectionRecord) -> list[tuple[str, int]]:
        """(id, number) of all its versions, the newest first."""
        versions = versions_of(collection.project, collection.name)
        query = select(versions.c.id, versions.c.number).order_by(versions.c.number.desc())
        with self._db.read() as connection:
            return [(row.id, row.number) for row in connection.execute(query)]

    def artifact_types(self, project: str) -> list[str]:
        """The types that a project has artifacts of."""
        table = artifact_collections
        query = select(table.c.type).distinct().where(table.c.project == project)
        with self._db.read() as connection:
            return list(connection.scalars(query.order_by(table.c.type)))


_FIELDS = tuple(CollectionRecord.__dataclass_fields__)
_COLLECTION = tuple(artifact_collections.c[name] for name in _FIELDS)


def _of(table: Any) -> Any:
    """Joins a version, or a link, to its collection."""
    return (artifact_collections.c.project == table.c.project) & (
        artifact_collections.c.name == table.c.name
    )


def _aliases(connection: Connection, ids: Collection[str]) -> dict[tuple[str, str, str], list[str]]:
    """(artifact's id, project, name) -> its aliases there."""
    table = artifact_aliases
    query = select(table.c.artifact_id, table.c.project, table.c.name, table.c.alias)
    query = query.where(table.c.artifact_id.in_(ids)).order_by(table.c.alias)
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in connection.execute(query):
        found.setdefault((row.artifact_id, row.project, row.name), []).append(row.alias)
    return found
