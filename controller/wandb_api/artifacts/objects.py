"""The fields of artifacts' GraphQL types. Neighbours: values.py (their source objects)."""

from __future__ import annotations

from typing import Any

from controller.store.artifact_records import CollectionRecord, DraftManifest
from controller.store.records import RunRecord
from controller.wandb_api.artifacts.contents import files, manifest_file, wandb_digest
from controller.wandb_api.artifacts.values import (
    DELETED,
    PENDING,
    Alias,
    DeletedCollection,
    Kind,
    Seat,
    Version,
    version,
)
from controller.wandb_api.context import Info, door
from controller.wandb_api.ids import global_id, parse_id
from controller.wandb_api.paging import paged
from controller.wandb_api.people.entities import Project
from sweeps.errors import NotFoundError, UsageError

_NO_TTL = -2
"""W&B's number for: it lives for ever."""


# -- versions --------------------------------------------------------------------------------------


def digest(source: Version, info: Info) -> str:
    return wandb_digest(door(info).found, source.record)


def aliases(source: Version, _info: Info) -> list[Alias]:
    """Of all collections that it is in; with its number in each, where old clients look for it."""
    return [alias for place in source.places for alias in _aliases(Seat(source, place))]


def _aliases(source: Seat) -> list[Alias]:
    place = source.place
    names = list(place.aliases)
    if source.version.state != PENDING:
        names.append(f"v{place.version}")
    return [Alias(name, place.collection) for name in names]


def created_by(source: Version, info: Info) -> RunRecord | None:
    if source.record.run_id is None:
        return None
    try:
        return door(info).store.get_run(source.record.run_id)
    except NotFoundError:
        return None


def used_by(
    source: Version, info: Info, first: int | None = None, after: str | None = None, **_: Any
) -> dict[str, Any]:
    store = door(info).store
    users = store.users_of_artifact(source.record.id)
    return paged(store.get_runs(users), first, after)


def current_manifest(source: Version, info: Info) -> dict[str, Any] | None:
    """None while it is still being sent."""
    if source.state == PENDING:
        return None
    record = source.record
    return {
        "id": global_id("ArtifactManifest", record.id),
        "digest": record.digest,
        "file": manifest_file(door(info), record),
    }


def version_files(
    source: Version,
    info: Info,
    names: list[str] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    if source.state == PENDING:
        return paged([], first, after)
    return files(door(info), source, names, first, after)


def files_by_entries(
    source: Version, info: Info, entries: Any = None, first: int | None = None, **_: Any
) -> dict[str, Any]:
    """Addresses of entries that a client has read from a manifest."""
    wanted = [
        str(entry.get("name") or entry.get("path")) for entry in entries or () if entry is not None
    ]
    return files(door(info), source, wanted, first or len(wanted))


def memberships(
    source: Version, _info: Info, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    return paged([Seat(source, place) for place in source.places], first, after)


def ttl_seconds(source: Version, _info: Info) -> int:
    record = source.record
    return _NO_TTL if record.expires is None else max(1, round(record.expires - record.created))


# -- collections -----------------------------------------------------------------------------------


def collection_type(source: CollectionRecord) -> str:
    return "ArtifactPortfolio" if source.portfolio else "ArtifactSequence"


def collection_state(source: CollectionRecord, _info: Info) -> str:
    return DELETED if isinstance(source, DeletedCollection) else "READY"


def _md5(_source: Any, _info: Info) -> str:
    """The one algorithm by which clients name contents here."""
    return "MANIFEST_MD5"


def latest(source: CollectionRecord, info: Info) -> Version | None:
    store = door(info).store
    try:
        found = store.find_artifact(source.project, source.name)
        return version(store, store.get_artifact(found.id))
    except NotFoundError:
        return None


def collection_aliases(
    source: CollectionRecord, info: Info, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    names = door(info).store.collection_aliases(source)
    return paged([Alias(name, source) for name in names], first, after)


def collection_tags(
    source: CollectionRecord, _info: Info, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    return paged(source.tags, first or len(source.tags), after)


def _project(source: CollectionRecord | Kind, info: Info) -> Project:
    return Project(door(info), source.project)


def _collection_fields(kind: str) -> dict[str, Any]:
    return {
        f"{kind}.id": lambda source, _: global_id(collection_type(source), source.id),
        f"{kind}.description": lambda source, _: source.description or None,
        f"{kind}.state": collection_state,
        f"{kind}.createdAt": lambda source, _: source.created,
        f"{kind}.updatedAt": lambda source, _: source.updated,
        f"{kind}.project": _project,
        f"{kind}.defaultArtifactType": lambda source, _: Kind(source.project, source.type),
        f"{kind}.digestAlgorithm": _md5,
        f"{kind}.tags": collection_tags,
        f"{kind}.aliases": collection_aliases,
    }


def type_created(source: Kind, info: Info) -> float:
    """When its first collection was made."""
    listed = door(info).store.artifact_collections(source.project, type=source.name)
    return min((one.created for one in listed), default=0.0)


def collection_key(given: str | None) -> str:
    """Our id of a collection, of a global id of either kind. Raises NotFoundError."""
    for kind in ("ArtifactSequence", "ArtifactPortfolio", "ArtifactCollection"):
        try:
            return parse_id(given or "", kind)
        except NotFoundError:
            continue
    raise UsageError(f"{given!r} is not the id of an artifact collection")


def manifest_id(manifest: DraftManifest) -> str:
    return global_id("ArtifactManifest", manifest.id)


RESOLVERS = {
    "ArtifactCreator.__typename": lambda source: "Run" if isinstance(source, RunRecord) else "User",
    "ArtifactCollection.__typename": collection_type,
    "Artifact.id": lambda source, _: global_id("Artifact", source.record.id),
    "Artifact.artifactType": lambda source, _: Kind(source.own.project, source.record.type),
    "Artifact.artifactSequence": lambda source, _: source.own,
    "Artifact.artifactMemberships": memberships,
    "Artifact.artifactManifest": current_manifest,
    "Artifact.currentManifest": current_manifest,
    "Artifact.aliases": aliases,
    "Artifact.tags": lambda source, _: source.record.tags,
    "Artifact.versionIndex": lambda source, _: (
        None if source.state == PENDING else source.record.version
    ),
    "Artifact.description": lambda source, _: source.record.description or None,
    "Artifact.metadata": lambda source, _: dict(source.record.metadata),
    "Artifact.state": lambda source, _: source.state,
    "Artifact.digest": digest,
    "Artifact.digestAlgorithm": _md5,
    "Artifact.commitHash": lambda source, _: source.record.digest[:40],
    "Artifact.size": lambda source, _: source.record.size,
    "Artifact.fileCount": lambda source, _: source.record.files,
    "Artifact.historyStep": lambda source, _: source.record.history_step,
    "Artifact.ttlDurationSeconds": ttl_seconds,
    "Artifact.ttlIsInherited": lambda source, _: source.record.expires is None,
    "Artifact.createdAt": lambda source, _: source.record.created,
    "Artifact.updatedAt": lambda source, _: source.record.updated,
    "Artifact.createdBy": created_by,
    "Artifact.usedBy": used_by,
    "Artifact.files": version_files,
    "Artifact.filesByManifestEntries": files_by_entries,
    **_collection_fields("ArtifactSequence"),
    **_collection_fields("ArtifactPortfolio"),
    "ArtifactSequence.latestArtifact": latest,
    "ArtifactCollectionMembership.id": lambda source, _: global_id(
        "ArtifactCollectionMembership",
        f"{source.place.collection.id}:{source.version.record.id}",
    ),
    "ArtifactCollectionMembership.versionIndex": lambda source, _: source.place.version,
    "ArtifactCollectionMembership.createdAt": lambda source, _: source.place.created,
    "ArtifactCollectionMembership.aliases": lambda source, _: _aliases(source),
    "ArtifactCollectionMembership.artifact": lambda source, _: source.version,
    "ArtifactCollectionMembership.artifactCollection": lambda source, _: source.place.collection,
    "ArtifactCollectionMembership.files": lambda source, info, **arguments: version_files(
        source.version, info, **arguments
    ),
    "ArtifactAlias.id": lambda source, _: global_id(
        "ArtifactAlias", f"{source.collection.id}:{source.alias}"
    ),
    "ArtifactAlias.artifactCollectionName": lambda source, _: source.collection.name,
    "ArtifactAlias.artifactCollection": lambda source, _: source.collection,
    "Tag.id": lambda source, _: global_id("Tag", source),
    "Tag.name": lambda source, _: source,
    "ArtifactType.id": lambda source, _: global_id(
        "ArtifactType", f"{source.project}:{source.name}"
    ),
    "ArtifactType.createdAt": type_created,
    "ArtifactType.project": _project,
}
