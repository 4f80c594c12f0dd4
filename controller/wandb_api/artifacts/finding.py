"""How artifacts are found and listed: by id, by name, by collection, by run.

Names are read as W&B reads them: `name`, `name:alias`, `name:v3`, or `name:<digest>`. Neighbours:
values.py and objects.py (what is found), registry.py (across projects), filters.py.
"""

from __future__ import annotations

import re
from typing import Any

from controller.store.artifact_records import CollectionRecord
from controller.store.records import RunRecord
from controller.store.store import Store
from controller.wandb_api.artifacts import filters
from controller.wandb_api.artifacts.objects import collection_key
from controller.wandb_api.artifacts.values import (
    COMMITTED,
    Kind,
    Seat,
    Version,
    artifact_key,
    by_key,
    project_key,
    seat,
    version,
    versions,
)
from controller.wandb_api.context import Info, door
from controller.wandb_api.ids import global_id
from controller.wandb_api.paging import connection, offset_of, page_size, paged
from controller.wandb_api.people.entities import Project
from sweeps.errors import NotFoundError

_DIGEST = re.compile(r"[0-9a-f]{32}")
EVERY = 100_000
"""Collections of one project that are looked at."""


# -- one of them -----------------------------------------------------------------------------------


def artifact(_root: Any, info: Info, id: str | None = None) -> Version | None:
    """Query.artifact: None when there is none (any more)."""
    try:
        return by_key(door(info).store, artifact_key(id))
    except NotFoundError:
        return None


def artifact_collection(_root: Any, info: Info, id: str | None = None) -> CollectionRecord | None:
    try:
        return door(info).store.collection_by_id(collection_key(id))
    except NotFoundError:
        return None


def client_id_mapping(_root: Any, info: Info, clientID: str | None = None) -> dict[str, Any] | None:
    """What an id that a client made up stands for, also before that is committed."""
    store = door(info).store
    try:
        artifact_id, collection_id = store.find_other_id(clientID or "")
    except NotFoundError:
        return None
    if artifact_id is not None:
        return {"serverID": global_id("Artifact", artifact_id)}
    return {"serverID": global_id("ArtifactSequence", collection_id or "")}


def find_seat(store: Store, project: str, name: str) -> Seat | None:
    """The version that a name with an alias stands for; None when there is none."""
    name, _, alias = name.partition(":")
    try:
        collection = store.collection(project, name)
        return seat_of(store, collection, alias or "latest")
    except NotFoundError:
        return None


def seat_of(store: Store, collection: CollectionRecord, alias: str) -> Seat | None:
    """None when the collection has no such version."""
    where = (collection.project, collection.name)
    try:
        found = store.find_artifact(*where, alias)
    except NotFoundError:
        if not _DIGEST.fullmatch(alias):
            return None
        try:
            found = store.find_digest(*where, alias)
        except NotFoundError:
            return None
    return seat(version(store, store.get_artifact(found.id)), collection)


def of_project(source: Project, info: Info, name: str | None = None, **_: Any) -> Version | None:
    found = find_seat(door(info).store, project_key(source.key), name or "")
    return None if found is None else found.version


def membership_of_project(source: Project, info: Info, name: str | None = None) -> Seat | None:
    return find_seat(door(info).store, project_key(source.key), name or "")


def collection_of_project(
    source: Project | Kind, info: Info, name: str | None = None
) -> CollectionRecord | None:
    key = project_key(source.key) if isinstance(source, Project) else source.project
    try:
        found = door(info).store.collection(key, name or "")
    except NotFoundError:
        return None
    return found if isinstance(source, Project) or found.type == source.name else None


def type_of_project(source: Project, info: Info, name: str | None = None) -> Kind | None:
    """None unless the project has artifacts of that type."""
    key = project_key(source.key)
    return Kind(key, name) if name and name in door(info).store.artifact_types(key) else None


def of_type(source: Kind, info: Info, name: str | None = None) -> Version | None:
    found = find_seat(door(info).store, source.project, name or "")
    return None if found is None or found.version.record.type != source.name else found.version


def membership(source: CollectionRecord, info: Info, aliasName: str | None = None) -> Seat | None:
    return seat_of(door(info).store, source, aliasName or "latest")


# -- lists -----------------------------------------------------------------------------------------


def types(
    source: Project,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    includeAll: bool | None = None,
) -> dict[str, Any]:
    """Those that a project has; with `includeAll`, those that its registry allows, too."""
    key = project_key(source.key)
    names = door(info).store.artifact_types(key)
    if includeAll:
        allowed = source.record.settings.get("artifactTypes") or ()
        names = sorted({*names, *(str(one.get("name")) for one in allowed)})
    return paged([Kind(key, name) for name in names], first, after)


def collections(
    source: Project | Kind,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    filters: Any = None,
    order: str | None = None,
) -> dict[str, Any]:
    """Of a project, or those of one type; the newest first."""
    store = door(info).store
    if isinstance(source, Project):
        found = store.artifact_collections(project_key(source.key), limit=EVERY)
    else:
        found = store.artifact_collections(source.project, type=source.name, limit=EVERY)
    return paged(selected_collections(found, filters, order), first, after)


def sequences(
    source: Kind, info: Info, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    """Those that are no portfolios."""
    found = door(info).store.artifact_collections(source.project, type=source.name, limit=EVERY)
    own = [one for one in found if not one.portfolio]
    return paged(selected_collections(own, None, None), first, after)


def selected_collections(
    found: list[CollectionRecord], given: Any, order: str | None
) -> list[CollectionRecord]:
    newest = sorted(found, key=lambda one: (-one.created, one.name))
    return filters.select(newest, given, order, collection_facts)


def collection_facts(one: CollectionRecord) -> filters.Facts:
    return {
        "name": one.name,
        "id": one.id,
        "artifact_collection_id": one.id,
        "type": one.type,
        "description": one.description,
        "tag": one.tags,
        "tags": one.tags,
        "created_at": one.created,
        "updated_at": one.updated if one.updated is not None else one.created,
    }


def versions_of_collection(
    source: CollectionRecord,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    filters: Any = None,
    order: str | None = None,
) -> dict[str, Any]:
    """Its versions, the newest first, each with its number here."""
    page = seats_of_collection(source, info, first, after, filters, order)
    for edge in page["edges"]:
        edge["version"] = f"v{edge['node'].place.version}"
        edge["node"] = edge["node"].version
    return page


def seats_of_collection(
    source: CollectionRecord,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    filters: Any = None,
    order: str | None = None,
) -> dict[str, Any]:
    """The same as memberships."""
    store = door(info).store
    ids = [artifact_id for artifact_id, _ in store.collection_versions(source)]
    if _everything(filters) and not order:
        offset = offset_of(after)
        page = ids[offset : offset + page_size(first)]
        return connection(seats(store, source, page), offset, len(ids))
    return paged(selected_seats(seats(store, source, ids), filters, order), first, after)


def _everything(given: Any) -> bool:
    return filters.read(given) in ({}, {"state": COMMITTED})


def seats(store: Store, collection: CollectionRecord, ids: list[str]) -> list[Seat]:
    found = (seat(one, collection) for one in versions(store, store.artifacts_by_id(ids)))
    return [one for one in found if one is not None]


def selected_seats(found: list[Seat], given: Any, order: str | None) -> list[Seat]:
    return filters.select(found, given, order, seat_facts)


def seat_facts(one: Seat) -> filters.Facts:
    record, place = one.version.record, one.place
    return {
        "id": record.id,
        "artifact_id": record.id,
        "state": one.version.state,
        "version": place.version,
        "version_index": place.version,
        "digest": record.md5_digest,
        "size": record.size,
        "artifact_size": record.size,
        "description": record.description,
        "metadata": record.metadata,
        "artifact_metadata": record.metadata,
        "tag": record.tags,
        "tags": record.tags,
        "alias": place.aliases,
        "aliases": place.aliases,
        "created_at": record.created,
        "artifact_created_at": record.created,
        "updated_at": record.updated,
        "linked_at": place.created,
        "acm_created_at": place.created,
    }


def made_by_run(
    source: RunRecord, info: Info, first: int | None = None, after: str | None = None, **_: Any
) -> dict[str, Any]:
    return _of_run(source, info, first, after, used=False)


def used_by_run(
    source: RunRecord, info: Info, first: int | None = None, after: str | None = None, **_: Any
) -> dict[str, Any]:
    return _of_run(source, info, first, after, used=True)


def _of_run(
    source: RunRecord, info: Info, first: int | None, after: str | None, *, used: bool
) -> dict[str, Any]:
    store = door(info).store
    records = store.artifacts_of_run(source.id, used=used)
    offset = offset_of(after)
    page = records[offset : offset + page_size(first)]
    return connection(versions(store, page), offset, len(records))


RESOLVERS = {
    "Query.artifact": artifact,
    "Query.artifactCollection": artifact_collection,
    "Query.clientIDMapping": client_id_mapping,
    "Project.artifact": of_project,
    "Project.artifactCollectionMembership": membership_of_project,
    "Project.artifactCollection": collection_of_project,
    "Project.artifactCollections": collections,
    "Project.artifactType": type_of_project,
    "Project.artifactTypes": types,
    "ArtifactType.artifact": of_type,
    "ArtifactType.artifactSequence": collection_of_project,
    "ArtifactType.artifactCollection": collection_of_project,
    "ArtifactType.artifactSequences": sequences,
    "ArtifactType.artifactCollections": collections,
    **{
        f"{kind}.{field}": function
        for kind in ("ArtifactSequence", "ArtifactPortfolio")
        for field, function in (
            ("artifacts", versions_of_collection),
            ("artifactMembership", membership),
            ("artifactMemberships", seats_of_collection),
        )
    },
    "Run.outputArtifacts": made_by_run,
    "Run.inputArtifacts": used_by_run,
}
