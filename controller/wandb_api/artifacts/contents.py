"""What a version holds: W&B's manifest of it, and its files with their addresses.

Manifests never change, so the last ones that were read are kept in memory. Neighbours: manifests.py
(the forms), transfers.py (addresses for bytes), checksums.py (MD5s).
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from controller.arrivals import Arrival, keep
from controller.checksums import manifest_md5, md5s
from controller.server.files_api import blobs_of, guess_type, path_of, send
from controller.server.services import Services, services
from controller.store.artifact_records import ArtifactRecord
from controller.wandb_api.artifacts import manifests
from controller.wandb_api.artifacts.values import Version
from controller.wandb_api.context import Door
from controller.wandb_api.files.transfers import Facts, Serving, download_url, read_url
from controller.wandb_api.ids import global_id
from controller.wandb_api.paging import connection, offset_of, page_size
from logging_core.artifacts.manifest import Entry, Manifest
from sweeps.errors import NotFoundError, StoreError, UsageError

_KEPT_ENTRIES = 200_000
_MD5_BYTES = 256 << 20
"""For a digest or a page of files, so much is read at once for MD5s that are not on record."""
_PURPOSE = "artifact-manifest"


class _Recent:
    """The manifests that were read last. Thread-safe."""

    def __init__(self, most_entries: int) -> None:
        self._most, self._entries = most_entries, 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Manifest] = OrderedDict()

    def get(self, digest: str) -> Manifest | None:
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
            return self._kept.get(digest)

    def put(self, digest: str, manifest: Manifest) -> None:
        with self._lock:
            if digest not in self._kept:
                self._entries += len(manifest)
            self._kept[digest] = manifest
            while self._entries > self._most:
                self._entries -= len(self._kept.popitem(last=False)[1])


_RECENT = _Recent(_KEPT_ENTRIES)


def manifest_of(found: Services, record: ArtifactRecord) -> Manifest:
    """What a version holds; not to be changed. Raises StoreError: gone from the disk, damaged."""
    known = _RECENT.get(record.manifest)
    if known is None:
        text = b"".join(blobs_of(found).read(record.manifest))
        try:
            known = Manifest.from_json(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise StoreError(
                f"the manifest of {record.name}:v{record.version} is damaged: restore the blob"
                f" {record.manifest} from a backup ({error})"
            ) from None
        _RECENT.put(record.manifest, known)
    return known


def put_manifest(found: Services, manifest: Manifest) -> str:
    """Makes a blob of it; the blob's digest."""
    arrival = Arrival(blobs_of(found))
    try:
        arrival.write(orjson.dumps(manifest.to_json()))
        return keep(found.store, blobs_of(found), arrival).digest
    finally:
        arrival.close()


def read_blob(found: Services, digest: str, size: int) -> bytes:
    """A client's manifest. Raises UsageError when it is too long."""
    if size > manifests.MOST_BYTES:
        raise UsageError(f"the manifest is longer than {manifests.MOST_BYTES:,} bytes")
    return b"".join(blobs_of(found).read(digest))


def wandb_entries(found: Services, record: ArtifactRecord) -> dict[str, manifests.WandbEntry]:
    """All that a version holds, in W&B's form; reads what has no MD5 yet."""
    manifest = manifest_of(found, record)
    return manifests.from_ours(manifest, md5s(found.store, blobs_of(found), manifest.blobs))


def wandb_digest(found: Services, record: ArtifactRecord) -> str:
    """Names the content as W&B's clients do. Ours, when that would mean reading very much."""
    if record.md5_digest is not None:
        return record.md5_digest
    manifest = manifest_of(found, record)
    known = md5s(found.store, blobs_of(found), manifest.blobs, most_bytes=_MD5_BYTES)
    if len(known) < len(manifest.blobs):
        return record.digest
    told = manifests.from_ours(manifest, known)
    digest = manifest_md5({path: entry.digest for path, entry in told.items()})
    found.store.keep_md5_digest(record.id, digest)
    return digest


# -- W&B's manifest --------------------------------------------------------------------------------


def manifest_file(here: Door, record: ArtifactRecord) -> dict[str, Any]:
    """The File that a client reads the manifest from."""
    name = "wandb_manifest.json"
    return {
        "id": global_id("File", f"{record.id}/{name}"),
        "name": name,
        "displayName": name,
        "directUrl": lambda _: read_url(here, _PURPOSE, {"artifact": record.id}, name=name),
        "uploadHeaders": [],
    }


async def _serve_manifest(request: Request, found: Services, facts: Facts) -> Response:
    return await found.move(_manifest, found, facts["artifact"])


def _manifest(found: Services, artifact_id: str) -> Response:
    record = found.store.get_artifact(artifact_id)
    told = manifests.write(wandb_entries(found, record), record.id)
    return Response(orjson.dumps(told), media_type="application/json")


SERVED: dict[str, Serving] = {_PURPOSE: _serve_manifest}


# -- files -----------------------------------------------------------------------------------------


class _Sums:
    """The MD5s of a page's files, found together when the first is asked for."""

    def __init__(self, here: Door, entries: Sequence[Entry]) -> None:
        self._here = here
        self._digests = [entry.digest for entry in entries if entry.ref is None]

    @cached_property
    def known(self) -> Mapping[str, str]:
        found = self._here.found
        return md5s(found.store, blobs_of(found), self._digests, most_bytes=_MD5_BYTES)


def files(
    here: Door,
    version: Version,
    names: Sequence[str] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    """A page of a version's files, by path; of those named, if any are."""
    entries = manifest_of(here.found, version.record).entries
    paths = sorted(entries if names is None else {name for name in names if name in entries})
    offset = offset_of(after)
    page = [entries[path] for path in paths[offset : offset + page_size(first)]]
    sums = _Sums(here, page)
    return connection([_node(here, version, entry, sums) for entry in page], offset, len(paths))


def _node(here: Door, version: Version, entry: Entry, sums: _Sums) -> dict[str, Any]:
    """A File as GraphQL has it: values, and functions for what costs something."""

    def address(_info: Any, **_: Any) -> str:
        # A reference is fetched from where it is; clients want some text all the same.
        return entry.ref or download_url(here, entry.digest, name=entry.path)

    def md5(_info: Any) -> str | None:
        if entry.ref is None and entry.digest not in sums.known:
            return None
        return manifests.entry_of(entry, sums.known).digest

    return {
        "id": global_id("File", f"{version.record.id}/{entry.path}"),
        "name": entry.path,
        "displayName": entry.path,
        "url": address,
        "directUrl": address,
        "uploadHeaders": [],
        "storagePath": f"{version.record.id}/{entry.path}",
        "sizeBytes": entry.size or 0,
        "mimetype": guess_type(entry.path),
        "updatedAt": version.record.created,
        "digest": md5,
        "md5": md5,
        "artifact": version,
    }


# -- addresses that clients make up ----------------------------------------------------------------


async def by_md5(request: Request) -> Response:
    """GET /artifactsV2/{region}/{entity}/[{project}/{collection}/[{artifact}/]]{birth}/{MD5 in
    hex}[/{name}] and /artifacts/{entity}/{MD5}: a file. Clients ask so where an address that they
    were given has expired, and old ones always."""
    found = services(request)
    parts = request.path_params["rest"].split("/")
    named = len(parts) > 4
    md5, name = (parts[-2], parts[-1]) if named else (parts[-1], "file")
    blobs = await found.call(found.store.blobs_by_md5, [md5.lower()])
    if not blobs:
        raise NotFoundError(f"there is no file with the MD5 {md5}")
    (blob,) = blobs.values()
    return await send(request, blob.digest, blob.size, guess_type(path_of(name or "file")))


ROUTES = (
    ("GET", "/artifactsV2/{rest:path}", by_md5),
    ("GET", "/artifacts/{rest:path}", by_md5),
)
