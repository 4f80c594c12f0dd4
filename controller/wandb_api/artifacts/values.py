"""The source objects of artifacts' GraphQL types, and how they are made of the store's records.

    Artifact                      Version
    ArtifactSequence, …Portfolio  CollectionRecord
    ArtifactCollectionMembership  Seat
    ArtifactType                  Kind
    ArtifactAlias                 Alias
    Tag                           str

Neighbours: objects.py (their fields), finding.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.store.artifact_records import (
    ArtifactRecord,
    CollectionRecord,
    DraftRecord,
    Membership,
)
from controller.store.store import Store
from controller.wandb_api.ids import parse_id
from sweeps.errors import NotFoundError
from sweeps.project import NO_PROJECT

PENDING, COMMITTED, DELETED = "PENDING", "COMMITTED", "DELETED"


@dataclass(frozen=True)
class Version:
    """A version.

    Attributes:
        record: as its own collection has it.
        places: where it is; its own collection first.
        state: PENDING while it is still being sent; then it has no number yet.
    """

    record: ArtifactRecord
    places: tuple[Membership, ...]
    state: str = COMMITTED

    @property
    def own(self) -> CollectionRecord:
        return self.places[0].collection


@dataclass(frozen=True)
class Seat:
    """A version as one collection has it."""

    version: Version
    place: Membership


@dataclass(frozen=True)
class DeletedCollection(CollectionRecord):
    """What a collection was."""


@dataclass(frozen=True)
class Kind:
    """A type of artifacts in a project."""

    project: str
    name: str


@dataclass(frozen=True)
class Alias:
    """An alias in a collection; the number of a version is one, too."""

    alias: str
    collection: CollectionRecord


def project_key(key: str) -> str:
    """A project's whole name as artifacts have it: never empty."""
    return key or NO_PROJECT


def artifact_key(given: str | None) -> str:
    """Our id of an artifact, of a global id. Raises NotFoundError."""
    return parse_id(given or "", "Artifact")


def versions(store: Store, records: Sequence[ArtifactRecord]) -> list[Version]:
    """With where they are."""
    places = store.memberships(record.id for record in records)
    # One that was deleted meanwhile is nowhere.
    return [Version(one, tuple(places[one.id])) for one in records if places[one.id]]


def version(store: Store, record: ArtifactRecord) -> Version:
    """One of them. Raises NotFoundError: it was deleted meanwhile."""
    for found in versions(store, [record]):
        return found
    raise NotFoundError(f"there is no artifact with the id {record.id!r}")


def seat(found: Version, collection: CollectionRecord) -> Seat | None:
    """The version as that collection has it; None when it is not there."""
    for place in found.places:
        if place.collection.id == collection.id:
            return Seat(found, place)
    return None


def pending(store: Store, draft: DraftRecord) -> Version:
    """A version that is still being sent."""
    try:
        collection = store.collection(draft.project, draft.name)
    except NotFoundError:
        collection = CollectionRecord(
            project=draft.project,
            name=draft.name,
            id=f"{draft.project}/{draft.name}",
            type=draft.type,
            next_version=0,
            portfolio=False,
            created=draft.created,
            updated=None,
            description="",
            tags=(),
        )
    record = ArtifactRecord(
        id=draft.id,
        project=draft.project,
        type=draft.type,
        name=draft.name,
        version=-1,
        digest=draft.digest,
        md5_digest=draft.digest,
        manifest="",
        size=0,
        files=0,
        run_id=draft.run_id,
        history_step=draft.said.history_step,
        created=draft.created,
        updated=draft.created,
        expires=None,
        description=draft.said.description,
        tags=draft.said.tags,
        metadata=draft.said.metadata,
        aliases=(),
        source=(draft.project, draft.name, -1),
    )
    return Version(record, (Membership(collection, -1, (), draft.created),), PENDING)


def by_key(store: Store, key: str) -> Version:
    """By our id: a version, or one that is still being sent. Raises NotFoundError."""
    try:
        return version(store, store.get_artifact(key))
    except NotFoundError:
        return pending(store, store.get_draft(key))
