"""Logging a version: a client says what it will log, sends files, lists them, and commits.

    createArtifact            a draft; or the version that has this content already
    createArtifactManifest    announces a list of files (FULL, PATCH of one process, INCREMENTAL)
    createArtifactFiles       addresses for those that are not here yet
    updateArtifactManifest    says the MD5 of the list, and gets an address for it
    commitArtifact            makes the version; safe to repeat

Whatever a client lists must have arrived with the MD5 that it names, or the commit is refused.
Neighbours: controller/store/drafts.py, transfers.py (the bytes), contents.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from controller.arrivals import Received
from controller.checksums import base64_md5, hex_md5, manifest_md5
from controller.server.services import Services
from controller.store.artifact_records import (
    DraftManifest,
    DraftRecord,
    NewArtifact,
    NewDraft,
    Said,
)
from controller.store.store import Store
from controller.wandb_api.artifacts import manifests
from controller.wandb_api.artifacts.contents import put_manifest, read_blob, wandb_entries
from controller.wandb_api.artifacts.manifests import WandbEntry
from controller.wandb_api.artifacts.objects import manifest_id
from controller.wandb_api.artifacts.values import (
    Kind,
    Version,
    artifact_key,
    by_key,
    pending,
    project_key,
    version,
)
from controller.wandb_api.context import Door, Info, door
from controller.wandb_api.files.transfers import (
    Arriving,
    Facts,
    drop_parts,
    join_parts,
    part_urls,
    upload_url,
)
from controller.wandb_api.ids import global_id, parse_id
from controller.wandb_api.inputs import listed, number, objects
from controller.wandb_api.paging import connection
from logging_core.artifacts import names
from logging_core.errors import UsageError as NamesError
from sweeps.errors import NotFoundError, StoreUnavailable, UsageError

_PURPOSE = "artifact-file"
_TYPE = re.compile(r"[^/:\x00-\x1f]{1,128}")
_WORDS = 1000
"""Aliases or tags of one version."""
_KINDS = {"FULL": "full", "PATCH": "patch", "INCREMENTAL": "incremental"}


# -- saying what will come -------------------------------------------------------------------------


def create_artifact(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    here = door(info)
    project = project_key(here.project(input.get("entityName"), input.get("projectName")))
    name = _checked_name(_collection_name(input))
    said = Said(
        aliases=_aliases(input.get("aliases"), name),
        tags=tags_in(input.get("tags")),
        description=str(input.get("description") or ""),
        metadata=metadata_in(input.get("metadata")) or {},
        ttl_s=ttl_in(input.get("ttlDurationSeconds")),
        history_step=_whole(input.get("historyStep")),
        sequence_client_id=input.get("sequenceClientID"),
    )
    run_name = input.get("runName")
    made = here.store.open_draft(
        NewDraft(
            project=project,
            name=name,
            type=_checked_type(input.get("artifactTypeName")),
            digest=str(input.get("digest") or ""),
            said=said,
            run_id=here.store.find_run(project, run_name).id if run_name else None,
            client_id=input.get("clientID"),
            distributed_id=input.get("distributedID") or None,
        )
    )
    return {"artifact": _shown(here.store, made)}


def _shown(store: Store, made: Any) -> Version:
    return pending(store, made) if isinstance(made, DraftRecord) else version(store, made)


def create_artifact_type(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing is to be done: a type is there with its first collection."""
    project = door(info).project(input.get("entityName"), input.get("projectName"))
    return {"artifactType": Kind(project_key(project), _checked_type(input.get("name")))}


def create_manifest(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    here = door(info)
    kind = _KINDS.get(input.get("type") or "FULL")
    if kind is None:
        raise UsageError(f"type: there is no manifest of type {input.get('type')!r}")
    made = here.store.add_draft_manifest(
        artifact_key(input.get("artifactID")), kind, base=_base(input), md5=_md5(input)
    )
    return {"artifactManifest": _manifest(here, made, str(input.get("name") or ""))}


def update_manifest(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    here = door(info)
    key = parse_id(str(input.get("artifactManifestID")), "ArtifactManifest")
    made = here.store.change_draft_manifest(key, base=_base(input), md5=_md5(input))
    return {"artifactManifest": _manifest(here, made, "")}


def _base(input: Mapping[str, Any]) -> str | None:
    return artifact_key(input["baseArtifactID"]) if input.get("baseArtifactID") else None


def _md5(input: Mapping[str, Any]) -> str:
    return hex_md5(str(input["digest"])) if input.get("digest") else ""


def _manifest(here: Door, made: DraftManifest, name: str) -> dict[str, Any]:
    name = name or "wandb_manifest.json"

    def address(_info: Info) -> str | None:
        """Where its bytes may be put; None until their MD5 is told."""
        return _address(here, made.md5, name) if made.md5 else None

    return {
        "id": manifest_id(made),
        "digest": made.md5,
        "file": {
            "id": global_id("File", made.id),
            "name": name,
            "displayName": name,
            "uploadUrl": address,
            "uploadHeaders": [],
        },
    }


# -- sending ---------------------------------------------------------------------------------------


def create_files(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """A file a spec, in their order; one without an address is here already."""
    here = door(info)
    given = objects(input.get("artifactFiles"), "artifactFiles")
    specs = [(one, artifact_key(one.get("artifactID"))) for one in given]
    md5s = [hex_md5(str(one.get("md5"))) for one, _ in specs]
    wanted: dict[str, list[str]] = {}
    for (_, key), md5 in zip(specs, md5s, strict=True):
        wanted.setdefault(key, []).append(md5)
    # First they are wanted, then looked for: what is here now is not taken away any more.
    drafts = {}
    for key, theirs in wanted.items():
        here.store.want_files(key, theirs)
        drafts[key] = pending(here.store, here.store.get_draft(key))
    stored = here.store.blobs_by_md5(md5s)
    nodes = [
        _file(here, drafts[key], one, md5, here_already=md5 in stored)
        for (one, key), md5 in zip(specs, md5s, strict=True)
    ]
    return {"files": connection(nodes, 0, len(nodes))}


def _file(
    here: Door, draft: Version, spec: Mapping[str, Any], md5: str, *, here_already: bool
) -> dict[str, Any]:
    name = str(spec.get("name") or "")
    parts = None if here_already else spec.get("uploadPartsInput")
    return {
        "id": global_id("File", f"{draft.record.id}/{name}"),
        "name": name,
        "displayName": name,
        # The MD5 stands here for completeMultipartUploadArtifact, which gives it back.
        "storagePath": f"{draft.record.id}/{md5}",
        "uploadUrl": None if here_already else _address(here, md5, name),
        "uploadHeaders": [],
        "uploadMultipartUrls": _multipart(here, parts) if parts else None,
        "artifact": draft,
    }


def _multipart(here: Door, parts: Any) -> dict[str, Any]:
    wanted = [
        (number(one.get("partNumber"), "partNumber"), one.get("hexMD5") or None)
        for one in objects(parts, "uploadPartsInput")
    ]
    upload, urls = part_urls(here, wanted)
    told = [{"partNumber": part, "uploadUrl": url} for part, url in urls]
    return {"uploadID": upload, "uploadUrlParts": told}


def _address(here: Door, md5: str, name: str) -> str:
    return upload_url(here, _PURPOSE, {}, md5=base64_md5(md5), name=name)


def _arrived(_found: Services, _facts: Facts, _received: Received) -> None:
    """A blob that a draft wants: that is all that is to be known of it."""


ARRIVED: dict[str, Arriving] = {_PURPOSE: _arrived}


def complete_multipart(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    found = door(info).found
    upload = str(input.get("uploadID"))
    if str(input.get("completeMultipartAction") or "Complete").lower() == "abort":
        drop_parts(found, upload)
        return {"digest": None}
    parts = {
        number(one.get("partNumber"), "partNumber"): str(one.get("hexMD5"))
        for one in objects(input.get("completedParts"), "completedParts")
    }
    md5 = str(input.get("storagePath") or "").rpartition("/")[2]
    came = join_parts(found, upload, parts, md5=base64_md5(md5))
    return {"digest": base64_md5(came.md5)}


# -- committing ------------------------------------------------------------------------------------


def commit(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    here = door(info)
    key = artifact_key(input.get("artifactID"))
    try:
        draft = here.store.get_draft(key)
    except NotFoundError:
        return {"artifact": by_key(here.store, key)}  # it was committed already
    return {"artifact": _commit(here, draft)}


def _commit(here: Door, draft: DraftRecord) -> Version:
    store = here.store
    entries = _entries(here, draft)
    manifest = manifests.to_ours(entries, store.blobs_by_md5(manifests.files_of(entries).values()))
    made, missing = store.commit_draft(
        NewArtifact(
            id=draft.id,
            name=draft.name,
            type=draft.type,
            digest=manifest.digest(),
            md5_digest=manifest_md5({path: entry.digest for path, entry in entries.items()}),
            manifest=put_manifest(here.found, manifest),
            blobs=frozenset(manifest.blobs),
            size=manifest.size,
            files=len(manifest),
            project=draft.project,
            run_id=draft.run_id,
            aliases=draft.said.aliases,
            tags=draft.said.tags,
            description=draft.said.description,
            metadata=draft.said.metadata,
            ttl_s=draft.said.ttl_s,
            history_step=draft.said.history_step,
        )
    )
    if made is None:
        raise StoreUnavailable(f"{len(missing)} files went away as the artifact was committed")
    return version(store, made)


def _entries(here: Door, draft: DraftRecord) -> dict[str, WandbEntry]:
    """All that the draft holds, of the lists that were sent."""
    listed = [one for one in here.store.draft_manifests(draft.id) if one.md5]
    if not listed:
        raise UsageError(
            f"the list of the files of {draft.name!r} was never sent: log the artifact again."
        )
    texts = here.store.blobs_by_md5(one.md5 for one in listed)
    full = [one for one in listed if one.kind == "full"]
    entries: dict[str, WandbEntry] = {}
    for one in full[-1:] or listed:
        if one.kind == "incremental" and not entries:
            entries.update(_base_entries(here, one.base or draft.base))
        blob = texts.get(one.md5)
        if blob is None:
            raise UsageError(
                f"a list of the files of {draft.name!r} never arrived: log the artifact again."
            )
        entries.update(manifests.read(read_blob(here.found, blob.digest, blob.size)))
    return entries


def _base_entries(here: Door, base: str | None) -> dict[str, WandbEntry]:
    return {} if base is None else wandb_entries(here.found, here.store.get_artifact(base))


# -- what is given ---------------------------------------------------------------------------------


def _collection_name(input: Mapping[str, Any]) -> str:
    several = listed(input.get("artifactCollectionNames"), "artifactCollectionNames")
    return str(input.get("artifactCollectionName") or next(iter(several), ""))


def _checked_name(name: str) -> str:
    try:
        return names.check_name(name)
    except NamesError as error:
        raise UsageError(str(error)) from None


def _checked_type(given: Any) -> str:
    if not isinstance(given, str) or not _TYPE.fullmatch(given):
        raise UsageError(f"{given!r} is not a type: 1 to 128 characters, no '/' and no ':'")
    return given


def _aliases(given: Any, name: str) -> tuple[str, ...]:
    """Those of this collection; its numbers are given by the server."""
    found = (
        one
        for one in objects(given, "aliases")
        if (one.get("artifactCollectionName") or name) == name
    )
    return tuple(dict.fromkeys(checked_alias(str(one.get("alias"))) for one in found))


def checked_alias(alias: str) -> str:
    try:
        return names.check_alias(alias)
    except NamesError as error:
        raise UsageError(str(error)) from None


def tags_in(given: Any) -> tuple[str, ...]:
    """Of a list of TagInput."""
    tags = tuple(dict.fromkeys(str(one.get("tagName")) for one in objects(given, "tags")))
    if len(tags) > _WORDS or any(not 0 < len(tag) <= 256 for tag in tags):
        raise UsageError(f"tags: at most {_WORDS}, each of 1 to 256 characters")
    return tags


def metadata_in(given: Any) -> dict[str, Any] | None:
    """None: nothing is said of it."""
    if given is None:
        return None
    try:
        told = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError) as error:
        raise UsageError(f"metadata: this is no JSON: {error}") from None
    if told is not None and not isinstance(told, dict):
        raise UsageError("metadata: expected an object")
    return told


def ttl_in(given: Any) -> float | None:
    """Seconds; None where W&B's numbers say that it lives for ever (-2), or by default (-1)."""
    seconds = _whole(given)
    return float(seconds) if seconds is not None and seconds > 0 else None


def _whole(given: Any) -> int | None:
    if given is None:
        return None
    try:
        return int(given)
    except (TypeError, ValueError):
        raise UsageError(f"expected a whole number, not {given!r}") from None


RESOLVERS = {
    "Mutation.createArtifact": create_artifact,
    "Mutation.createArtifactType": create_artifact_type,
    "Mutation.createArtifactManifest": create_manifest,
    "Mutation.updateArtifactManifest": update_manifest,
    "Mutation.createArtifactFiles": create_files,
    "Mutation.completeMultipartUploadArtifact": complete_multipart,
    "Mutation.commitArtifact": commit,
}
