"""How artifacts are read from their tables; for artifacts.py, drafts.py and their like alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, select

from controller.store.artifact_records import ArtifactRecord, CollectionRecord
from controller.store.artifact_schema import (
    artifact_aliases,
    artifact_collections,
    artifact_links,
    artifact_other_ids,
    artifacts,
)
from controller.store.files import batches
from sweeps.errors import NotFoundError

LATEST = "latest"
_VERSION = re.compile(r"v(0|[1-9][0-9]{0,8})")
_COLUMNS = (
    *("id", "project", "type", "name", "version", "digest", "md5_digest", "manifest", "size"),
    *("files", "run_id", "history_step", "created", "updated", "expires"),
    *("description", "tags", "metadata"),
)
ARTIFACTS = select(*(artifacts.c[name] for name in _COLUMNS))


COLLECTIONS = select(
    *(artifact_collections.c[name] for name in CollectionRecord.__dataclass_fields__)
)


def collection_query(project: str, name: str) -> Select[Any]:
    table = artifact_collections
    return COLLECTIONS.where(table.c.project == project, table.c.name == name)


def collection_record(row: Mapping[Any, Any]) -> CollectionRecord:
    return CollectionRecord(**{**row, "tags": tuple(row["tags"])})


def find_collection(connection: Connection, project: str, name: str) -> CollectionRecord:
    row = connection.execute(collection_query(project, name)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"project {project!r} has no artifact {name!r}")
    return collection_record(row)


def collection_by_id(
    connection: Connection, collection_id: str, *, lock: bool = False
) -> CollectionRecord:
    table = artifact_collections
    other = select(artifact_other_ids.c.collection_id).where(
        artifact_other_ids.c.id == collection_id
    )
    query = COLLECTIONS.where((table.c.id == collection_id) | table.c.id.in_(other))
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise NotFoundError(f"there is no artifact collection with the id {collection_id!r}")
    return collection_record(row)


def aliased(project: str, name: str) -> Any:
    return (artifact_aliases.c.project == project) & (artifact_aliases.c.name == name)


def find(connection: Connection, project: str, name: str, alias: str) -> ArtifactRecord | None:
    match = _VERSION.fullmatch(alias)
    if match is None:
        wanted = select(artifact_aliases.c.artifact_id).where(
            aliased(project, name), artifact_aliases.c.alias == alias
        )
    else:
        versions = versions_of(project, name)
        wanted = select(versions.c.id).where(versions.c.number == int(match.group(1)))
    artifact_id = connection.scalar(wanted)
    if artifact_id is None:
        return None
    return seen_from(connection, by_id(connection, artifact_id), project, name)


def by_id(connection: Connection, artifact_id: str) -> ArtifactRecord:
    """By its own id, or by any other that leads to it."""
    found = one(connection, ARTIFACTS.where(artifacts.c.id == artifact_id))
    if found is None:
        other = select(artifact_other_ids.c.artifact_id).where(
            artifact_other_ids.c.id == artifact_id
        )
        found = one(connection, ARTIFACTS.where(artifacts.c.id.in_(other)))
    if found is None:
        raise NotFoundError(f"there is no artifact with the id {artifact_id!r}")
    return found


def one(connection: Connection, query: Select[Any]) -> ArtifactRecord | None:
    found = all_of(connection, query)
    return found[0] if found else None


def all_of(connection: Connection, query: Select[Any]) -> list[ArtifactRecord]:
    """With the aliases that each has in its own collection."""
    rows = connection.execute(query).mappings().all()
    own: dict[str, list[str]] = {row["id"]: [] for row in rows}
    for batch in batches(list(own)):
        aliases = (
            select(artifact_aliases.c.artifact_id, artifact_aliases.c.alias)
            .join(artifacts, artifacts.c.id == artifact_aliases.c.artifact_id)
            .where(
                artifact_aliases.c.artifact_id.in_(batch),
                artifact_aliases.c.project == artifacts.c.project,
                artifact_aliases.c.name == artifacts.c.name,
            )
        )
        for artifact_id, alias in connection.execute(aliases):
            own[artifact_id].append(alias)
    return [
        ArtifactRecord(
            **{**row, "tags": tuple(row["tags"])},
            aliases=tuple(sorted(own[row["id"]])),
            source=(row["project"], row["name"], row["version"]),
        )
        for row in rows
    ]


def seen_from(
    connection: Connection, artifact: ArtifactRecord, project: str, name: str
) -> ArtifactRecord:
    """As it is known in that collection, which is its own or one that it is linked to."""
    if (artifact.project, artifact.name) == (project, name):
        return artifact
    linked = connection.scalar(
        select(artifact_links.c.version).where(
            artifact_links.c.project == project,
            artifact_links.c.name == name,
            artifact_links.c.artifact_id == artifact.id,
        )
    )
    if linked is None:
        raise NotFoundError(f"the artifact is not linked to {project}/{name}")
    aliases = connection.scalars(
        select(artifact_aliases.c.alias).where(
            aliased(project, name), artifact_aliases.c.artifact_id == artifact.id
        )
    )
    return artifact.seen_as(project, name, linked, tuple(sorted(aliases)))


def versions_of(project: str, name: str) -> Any:
    """(id, number, created) of all versions that a name has, its own and those linked to it."""
    own = select(artifacts.c.id, artifacts.c.version.label("number"), artifacts.c.created).where(
        artifacts.c.project == project, artifacts.c.name == name
    )
    links = artifact_links
    linked = select(links.c.artifact_id, links.c.version, links.c.created).where(
        links.c.project == project, links.c.name == name
    )
    return own.union_all(linked).subquery()
