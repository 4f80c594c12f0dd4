"""The store's part for looking around among artifacts: by name, by run, by collection.

Neighbours: artifacts.py (how they are made and changed), artifact_rows.py (how rows are read).
"""

from __future__ import annotations

from sqlalchemy import select

from controller.store.artifact_records import ArtifactRecord, CollectionRecord
from controller.store.artifact_rows import (
    ARTIFACTS,
    LATEST,
    aliased,
    all_of,
    by_id,
    collection_query,
    find,
    seen_from,
    versions_of,
)
from controller.store.engine import Database
from controller.store.schema import (
    artifact_aliases,
    artifact_collections,
    artifact_uses,
    artifacts,
)
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
            collection = connection.execute(collection_query(project, name)).one_or_none()
            if collection is None:
                raise NotFoundError(f"project {project!r} has no artifact {name!r}")
            aliases = connection.scalars(
                select(artifact_aliases.c.alias).where(aliased(project, name)).limit(20)
            ).all()
        raise NotFoundError(
            f"the artifact {name!r} of project {project!r} has no version {alias!r}: its newest is"
            f" v{collection.next_version - 1}, its aliases are {', '.join(sorted(aliases)) or '-'}"
        )

    # -- lineage -----------------------------------------------------------------------------

    def users_of_artifact(self, artifact_id: str) -> list[str]:
        """The ids of the runs that use it, in the order in which they began to."""
        query = select(artifact_uses.c.run_id).where(artifact_uses.c.artifact_id == artifact_id)
        with self._db.read() as connection:
            return list(
                connection.scalars(query.order_by(artifact_uses.c.created, artifact_uses.c.run_id))
            )

    def artifacts_of_run(self, run_id: str, *, used: bool) -> list[ArtifactRecord]:
        """What a run made, or what it used, in that order."""
        if used:
            query = ARTIFACTS.join(artifact_uses, artifact_uses.c.artifact_id == artifacts.c.id)
            query = query.where(artifact_uses.c.run_id == run_id)
            query = query.order_by(artifact_uses.c.created, artifacts.c.id)
        else:
            query = ARTIFACTS.where(artifacts.c.run_id == run_id)
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
        query = select(*(table.c[name] for name in CollectionRecord.__dataclass_fields__))
        query = query.where(table.c.project == project, table.c.name > after)
        if type is not None:
            query = query.where(table.c.type == type)
        with self._db.read() as connection:
            found = connection.execute(query.order_by(table.c.name).limit(limit)).mappings()
            return [CollectionRecord(**row) for row in found]

    def artifact_types(self, project: str) -> list[str]:
        """The types that a project has artifacts of."""
        table = artifact_collections
        query = select(table.c.type).distinct().where(table.c.project == project)
        with self._db.read() as connection:
            return list(connection.scalars(query.order_by(table.c.type)))
