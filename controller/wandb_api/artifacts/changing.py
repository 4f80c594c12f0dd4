"""What becomes of a version after it was logged: uses, aliases, tags, links, descriptions, removal.

Neighbours: controller/store/artifact_changes.py (all that happens here), values.py, making.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.store.artifact_records import CollectionRecord
from controller.wandb_api.artifacts.making import checked_alias, metadata_in, tags_in, ttl_in
from controller.wandb_api.artifacts.objects import collection_key
from controller.wandb_api.artifacts.values import (
    DELETED,
    PENDING,
    DeletedCollection,
    Seat,
    Version,
    artifact_key,
    by_key,
    project_key,
    seat,
    version,
)
from controller.wandb_api.context import Door, Info, door
from controller.wandb_api.ids import global_id
from controller.wandb_api.inputs import objects
from logging_core.artifacts import names
from logging_core.errors import UsageError as NamesError
from sweeps.errors import NotFoundError, UsageError

Input = Mapping[str, Any]


# -- lineage ---------------------------------------------------------------------------------------


def use(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    here = door(info)
    key = artifact_key(input.get("artifactID"))
    run_name = str(input.get("runName") or "")
    project = here.known_project(input.get("entityName"), input.get("projectName"))
    here.store.use_artifact(here.store.find_run(project, run_name).id, key)
    return {"artifact": by_key(here.store, key)}


# -- versions --------------------------------------------------------------------------------------


def update(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    """Replaces what is given; aliases, which only old clients send here, in the collections that
    they name."""
    here = door(info)
    found = by_key(here.store, artifact_key(input.get("artifactID")))
    record = found.record
    if found.state == PENDING:
        raise UsageError(f"the artifact {record.name!r} is still being sent: wait until it is here")
    ttl = input.get("ttlDurationSeconds")
    gone = set(tags_in(input.get("tagsToDelete")))
    tags = [
        tag
        for tag in dict.fromkeys([*record.tags, *tags_in(input.get("tagsToAdd"))])
        if tag not in gone
    ]
    here.store.update_artifact(
        record.id,
        description=input.get("description"),
        metadata=metadata_in(input.get("metadata")),
        tags=tags,
        ttl_s=ttl_in(ttl),
        keep=ttl is not None and ttl_in(ttl) is None,
    )
    if input.get("aliases") is not None:
        _replace_aliases(here, found, input["aliases"])
    return {"artifact": by_key(here.store, record.id)}


def _replace_aliases(here: Door, found: Version, given: Iterable[Input]) -> None:
    wanted: dict[str, list[str]] = {}
    for one in given:
        wanted.setdefault(str(one.get("artifactCollectionName")), []).append(str(one.get("alias")))
    # A list that names no collection takes all away from the version's own.
    for name, aliases in (wanted or {found.own.name: []}).items():
        for place in found.places:
            collection = place.collection
            if collection.name == name:
                here.store.update_artifact(
                    found.record.id,
                    aliases=[checked_alias(alias) for alias in aliases],
                    place=(collection.project, collection.name),
                )
                break
        else:
            raise NotFoundError(f"the artifact is not in a collection {name!r}")


def add_aliases(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    here = door(info)
    places = _places(here, input)
    for _, _, alias in places:
        checked_alias(alias)
    here.store.add_aliases(artifact_key(input.get("artifactID")), places)
    return {"success": True}


def delete_aliases(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    here = door(info)
    here.store.delete_aliases(artifact_key(input.get("artifactID")), _places(here, input))
    return {"success": True}


def _places(here: Door, input: Input) -> list[tuple[str, str, str]]:
    return [
        (_project(here, one), str(one.get("artifactCollectionName")), str(one.get("alias")))
        for one in objects(input.get("aliases"), "aliases")
    ]


def _project(here: Door, input: Input) -> str:
    return project_key(here.known_project(input.get("entityName"), input.get("projectName")))


def delete(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    store = door(info).store
    found = by_key(store, artifact_key(input.get("artifactID")))
    if found.state == PENDING:
        store.delete_draft(found.record.id)
    else:
        store.delete_artifact(found.record.id, with_aliases=bool(input.get("deleteAliases")))
    return {"artifact": Version(found.record, found.places, DELETED)}


# -- links -----------------------------------------------------------------------------------------


def link(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    """Gives a version a second name, in a portfolio or a registry (which is a project)."""
    here = door(info)
    found = by_key(here.store, _linked(here, input))
    if found.state == PENDING:
        raise UsageError(
            f"the artifact {found.record.name!r} is still being sent: link it when it is here"
        )
    project, name = _portfolio(here, input)
    aliases = [checked_alias(str(one.get("alias"))) for one in input.get("aliases") or ()]
    aliases = [alias for alias in aliases if alias != "latest"]
    here.store.link_artifact(found.record.id, project, name, aliases)
    linked = seat(version(here.store, found.record), here.store.collection(project, name))
    assert isinstance(linked, Seat)  # noqa: S101
    return {"versionIndex": linked.place.version, "artifactMembership": linked}


def _linked(here: Door, input: Input) -> str:
    if input.get("artifactID"):
        return artifact_key(input["artifactID"])
    artifact_id, _ = here.store.find_other_id(str(input.get("clientID") or ""))
    return artifact_id or ""


def _portfolio(here: Door, input: Input) -> tuple[str, str]:
    """(project, name) of the collection that is linked to."""
    if input.get("artifactPortfolioID"):
        known = here.store.collection_by_id(collection_key(input["artifactPortfolioID"]))
        return known.project, known.name
    project = here.project(input.get("entityName"), input.get("projectName"))
    return project_key(project), _checked_name(input.get("artifactPortfolioName"))


def unlink(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    store = door(info).store
    key = artifact_key(input.get("artifactID"))
    known = store.collection_by_id(collection_key(input.get("artifactPortfolioID")))
    store.unlink_artifact(key, known.project, known.name)
    return {
        "artifactID": global_id("Artifact", key),
        "success": True,
        "clientMutationId": input.get("clientMutationId"),
    }


# -- collections -----------------------------------------------------------------------------------


def update_collection(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    name = input.get("name")
    changed = door(info).store.update_collection(
        _collection_key(input),
        name=None if name is None else _checked_name(name),
        description=input.get("description"),
    )
    return {"artifactCollection": changed}


def move_collection(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    changed = door(info).store.update_collection(
        _collection_key(input), type=str(input.get("destinationArtifactTypeName"))
    )
    return {"artifactCollection": changed}


def delete_collection(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    gone = door(info).store.delete_collection(_collection_key(input))
    return {"artifactCollection": DeletedCollection(**vars(gone))}


def _collection_key(input: Input) -> str:
    return collection_key(input.get("artifactSequenceID") or input.get("artifactPortfolioID"))


def tag_collection(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    here, tags = door(info), tags_in(input.get("tags"))
    here.store.update_collection(_collection(here, input).id, add_tags=tags)
    return {"tags": tags}


def untag_collection(_root: Any, info: Info, input: Input) -> dict[str, Any]:
    here = door(info)
    collection = _collection(here, input)
    here.store.update_collection(collection.id, delete_tags=tags_in(input.get("tags")))
    return {"success": True}


def _collection(here: Door, input: Input) -> CollectionRecord:
    return here.store.collection(_project(here, input), str(input.get("artifactCollectionName")))


def _checked_name(given: Any) -> str:
    try:
        return names.check_name(given, "a name to link to")
    except NamesError as error:
        raise UsageError(str(error)) from None


RESOLVERS = {
    "Mutation.useArtifact": use,
    "Mutation.updateArtifact": update,
    "Mutation.addAliases": add_aliases,
    "Mutation.deleteAliases": delete_aliases,
    "Mutation.deleteArtifact": delete,
    "Mutation.linkArtifact": link,
    "Mutation.unlinkArtifact": unlink,
    "Mutation.updateArtifactSequence": update_collection,
    "Mutation.updateArtifactPortfolio": update_collection,
    "Mutation.moveArtifactSequence": move_collection,
    "Mutation.deleteArtifactSequence": delete_collection,
    "Mutation.deleteArtifactPortfolio": delete_collection,
    "Mutation.createArtifactCollectionTagAssignments": tag_collection,
    "Mutation.deleteArtifactCollectionTagAssignments": untag_collection,
}
