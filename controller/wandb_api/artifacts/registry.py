"""The registry, lightly: collections of links in projects named `wandb-registry-…`.

W&B keeps registries with an organization; here that is the server, and its registries are projects
of the server's own entity. They are linked to and read as any other project; this module looks
across all of them. Neighbours: finding.py (one project), people/ (organizations).
"""

from __future__ import annotations

from typing import Any

from controller.store.artifact_records import CollectionRecord
from controller.wandb_api.artifacts import filters as filtering
from controller.wandb_api.artifacts.finding import (
    EVERY,
    seats,
    selected_collections,
    selected_seats,
)
from controller.wandb_api.context import Info, door
from controller.wandb_api.paging import paged
from controller.wandb_api.people.entities import Entity, Project

PREFIX = "wandb-registry-"


def registries(source: Entity, given: Any = None) -> list[Project]:
    """Those of an entity, by name."""
    found = [Project(source.door, one.name) for one in source.door.store.projects(source.key)]
    named = [one for one in found if one.name.startswith(PREFIX)]
    return filtering.select(named, given, None, _project_facts)


def _project_facts(one: Project) -> filtering.Facts:
    return {
        "name": one.name,
        "id": one.number,
        "project_id": one.number,
        "entity_id": one.entity,
        "description": one.record.description,
        "created_at": one.record.created,
        "updated_at": one.record.updated,
    }


def _collections(source: Entity, given: Any, kinds: list[str] | None) -> list[CollectionRecord]:
    found: list[CollectionRecord] = []
    for registry in registries(source, given):
        found += source.door.store.artifact_collections(registry.key, limit=EVERY)
    if kinds is None or set(kinds) == {"PORTFOLIO", "SEQUENCE"}:
        return found
    return [one for one in found if one.portfolio is ("PORTFOLIO" in kinds)]


def collections(
    source: Entity,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    filters: Any = None,
    order: str | None = None,
    projectFilters: Any = None,
    collectionTypes: list[str] | None = None,
) -> dict[str, Any]:
    found = _collections(source, projectFilters, collectionTypes)
    return paged(selected_collections(found, filters, order), first, after)


def memberships(
    source: Entity,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    filters: Any = None,
    order: str | None = None,
    projectFilters: Any = None,
    collectionFilters: Any = None,
) -> dict[str, Any]:
    store = door(info).store
    found = []
    for one in selected_collections(
        _collections(source, projectFilters, ["PORTFOLIO"]), collectionFilters, None
    ):
        found += seats(
            store, one, [artifact_id for artifact_id, _ in store.collection_versions(one)]
        )
    return paged(selected_seats(found, filters, order), first, after)


def allows_all(source: Project, _info: Info) -> bool:
    return bool(source.record.settings.get("allowAllArtifactTypesInRegistry", True))


RESOLVERS = {
    "Entity.artifactCollections": collections,
    "Entity.artifactMemberships": memberships,
    "Project.allowAllArtifactTypesInRegistry": allows_all,
}
