"""Bytes of the `wandb` client: sent to and fetched from signed addresses, without a key.

    PUT  a file          -> a blob; then whoever signed the address is told (`ARRIVED`)
    PUT  a part of one   -> kept until all of them are joined (controller/parts.py)
    GET  a blob, or what a module makes at the moment (`SERVED`)

A PUT is all or nothing, may be repeated, and never has more than a piece of the body in memory.
Clients try again after an error of 5xx and take anything but 200 for a failure. Neighbours:
signing.py (the addresses), fields.py (files of runs), artifacts/ (theirs).
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import ModuleType

from starlette.requests import Request
from starlette.responses import Response

from controller.arrivals import Arrival, Received, keep
from controller.checksums import hex_md5
from controller.parts import Parts
from controller.server.files_api import blobs_of, digest_of, guess_type, send
from controller.server.services import Services, services
from controller.server.wire import SIGNED, Handler, TooLarge
from controller.wandb_api.context import Door
from controller.wandb_api.files.signing import Grant
from sweeps.errors import DigestMismatch, NotFoundError, OpensweepError

Facts = Mapping[str, str]
"""What a module writes into an address, to find it again when it is used."""
Arriving = Callable[[Services, Facts, Received], None]
"""Told of a blob that came, in a worker thread, before the client is answered."""
Serving = Callable[[Request, Services, Facts], Awaitable[Response]]

_MODULES = {
    "run-file": "files.fields",
    "artifact-file": "artifacts.making",
    "artifact-manifest": "artifacts.contents",
}
"""purpose -> the module below this package with ARRIVED or SERVED for it. By name: an address may
be used before anybody else has asked for the module."""

MOST_BYTES = 5 << 40
_PIECE = 1 << 20
_BLOB, _PART = "blob", "part"


# -- addresses -------------------------------------------------------------------------------------


def upload_url(
    door: Door, purpose: str, facts: Facts, *, md5: str | None = None, name: str = ""
) -> str:
    """Where a client may PUT one object.

    Args:
        purpose: in `_MODULES`.
        md5: in base64, what its bytes must have.
        name: of the file, for people.
    """
    said = {"facts." + key: value for key, value in facts.items()}
    if md5:
        said["md5"] = hex_md5(md5)
    return _address(door, Grant("PUT", purpose, said), name)


def read_url(door: Door, purpose: str, facts: Facts, *, name: str = "") -> str:
    """Where a client may GET what a module serves."""
    said = {"facts." + key: value for key, value in facts.items()}
    return _address(door, Grant("GET", purpose, said), name)


def download_url(door: Door, digest: str, *, name: str) -> str:
    """Where a client may GET a blob; `name` is the file's."""
    return _address(door, Grant("GET", _BLOB, {"digest": digest, "name": name}), name)


def part_urls(
    door: Door, parts: Sequence[tuple[int, str | None]]
) -> tuple[str, list[tuple[int, str]]]:
    """Begins an upload in parts: its id, and for each (number, MD5 in hex or None) an address."""
    upload = Parts.new_upload()
    urls = []
    for number, md5 in parts:
        said = {"upload": upload, "number": str(number)}
        if md5:
            said["md5"] = md5.lower()
        urls.append((number, _address(door, Grant("PUT", _PART, said), f"part{number}")))
    return upload, urls


def join_parts(
    found: Services, upload: str, md5s: Mapping[int, str], *, md5: str | None = None
) -> Received:
    """Makes one blob of the parts; see `Parts.join` for what it raises.

    Args:
        md5s: number -> MD5 in hex, or the ETag that the part was answered with.
        md5: in base64, what the whole must have; else DigestMismatch, and the parts are dropped.
    """
    came = parts_of(found).join(upload, md5s)
    if md5 and hex_md5(md5) != came.md5:
        parts_of(found).drop(upload)
        raise DigestMismatch(f"the parts of upload {upload} make up something else than {md5}")
    return came


def drop_parts(found: Services, upload: str) -> None:
    """The client has given the upload up."""
    parts_of(found).drop(upload)


def parts_of(found: Services) -> Parts:
    blobs_of(found)  # or says that there are none
    assert found.parts is not None  # noqa: S101
    return found.parts


def _address(door: Door, grant: Grant, name: str) -> str:
    return door.url(door.found.signer.path(grant, name))


# -- requests --------------------------------------------------------------------------------------


async def put(request: Request) -> Response:
    """PUT of the whole body. 200 with its MD5 as ETag; 400 when it is not what was announced."""
    found = services(request)
    grant = found.signer.grant(request.path_params["token"], "PUT")
    arrival = Arrival(blobs_of(found))
    try:
        await _receive(request, found, arrival)
        _check(request, grant, arrival)
        received = await found.move(_keep, found, grant, arrival)
    except OpensweepError:
        # A client that still sends would see a broken connection, and not try again.
        with suppress(RuntimeError):  # all was read
            async for _ in request.stream():
                pass
        raise
    finally:
        await found.move(arrival.close)
    return Response(headers={"ETag": f'"{received.md5}"'})


async def get(request: Request) -> Response:
    """GET, HEAD: the object; Range and If-None-Match as for any blob."""
    found = services(request)
    grant = found.signer.grant(request.path_params["token"], request.method)
    if grant.kind != _BLOB:
        serve: Serving = _module(grant.kind).SERVED[grant.kind]
        return await serve(request, found, _facts(grant))
    digest, name = digest_of(grant.fields["digest"]), grant.fields["name"]
    size = await found.call(found.store.blob_size, digest)
    if size is None:
        raise NotFoundError(f"the bytes of {name!r} are not here any more")
    return await send(request, digest, size, guess_type(name), name=name.rpartition("/")[2])


async def _receive(request: Request, found: Services, arrival: Arrival) -> None:
    waiting = bytearray()
    async for part in request.stream():
        waiting += part
        if len(waiting) >= _PIECE:
            data, waiting = waiting, bytearray()
            if arrival.size + len(data) > MOST_BYTES:
                raise TooLarge(f"the file is longer than {MOST_BYTES:,} bytes")
            await found.move(arrival.write, data)
    if waiting:
        await found.move(arrival.write, waiting)


def _check(request: Request, grant: Grant, arrival: Arrival) -> None:
    """Raises DigestMismatch: these are not the bytes that were to come."""
    came = arrival.received()
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) != came.size:
        raise DigestMismatch(f"{came.size:,} bytes came of {int(length):,}; nothing was kept")
    announced = [grant.fields.get("md5")]
    if "content-md5" in request.headers:
        announced.append(hex_md5(request.headers["content-md5"]))
    for md5 in announced:
        if md5 is not None and md5 != came.md5:
            raise DigestMismatch(
                f"what came has MD5 {came.md5} and not {md5}; nothing was kept. The file changed"
                " while it was sent, or the connection damages what it carries."
            )


def _keep(found: Services, grant: Grant, arrival: Arrival) -> Received:
    if grant.kind == _PART:
        parts_of(found).put(grant.fields["upload"], int(grant.fields["number"]), arrival)
        return arrival.received()
    received = keep(found.store, blobs_of(found), arrival)
    arrived: Arriving = _module(grant.kind).ARRIVED[grant.kind]
    arrived(found, _facts(grant), received)
    return received


def _facts(grant: Grant) -> Facts:
    return {
        key.removeprefix("facts."): value
        for key, value in grant.fields.items()
        if key.startswith("facts.")
    }


def _module(purpose: str) -> ModuleType:
    return importlib.import_module(f"controller.wandb_api.{_MODULES[purpose]}")


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("PUT", f"{SIGNED}{{token}}/{{name:path}}", put),
    ("GET", f"{SIGNED}{{token}}/{{name:path}}", get),
)
