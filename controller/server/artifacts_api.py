"""Artifacts: versions, aliases, links, lineage.

What an artifact holds is in its manifest, a blob that is sent first (files_api.py), as are all the
bytes that it lists. The manifest is believed in nothing: it is read, checked and digested here.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller.checksums import manifest_md5
from controller.server.files_api import asked_path, blobs_of, digest_of, guess_type, path_of, send
from controller.server.services import Services, services
from controller.server.wire import Fields, json_response, read_json
from controller.store.artifact_records import (
    ArtifactRecord,
    CollectionRecord,
    CollectionUse,
    NewArtifact,
)
from controller.store.cache import Cache
from controller.wandb_api.artifacts.manifests import from_ours
from logging_core.artifacts import names
from logging_core.artifacts.manifest import Entry, Manifest
from logging_core.errors import UsageError as NamesError
from sweeps.errors import NotFoundError, UsageError
from sweeps.project import NO_PROJECT

MANIFEST_BYTES = 128 << 20
"""A manifest may not be longer."""
_PAGE = 1000
_WORDS = 100
"""Aliases or tags of one version."""
_ENTRY_BYTES = 500
_MANIFESTS = Cache(64 << 20)


async def commit(request: Request) -> Response:
    """POST /api/artifacts {run?, project?, type, name, manifest, …}: records a version.

    `manifest` is the digest of its blob; `use`: the run uses it and does not make it. Answers
    {artifact}, or {missing}: digests that must be sent first. Safe to repeat.
    """
    found = services(request)
    body = await read_json(request)
    return json_response(await found.move(_commit, found, body))


def _commit(found: Services, body: Fields) -> dict[str, Any]:
    digest = digest_of(body.text("manifest"))
    manifest = _manifest(found, digest)
    if manifest is None:
        return {"missing": [digest]}
    artifact, missing = found.store.commit_artifact(
        NewArtifact(
            name=_name(body.text("name"), "an artifact's name"),
            type=_name(body.text("type"), "a type"),
            digest=manifest.digest(),
            md5_digest=_md5_digest(found, manifest),
            manifest=digest,
            blobs=frozenset(manifest.blobs),
            size=manifest.size,
            files=len(manifest),
            project=body.optional_text("project", longest=200),
            run_id=body.optional_text("run", longest=200),
            use=body.flag("use"),
            aliases=_aliases(body),
            tags=_words(body, "tags"),
            description=body.text("description", "", longest=1 << 20),
            metadata=body.optional_mapping("metadata") or {},
            ttl_s=body.optional_number("ttl_s"),
        )
    )
    return {"missing": missing} if artifact is None else {"artifact": artifact_json(artifact)}


def _md5_digest(found: Services, manifest: Manifest) -> str | None:
    """How W&B's clients name the content, so that theirs and ours become one version; None where
    that would mean reading files."""
    known = found.store.known_md5s(manifest.blobs)
    if len(known) < len(manifest.blobs):
        return None
    told = from_ours(manifest, known)
    return manifest_md5({path: entry.digest for path, entry in told.items()})


def _manifest(found: Services, digest: str) -> Manifest | None:
    size = found.store.blob_size(digest)
    if size is None:
        return None
    if size > MANIFEST_BYTES:
        raise UsageError(f"the manifest is longer than {MANIFEST_BYTES:,} bytes")
    try:
        return Manifest.from_json(json.loads(b"".join(blobs_of(found).read(digest))))
    except (ValueError, RecursionError) as error:  # NamesError is one
        raise UsageError(f"the manifest cannot be read: {error}") from None


# -- finding --------------------------------------------------------------------------------------


async def find(request: Request) -> Response:
    """GET /api/artifact?name=[project/]name[:alias]&project=: {artifact}."""
    found = services(request)
    query = Fields(request.query_params)
    try:
        asked = names.parse(query.text("name", longest=1000))
    except NamesError as error:
        raise UsageError(str(error)) from None
    project = asked.project or query.text("project", NO_PROJECT, longest=200)
    artifact = await found.call(found.store.find_artifact, project, asked.name, asked.alias)
    return json_response({"artifact": artifact_json(artifact)})


async def get(request: Request) -> Response:
    """GET /api/artifacts/{id}: {artifact}."""
    found = services(request)
    artifact = await found.call(found.store.get_artifact, request.path_params["artifact_id"])
    return json_response({"artifact": artifact_json(artifact)})


async def manifest(request: Request) -> Response:
    """GET /api/artifacts/{id}/manifest: the manifest, as it was sent."""
    found = services(request)
    artifact = await found.call(found.store.get_artifact, request.path_params["artifact_id"])
    size = await found.call(found.store.blob_size, artifact.manifest)
    return await send(request, artifact.manifest, size or 0, "application/json")


async def file(request: Request) -> Response:
    """GET /api/artifacts/{id}/files/{path}, or …/file?path=: the bytes of one entry; with Range."""
    found = services(request)
    path = path_of(asked_path(request))
    artifact = await found.call(found.store.get_artifact, request.path_params["artifact_id"])
    entry = await found.move(entry_of, found, artifact, path)
    name = path.rpartition("/")[2]
    return await send(request, entry.digest, entry.size or 0, guess_type(path), name=name)


def entry_of(found: Services, artifact: ArtifactRecord, path: str) -> Entry:
    """A file of a version. Raises NotFoundError, and UsageError for a reference."""
    listed = manifest_of(found, artifact.manifest)
    entry = listed.entries.get(path) if listed else None
    if entry is None:
        raise NotFoundError(f"{artifact.name}:v{artifact.version} has no file {path!r}")
    if entry.ref is not None:
        raise UsageError(f"{path!r} is a reference to {entry.ref}: its bytes are not here")
    return entry


def manifest_of(found: Services, digest: str) -> Manifest | None:
    """As `_manifest`, remembered: who walks through an artifact asks for it again and again."""
    known: Manifest | None = _MANIFESTS.get(digest)
    if known is None:
        known = _manifest(found, digest)
        if known is not None:
            _MANIFESTS.put(digest, known, _ENTRY_BYTES * len(known))
    return known


async def versions(request: Request) -> Response:
    """GET /api/artifacts?project=&name=&before=&limit=: {artifacts}, the newest first."""
    found = services(request)
    query = Fields(request.query_params)
    listed = await found.call(
        found.store.artifact_versions,
        query.text("project", "", longest=200) or NO_PROJECT,
        query.text("name", longest=200),
        before=query.optional_whole("before"),
        limit=min(query.whole("limit", 100, least=1), _PAGE),
    )
    return json_response({"artifacts": [artifact_json(one) for one in listed]})


async def collections(request: Request) -> Response:
    """GET /api/artifact-collections?project=&type=&after=&limit=&uses=1: {collections}, by name;
    `uses`: with what there is of their versions."""
    found = services(request)
    query = Fields(request.query_params)
    project = query.text("project", "", longest=200) or NO_PROJECT
    listed = await found.call(
        found.store.artifact_collections,
        project,
        type=query.optional_text("type", longest=200),
        after=query.text("after", "", longest=200),
        limit=min(query.whole("limit", _PAGE, least=1), _PAGE),
    )
    told = [collection_json(one) for one in listed]
    if query.whole("uses", 0):
        names = [one.name for one in listed]
        uses = await found.call(found.store.collection_uses, project, names)
        told = [{**each, **vars(uses.get(each["name"], CollectionUse()))} for each in told]
    return json_response({"collections": told})


async def types(request: Request) -> Response:
    """GET /api/artifact-types?project=: {types}."""
    found = services(request)
    project = Fields(request.query_params).text("project", "", longest=200) or NO_PROJECT
    return json_response({"types": await found.call(found.store.artifact_types, project)})


# -- changing -------------------------------------------------------------------------------------


async def change(request: Request) -> Response:
    """POST /api/artifacts/{id} {description?, metadata?, tags?, aliases?, ttl_s?, keep?, project?,
    name?}: replaces what is given; aliases in the collection project/name. Answers {artifact}."""
    found = services(request)
    body = await read_json(request)
    project, name = body.optional_text("project"), body.optional_text("name")
    changed = await found.call(
        found.store.update_artifact,
        request.path_params["artifact_id"],
        description=body.optional_text("description"),
        metadata=body.optional_mapping("metadata"),
        tags=_words(body, "tags") if body.has("tags") else None,
        aliases=_aliases(body) if body.has("aliases") else None,
        ttl_s=body.optional_number("ttl_s"),
        keep=body.flag("keep"),
        place=(project, name) if project is not None and name is not None else None,
    )
    return json_response({"artifact": artifact_json(changed)})


async def delete(request: Request) -> Response:
    """DELETE /api/artifacts/{id}?aliases=1: removes a version (1: whatever its aliases). 204."""
    found = services(request)
    with_aliases = Fields(request.query_params).whole("aliases", 0) > 0
    await found.call(
        found.store.delete_artifact,
        request.path_params["artifact_id"],
        with_aliases=with_aliases,
    )
    return Response(status_code=204)


async def link(request: Request) -> Response:
    """POST /api/artifacts/{id}/links {project, name, aliases}: a second name. {artifact}."""
    found = services(request)
    body = await read_json(request)
    linked = await found.call(
        found.store.link_artifact,
        request.path_params["artifact_id"],
        body.text("project", longest=200),
        _name(body.text("name"), "a name to link to"),
        _aliases(body),
    )
    return json_response({"artifact": artifact_json(linked)})


async def unlink(request: Request) -> Response:
    """DELETE /api/artifacts/{id}/links?project=&name=: takes a second name away. 204."""
    found = services(request)
    query = Fields(request.query_params)
    await found.call(
        found.store.unlink_artifact,
        request.path_params["artifact_id"],
        query.text("project", longest=200),
        query.text("name", longest=200),
    )
    return Response(status_code=204)


# -- lineage --------------------------------------------------------------------------------------


async def use(request: Request) -> Response:
    """POST /api/runs/{id}/uses {artifact: id}: the run uses it. 204; safe to repeat."""
    found = services(request)
    body = await read_json(request)
    artifact_id = body.text("artifact", longest=200)
    await found.call(found.store.use_artifact, request.path_params["run_id"], artifact_id)
    return Response(status_code=204)


async def users(request: Request) -> Response:
    """GET /api/artifacts/{id}/users: {runs}: ids of the runs that use it."""
    found = services(request)
    artifact_id = request.path_params["artifact_id"]
    return json_response({"runs": await found.call(found.store.users_of_artifact, artifact_id)})


async def of_run(request: Request) -> Response:
    """GET /api/runs/{id}/artifacts?used=1: {artifacts} that the run logged, or used; those that it
    logged and did not make have another `run`."""
    found = services(request)
    used = Fields(request.query_params).whole("used", 0) > 0
    listed = await found.call(
        found.store.artifacts_of_run, request.path_params["run_id"], used=used
    )
    return json_response({"artifacts": [artifact_json(one) for one in listed]})


def artifact_json(one: ArtifactRecord) -> dict[str, Any]:
    project, name, version = one.source
    return {
        "id": one.id,
        "project": one.project,
        "type": one.type,
        "name": one.name,
        "version": one.version,
        "aliases": list(one.aliases),
        "source": {"project": project, "name": name, "version": version},
        "digest": one.digest,
        "manifest": one.manifest,
        "size": one.size,
        "files": one.files,
        "run": one.run_id,
        "created": one.created,
        "updated": one.updated,
        "ttl_s": None if one.expires is None else one.expires - one.created,
        "description": one.description,
        "tags": list(one.tags),
        "metadata": dict(one.metadata),
    }


def collection_json(one: CollectionRecord) -> dict[str, Any]:
    return {
        "project": one.project,
        "name": one.name,
        "type": one.type,
        "next_version": one.next_version,
        "created": one.created,
        "description": one.description,
    }


def _name(text: str, what: str) -> str:
    try:
        return names.check_name(text, what)
    except NamesError as error:
        raise UsageError(str(error)) from None


def _aliases(body: Fields) -> tuple[str, ...]:
    try:
        return tuple(names.check_alias(alias) for alias in _words(body, "aliases"))
    except NamesError as error:
        raise UsageError(str(error)) from None


def _words(body: Fields, name: str) -> tuple[str, ...]:
    given = tuple(dict.fromkeys(body.texts(name)))
    if len(given) > _WORDS or any(not word or len(word) > 256 for word in given):
        raise UsageError(f"{name}: expected at most {_WORDS}, each of 1 to 256 characters")
    return given


ROUTES = (
    ("POST", "/api/artifacts", commit),
    ("GET", "/api/artifacts", versions),
    ("GET", "/api/artifact", find),
    ("GET", "/api/artifact-collections", collections),
    ("GET", "/api/artifact-types", types),
    ("GET", "/api/artifacts/{artifact_id}", get),
    ("POST", "/api/artifacts/{artifact_id}", change),
    ("DELETE", "/api/artifacts/{artifact_id}", delete),
    ("GET", "/api/artifacts/{artifact_id}/manifest", manifest),
    ("GET", "/api/artifacts/{artifact_id}/file", file),
    ("GET", "/api/artifacts/{artifact_id}/files/{path:path}", file),
    ("POST", "/api/artifacts/{artifact_id}/links", link),
    ("DELETE", "/api/artifacts/{artifact_id}/links", unlink),
    ("GET", "/api/artifacts/{artifact_id}/users", users),
    ("POST", "/api/runs/{run_id}/uses", use),
    ("GET", "/api/runs/{run_id}/artifacts", of_run),
)
