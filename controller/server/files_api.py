"""Blobs by digest, in pieces and with checksums; and the files of a run.

A blob is sent once, whatever refers to it: small ones many in a bundle, large ones in pieces that
go on where an earlier try broke off. Nothing is ever whole in memory but a bundle. What refers to
blobs is told apart from them (`save_files`, artifacts_api.py) and only once they are there.
"""

from __future__ import annotations

import io
import mimetypes
import re
from collections.abc import AsyncIterator, Generator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from controller.blobs import Blobs, Upload
from controller.checksums import md5_of
from controller.server.services import Services, services
from controller.server.wire import (
    Fields,
    TooLarge,
    error_response,
    json_response,
    read_body,
    read_json,
)
from controller.store.files import FileRecord, NewFile
from logging_core.artifacts import bundles
from logging_core.artifacts.names import check_digest, check_path
from logging_core.errors import UsageError as NamesError
from sweeps.errors import ConfigurationError, DigestMismatch, NotFoundError, UsageError

PIECE_BYTES = 64 << 20
"""One request may carry so much of a blob."""
_BUNDLE_BYTES = bundles.BUNDLE + 2 * bundles.SMALL
_WRITE_BYTES = 1 << 20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TEXTS = (".cfg", ".diff", ".ini", ".jsonl", ".log", ".md", ".patch", ".toml", ".yaml", ".yml")
"""Shown as they are; not all systems know a type for them."""
_SHOWN = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data: blob: 'self'; media-src data: blob: 'self'; font-src data:"
)
"""What scripts saved is shown by browsers as it is: an origin of its own, which nothing runs in and
which fetches nothing from elsewhere."""
_WITH_SCRIPTS = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; "
    "img-src data: blob:; media-src data: blob:; font-src data:"
)
"""The same, where somebody wants to see what its own scripts draw: still an origin of its own,
without anybody's session and without a network."""
_DIGESTS = 20_000
"""Digests in one question."""
_FILES = 10_000
"""Files recorded or listed in one request."""


# -- blobs ----------------------------------------------------------------------------------------


async def blob_state(request: Request) -> Response:
    """HEAD /api/blobs/{digest}: 200 with its Content-Length when it is there; else 404 with
    Upload-Offset, how many bytes of it have arrived."""
    found, digest = services(request), digest_of(request.path_params["digest"])
    size = await found.call(found.store.blob_size, digest)
    if size is not None:
        return Response(headers={"Content-Length": str(size)})
    have = await found.move(blobs_of(found).arrived, digest)
    return Response(status_code=404, headers={"Upload-Offset": str(have)})


async def get_blob(request: Request) -> Response:
    """GET /api/blobs/{digest}: the bytes, or with a Range header some of them."""
    found, digest = services(request), digest_of(request.path_params["digest"])
    size = await found.call(found.store.blob_size, digest)
    if size is None:
        raise NotFoundError(f"there is no blob {digest}")
    return await send(request, digest, size, "application/octet-stream")


async def put_blob(request: Request) -> Response:
    """PUT /api/blobs/{digest}?offset=&size=: the bytes from `offset` on, of `size` in all.

    Answers {have, stored, busy}: send on from `have` until it is stored. Bytes from an offset
    other than `have`, or while another client sends the same blob (busy), are not taken: wait a
    little and ask again. Whatever arrived of a request that broke off stays.
    """
    found, digest = services(request), digest_of(request.path_params["digest"])
    query = Fields(request.query_params)
    offset, size = query.whole("offset", 0), query.whole("size")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > PIECE_BYTES:
        raise TooLarge(f"the piece is longer than {PIECE_BYTES:,} bytes")
    known = await found.call(found.store.blob_size, digest)
    if known is not None:
        await _pass_over(request)
        return _have(known, stored=True)
    blobs = blobs_of(found)
    upload = await found.move(blobs.begin, digest)
    if upload is None:
        await _pass_over(request)
        return _have(await found.move(blobs.arrived, digest), busy=True)
    try:
        if upload.have != offset:
            await _pass_over(request)
            return _have(upload.have)
        await _receive(request, found, upload)
        if upload.have < size:
            return _have(upload.have)
        await found.move(_finish, found, upload, size)
        return _have(size, stored=True)
    finally:
        blobs.end(upload)


async def _receive(request: Request, found: Services, upload: Upload) -> None:
    waiting, taken = bytearray(), 0
    try:
        async for part in request.stream():
            waiting += part
            taken += len(part)
            if taken > PIECE_BYTES:
                raise TooLarge(f"the piece is longer than {PIECE_BYTES:,} bytes")
            if len(waiting) >= _WRITE_BYTES:
                data, waiting = bytes(waiting), bytearray()
                await found.move(upload.write, data)
    finally:
        if waiting:  # also of a connection that broke
            upload.write(bytes(waiting))


def _finish(found: Services, upload: Upload, size: int) -> None:
    if upload.have > size:
        upload.discard()
        raise DigestMismatch(f"more was sent as {upload.digest} than the {size:,} bytes announced")
    upload.check()
    if upload.digest in found.store.begin_blobs({upload.digest: size}):
        upload.discard()
        return
    md5s = {upload.digest: upload.md5}
    blobs_of(found).finish(upload)
    found.store.finish_blobs([upload.digest], md5s)


async def _pass_over(request: Request) -> None:
    """Reads what nobody wants: a client that still sends would not see the answer."""
    async for _ in request.stream():
        pass


def _have(have: int, *, stored: bool = False, busy: bool = False) -> Response:
    return json_response({"have": have, "stored": stored, "busy": busy})


async def missing(request: Request) -> Response:
    """POST /api/blobs/missing {digests}: {missing}: those that must be sent."""
    found = services(request)
    wanted = digests_of(await read_json(request))
    return json_response({"missing": await found.call(found.store.missing_blobs, wanted)})


async def put_bundle(request: Request) -> Response:
    """POST /api/blobs/bundle: many small blobs (logging_core/artifacts/bundles.py). 204."""
    found = services(request)
    body = await read_body(request, _BUNDLE_BYTES)
    await found.move(_put_bundle, found, body)
    return Response(status_code=204)


def _put_bundle(found: Services, body: bytes) -> None:
    try:
        given = dict(bundles.read(io.BytesIO(body)))
    except bundles.BundleError as error:
        raise DigestMismatch(f"{error}; nothing of the bundle was kept") from None
    stored = found.store.begin_blobs({digest: len(data) for digest, data in given.items()})
    fresh = {digest: data for digest, data in given.items() if digest not in stored}
    if fresh:
        blobs_of(found).put_many(fresh)
        found.store.finish_blobs(fresh, {digest: md5_of(data) for digest, data in fresh.items()})


async def get_bundle(request: Request) -> Response:
    """POST /api/blobs/fetch {digests}: those that are there and small, as a bundle."""
    found = services(request)
    wanted = digests_of(await read_json(request))
    sizes = await found.call(found.store.blob_sizes, wanted)
    small = {digest: size for digest, size in sizes.items() if size <= bundles.SMALL}
    pieces = _bundle(blobs_of(found), small)
    return StreamingResponse(_stream(found, pieces), media_type="application/octet-stream")


def _bundle(blobs: Blobs, sizes: dict[str, int]) -> Generator[bytes]:
    waiting = bytearray()
    for digest, size in sizes.items():
        waiting += bundles.head(digest, size)
        for part in blobs.read(digest):
            waiting += part
        if len(waiting) >= _WRITE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


# -- files of a run -------------------------------------------------------------------------------


async def save_files(request: Request) -> Response:
    """POST /api/runs/{id}/files {writer, files: [{path, digest}]}: records them.

    Answers {missing}: digests that must be sent first; then nothing was recorded.
    """
    found = services(request)
    body = await read_json(request)
    given = body.objects("files", most=_FILES)
    new = [NewFile(path_of(one.text("path")), digest_of(one.text("digest"))) for one in given]
    absent = await found.call(
        found.store.add_files, request.path_params["run_id"], body.whole("writer", least=1), new
    )
    return json_response({"missing": absent})


async def files(request: Request) -> Response:
    """GET /api/runs/{id}/files?prefix=&after=&limit=: {files: [{path, digest, size, updated}]},
    by path; 404 when there is no such run."""
    found = services(request)
    query = Fields(request.query_params)
    run_id = request.path_params["run_id"]
    listed = await found.call(
        found.store.files,
        run_id,
        prefix=query.text("prefix", ""),
        after=query.text("after", ""),
        limit=min(query.whole("limit", 1000, least=1), _FILES),
    )
    if not listed:
        await found.call(found.store.get_run, run_id)  # raises NotFoundError
    return json_response({"files": [file_json(one) for one in listed]})


async def file(request: Request) -> Response:
    """GET /api/runs/{id}/files/{path}, or /api/runs/{id}/file?path=: its bytes; Range as above."""
    found = services(request)
    path = path_of(asked_path(request))
    one = await found.call(found.store.get_file, request.path_params["run_id"], path)
    name = path.rpartition("/")[2]
    return await send(request, one.digest, one.size, guess_type(path), name=name)


async def delete_file(request: Request) -> Response:
    """DELETE, as `file`: forgets it. 204."""
    found = services(request)
    path = path_of(asked_path(request))
    await found.call(found.store.delete_file, request.path_params["run_id"], path)
    return Response(status_code=204)


def file_json(one: FileRecord) -> dict[str, Any]:
    return {
        "path": one.path,
        "digest": one.digest,
        "size": one.size,
        "updated": one.updated,
        "type": guess_type(one.path),
    }


# -- shared with artifacts_api.py -----------------------------------------------------------------


def blobs_of(found: Services) -> Blobs:
    if found.blobs is None:
        raise ConfigurationError("this server keeps no files")
    return found.blobs


def digest_of(text: str) -> str:
    """Raises UsageError."""
    try:
        return check_digest(text)
    except NamesError as error:
        raise UsageError(str(error)) from None


def digests_of(body: Fields) -> list[str]:
    given = body.texts("digests")
    if len(given) > _DIGESTS:
        raise TooLarge(f"digests: at most {_DIGESTS:,} at a time")
    return [digest_of(one) for one in given]


def path_of(text: str) -> str:
    """Raises UsageError."""
    try:
        return check_path(text)
    except NamesError as error:
        raise UsageError(str(error)) from None


def asked_path(request: Request) -> str:
    """In the address, or, for one that holds a line break, in the query."""
    told = request.path_params.get("path")
    return told if told else Fields(request.query_params).text("path", longest=4096)


def guess_type(path: str) -> str:
    """What a browser is told of a file: by its name alone, so that nothing is made of its bytes."""
    kind, packed = mimetypes.guess_type(path)
    if packed:
        return "application/gzip" if packed == "gzip" else "application/octet-stream"
    if path.lower().endswith(_TEXTS):
        return "text/plain"
    return kind or "application/octet-stream"


async def send(
    request: Request, digest: str, size: int, media_type: str, *, name: str = ""
) -> Response:
    """A blob's bytes as an answer: all, or what the Range header asks for; none for HEAD.

    Args:
        name: what a browser calls the file when it saves it.
    """
    found = services(request)
    etag = f'"{digest}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": _WITH_SCRIPTS if _asked(request, "scripts") else _SHOWN,
    }
    if name:
        how = "attachment" if _asked(request, "download") else "inline"
        headers["Content-Disposition"] = f"{how}; filename*=UTF-8''{quote(name, safe='')}"
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    wanted = _asked_range(request, size)
    if wanted is not None and wanted[0] >= size:
        refused = error_response(416, "UsageError", f"the range is behind the {size:,} bytes")
        refused.headers["Content-Range"] = f"bytes */{size}"
        return refused
    start, end = wanted or (0, size)
    headers["Content-Length"] = str(end - start)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 206 if wanted else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    pieces = await found.move(blobs_of(found).read, digest, start, end - start)
    return StreamingResponse(
        _stream(found, pieces), status_code=status, headers=headers, media_type=media_type
    )


def _asked(request: Request, name: str) -> bool:
    return request.query_params.get(name) == "1"


def _asked_range(request: Request, size: int) -> tuple[int, int] | None:
    """(first, behind the last); None: all of it. A `first` of `size` can be had by nobody."""
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    end = min(size, int(last) + 1) if last else size
    return (int(first), end) if int(first) < end or int(first) >= size else None


async def _stream(found: Services, pieces: Generator[bytes]) -> AsyncIterator[bytes]:
    try:
        while (part := await found.move(next, pieces, None)) is not None:
            yield part
    finally:
        with suppress(ValueError):  # its thread still reads: then it closes the file itself
            pieces.close()


ROUTES = (
    ("HEAD", "/api/blobs/{digest}", blob_state),
    ("GET", "/api/blobs/{digest}", get_blob),
    ("PUT", "/api/blobs/{digest}", put_blob),
    ("POST", "/api/blobs/missing", missing),
    ("POST", "/api/blobs/bundle", put_bundle),
    ("POST", "/api/blobs/fetch", get_bundle),
    ("POST", "/api/runs/{run_id}/files", save_files),
    ("GET", "/api/runs/{run_id}/files", files),
    ("GET", "/api/runs/{run_id}/file", file),
    ("GET", "/api/runs/{run_id}/files/{path:path}", file),
    ("DELETE", "/api/runs/{run_id}/file", delete_file),
    ("DELETE", "/api/runs/{run_id}/files/{path:path}", delete_file),
)
