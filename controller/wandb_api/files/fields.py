"""Files of runs, as the `wandb` client sends, lists, fetches and deletes them.

A file is recorded when its bytes have arrived, for the writer that asked for the address: one that
a newer process of the run has recorded stays. Neighbours: transfers.py (the bytes),
runs/metadata.py (what the client's own file of its surroundings becomes), store/files.py.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import posixpath
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from controller.arrivals import Received
from controller.checksums import base64_md5, md5s
from controller.server.auth import caller, require
from controller.server.files_api import blobs_of, guess_type, path_of, send
from controller.server.services import Services, services
from controller.server.wire import Handler
from controller.store.files import FileRecord, NewFile
from controller.store.keys import Role
from controller.store.records import RunRecord
from controller.wandb_api.context import Door, Info, door
from controller.wandb_api.files.transfers import Arriving, Facts, Serving, read_url, upload_url
from controller.wandb_api.ids import global_id, parse_id
from controller.wandb_api.inputs import listed
from controller.wandb_api.paging import page_size
from controller.wandb_api.runs.metadata import FILE, our_metadata
from controller.wandb_api.runs.writers import recording
from logging_core import provenance
from sweeps.errors import Fenced, NotFoundError, StoreUnavailable, UsageError

log = logging.getLogger(__name__)

_MOST_NAMES = 1000
_OWN = provenance.METADATA_FILE
"""What a run of our own logger has in place of the client's file of its surroundings."""
_METADATA_BYTES = 4 << 20
_MD5_BYTES = 256 << 20
"""For a page of files, so much is read at once for MD5s that are not on record."""


# -- sending ---------------------------------------------------------------------------------------


def create_run_files(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Addresses for files of a run. Of several names, one that no file may have gets none."""
    here = door(info)
    project = here.known_project(input.get("entityName"), input.get("projectName"))
    mine = recording(here.store, project, str(input.get("runName") or ""))
    names = [str(name) for name in input.get("files") or ()]
    files, refused = [], None
    for name in names:
        try:
            address = _upload_url(here, mine.run_id, mine.writer, name)
        except UsageError as error:
            refused, address = error, None
            log.warning("run %s: a file was refused: %s", mine.run_id, error)
        files.append({"id": _file_id(mine.run_id, name), "name": name, "uploadUrl": address})
    if refused and not any(file["uploadUrl"] for file in files):
        raise refused
    return {"runID": global_id("Run", mine.run_id), "uploadHeaders": [], "files": files}


def mark_run_files_uploaded(_root: Any, _info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing is to be done: a file is recorded when it has arrived."""
    return {"success": True}


def _upload_url(here: Door, run_id: str, writer: int, name: str) -> str:
    path = clean_path(name)
    facts = {"run": run_id, "writer": str(writer), "path": path}
    return upload_url(here, "run-file", facts, name=path)


def clean_path(name: str) -> str:
    """A file's path as it is kept: without doubled slashes. Raises UsageError."""
    if name.startswith("/") or ".." in name.split("/"):
        raise UsageError(f"{name!r} is not the path of a file of a run: it leads out of it")
    return path_of(posixpath.normpath(name) if name else name)


def _arrived(found: Services, facts: Facts, received: Received) -> None:
    run_id, writer, path = facts["run"], int(facts["writer"]), facts["path"]
    if found.store.add_files(run_id, writer, [NewFile(path, received.digest)]):
        raise StoreUnavailable(f"the bytes of {path!r} went as they came: send them again.")
    if path == FILE and received.size <= _METADATA_BYTES:
        text = b"".join(blobs_of(found).read(received.digest))
        _describe(found, run_id, writer, text)


def _describe(found: Services, run_id: str, writer: int, text: bytes) -> None:
    """Takes over what the client says of its surroundings."""
    with suppress(ValueError, RecursionError, Fenced):
        said = json.loads(text)
        if isinstance(said, dict) and (kept := our_metadata(said)):
            found.store.describe_run(run_id, writer, metadata=kept)


ARRIVED: dict[str, Arriving] = {"run-file": _arrived}


# -- reading ---------------------------------------------------------------------------------------


class _Checksums:
    """The MD5s of a page's files, found together when the first is asked for."""

    def __init__(self, here: Door, records: Sequence[FileRecord]) -> None:
        self._here, self._records = here, records

    @cached_property
    def known(self) -> dict[str, str]:
        digests = [each.digest for each in self._records]
        found = self._here.found
        return md5s(found.store, blobs_of(found), digests, most_bytes=_MD5_BYTES)


def _node(
    here: Door, run: RunRecord, name: str, record: FileRecord | None, sums: _Checksums
) -> dict[str, Any]:
    """A File as GraphQL has it: values, and functions for what costs something.

    `record` None: it was asked for by name and is not there, which clients tell by its size.
    """

    def upload_address(_info: Info) -> str:
        require(here.caller, Role.WRITE)  # a question may ask for it, too
        return _upload_url(here, run.id, run.writer, name)

    def url(info: Info, upload: bool | None = None) -> str:
        """Where it is for good, for whoever has a key; with `upload`, where it may be put."""
        if upload:
            return upload_address(info)
        entity, project = here.entity_and_project(run.project)
        parts = (entity, project, run.local_id, name)
        return here.url("/files/" + "/".join(quote(part) for part in parts))

    def direct_url(_info: Info) -> str:
        """Where it is for a day, without a key."""
        return read_url(here, "run-file", {"run": run.id, "path": name}, name=name)

    def md5(_info: Info) -> str | None:
        """In base64; None while it is not known and the file large."""
        known = sums.known.get(record.digest) if record else None
        return base64_md5(known) if known else None

    return {
        "id": _file_id(run.id, name),
        "name": name,
        "displayName": name,
        "url": url,
        "directUrl": direct_url if record else None,
        "uploadUrl": upload_address,
        "uploadHeaders": [],
        "sizeBytes": record.size if record else 0,
        "mimetype": guess_type(name),
        "updatedAt": record.updated if record else None,
        "digest": record.digest if record else None,
        "md5": md5,
    }


def files(
    run: RunRecord,
    info: Info,
    names: Sequence[str | None] | None = None,
    pattern: str | None = None,
    first: int | None = None,
    after: str | None = None,
    orderBy: str | None = None,
) -> dict[str, Any]:
    """A page of a run's files by path: all, those that fit a pattern of SQL's LIKE, or exactly
    those of the given names, be they there or not."""
    here = door(info)
    if wanted := [posixpath.normpath(name) for name in names or () if name]:
        if len(wanted) > _MOST_NAMES:
            raise UsageError(f"names: at most {_MOST_NAMES:,} at a time")
        found = {one.path: one for one in here.store.files(run.id, names=[*wanted, _OWN])}
        if FILE not in found and _OWN in found:
            found[FILE] = found[_OWN]
        nodes = [(name, found.get(name)) for name in dict.fromkeys(wanted)]
        return _page(here, run, nodes, more=False)
    size = page_size(first)
    listed = here.store.files(run.id, like=pattern, after=_path_behind(after), limit=size + 1)
    page = [(one.path, one) for one in listed[:size]]
    return _page(here, run, page, more=len(listed) > size, first=not after)


def _page(
    here: Door,
    run: RunRecord,
    nodes: Sequence[tuple[str, FileRecord | None]],
    *,
    more: bool,
    first: bool = True,
) -> dict[str, Any]:
    sums = _Checksums(here, [record for _, record in nodes if record])
    edges = [
        {"node": _node(here, run, name, record, sums), "cursor": _cursor(name)}
        for name, record in nodes
    ]
    return {
        "edges": edges,
        "pageInfo": {
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": more,
            "hasPreviousPage": not first,
        },
        "totalCount": lambda _info: here.store.count_files(run.id),
        "uploadHeaders": [],
    }


def file_count(run: RunRecord, info: Info, pattern: str | None = None) -> int:
    return door(info).store.count_files(run.id, like=pattern)


def _cursor(path: str) -> str:
    """A page's end is a path: who deletes what he walks through misses none."""
    return base64.b64encode(path.encode()).decode()


def _path_behind(after: str | None) -> str:
    try:
        return base64.b64decode(after or "", validate=True).decode()
    except (binascii.Error, ValueError):
        raise UsageError(f"after: {after!r} is no cursor of this server") from None


def _find(found: Services, run_id: str, path: str) -> FileRecord:
    """Raises NotFoundError."""
    try:
        return found.store.get_file(run_id, path)
    except NotFoundError:
        if path != FILE:
            raise
        return found.store.get_file(run_id, _OWN)


async def _serve(request: Request, found: Services, facts: Facts) -> Response:
    path = facts["path"]
    one = await found.call(_find, found, facts["run"], path)
    name = path.rpartition("/")[2]
    return await send(request, one.digest, one.size, guess_type(path), name=name)


SERVED: dict[str, Serving] = {"run-file": _serve}


async def file(request: Request) -> Response:
    """GET, HEAD /files/{entity}/{project}/{run}/{path}: where a file is for good."""
    found = services(request)
    given = request.path_params
    here = Door(found, caller(request), "")

    def find() -> str:
        project = here.known_project(given["entity"], given["project"])
        return here.store.find_run(project, given["run"]).id

    facts = {"run": await found.call(find), "path": path_of(given["path"])}
    return await _serve(request, found, facts)


# -- deleting --------------------------------------------------------------------------------------


def delete_files(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are there; their bytes go when nobody else needs them."""
    here = door(info)
    for text in listed(input.get("files"), "files"):
        run_id, _, path = parse_id(str(text), "File").partition("/")
        with suppress(NotFoundError):
            here.store.delete_file(run_id, path)
    return {"success": True}


def _file_id(run_id: str, path: str) -> str:
    return global_id("File", f"{run_id}/{path}")


RESOLVERS = {
    "Mutation.createRunFiles": create_run_files,
    "Mutation.markRunFilesUploaded": mark_run_files_uploaded,
    "Mutation.deleteFiles": delete_files,
    "Run.files": files,
    "Run.fileCount": file_count,
}
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/files/{entity}/{project}/{run}/{path:path}", file),
)
