"""Files of runs and artifacts as folders to walk through, and what two versions differ in.

Neighbours: files_api.py and artifacts_api.py (the bytes), controller/folders.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller.folders import look_into
from controller.server.artifacts_api import manifest_of
from controller.server.files_api import file_json, guess_type
from controller.server.services import Services, services
from controller.server.wire import Fields, Handler, json_response
from controller.store.files import FileRecord
from logging_core.artifacts.manifest import Entry
from sweeps.errors import NotFoundError

_PAGE = 10_000
_MOST_FILES = 1000
_MOST_CHANGES = 2000


async def of_run(request: Request) -> Response:
    """GET /api/runs/{id}/folder?prefix=&after=&limit=&file=: {folders: [{name, files, size}],
    files, more}; files as files_api.py has them. With `file`, a path: that file alone, or none."""
    found, run_id = services(request), request.path_params["run_id"]
    return await found.call(_of_run, found, run_id, Fields(request.query_params))


def _of_run(found: Services, run_id: str, asked: Fields) -> Response:
    found.store.get_run(run_id)  # raises NotFoundError
    alone = asked.optional_text("file", longest=4096)
    if alone is not None:
        told = [file_json(one) for one in found.store.files(run_id, names=[alone])]
        return json_response({"folders": [], "files": told, "more": False})
    prefix = asked.text("prefix", "", longest=4096)
    listed = ((one.path, one.size, one) for one in _files(found, run_id, prefix))
    folders, files, more = look_into(
        prefix,
        listed,
        after=asked.text("after", "", longest=4096),
        limit=min(asked.whole("limit", _MOST_FILES, least=1), _MOST_FILES),
    )
    told = [file_json(one) for one in files]
    return json_response(
        {"folders": [each._asdict() for each in folders], "files": told, "more": more}
    )


def _files(found: Services, run_id: str, prefix: str) -> Iterator[FileRecord]:
    after = ""
    while True:
        page = found.store.files(run_id, prefix=prefix, after=after, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].path


async def of_artifact(request: Request) -> Response:
    """GET /api/artifacts/{id}/folder?prefix=&after=&limit=: the same of an artifact."""
    found, artifact_id = services(request), request.path_params["artifact_id"]
    return await found.move(_of_artifact, found, artifact_id, Fields(request.query_params))


def _of_artifact(found: Services, artifact_id: str, asked: Fields) -> Response:
    listed = _entries(found, artifact_id)
    alone = asked.optional_text("file", longest=4096)
    if alone is not None:
        told = [_entry_json(listed[alone])] if alone in listed else []
        return json_response({"folders": [], "files": told, "more": False})
    prefix = asked.text("prefix", "", longest=4096)
    folders, files, more = look_into(
        prefix,
        ((path, entry.size or 0, entry) for path, entry in listed.items()),
        after=asked.text("after", "", longest=4096),
        limit=min(asked.whole("limit", _MOST_FILES, least=1), _MOST_FILES),
    )
    told = [_entry_json(one) for one in files]
    return json_response(
        {"folders": [each._asdict() for each in folders], "files": told, "more": more}
    )


async def difference(request: Request) -> Response:
    """GET /api/artifacts/{id}/difference?with=: {added, removed, changed}: each {count, size,
    files: [{path, size, before}]}; what the version `with` has not, or has otherwise."""
    found, artifact_id = services(request), request.path_params["artifact_id"]
    other = Fields(request.query_params).text("with", longest=200)
    return json_response(await found.move(_difference, found, artifact_id, other))


def _difference(found: Services, artifact_id: str, other: str) -> dict[str, Any]:
    now, before = _entries(found, artifact_id), _entries(found, other)
    added = [(path, now[path].size, None) for path in sorted(now.keys() - before.keys())]
    removed = [(path, None, before[path].size) for path in sorted(before.keys() - now.keys())]
    both = sorted(now.keys() & before.keys())
    changed = [
        (path, now[path].size, before[path].size)
        for path in both
        if (now[path].digest, now[path].ref) != (before[path].digest, before[path].ref)
    ]
    told: dict[str, Any] = {"same": len(both) - len(changed)}
    for name, rows in (("added", added), ("removed", removed), ("changed", changed)):
        files = [{"path": path, "size": size, "before": was} for path, size, was in rows]
        told[name] = {"count": len(files), "files": files[:_MOST_CHANGES]}
    return told


def _entries(found: Services, artifact_id: str) -> dict[str, Entry]:
    artifact = found.store.get_artifact(artifact_id)
    listed = manifest_of(found, artifact.manifest)
    if listed is None:
        raise NotFoundError(f"the manifest of {artifact.name}:v{artifact.version} is gone")
    return listed.entries


def _entry_json(one: Entry) -> dict[str, Any]:
    kind = guess_type(one.path)
    told = {"path": one.path, "digest": one.digest, "size": one.size, "type": kind}
    return told if one.ref is None else {**told, "ref": one.ref}


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/runs/{run_id}/folder", of_run),
    ("GET", "/api/artifacts/{artifact_id}/folder", of_artifact),
    ("GET", "/api/artifacts/{artifact_id}/difference", difference),
)
