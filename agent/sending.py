"""Files on their way to the server: small ones many at a time, large ones in pieces.

The work is done in steps (generators), so that whoever drives them can do other things in between
and end soon; one that is dropped in the middle loses nothing, because the server keeps what has
arrived. A file is only read, never kept in memory whole unless it is small. Neighbours:
uploads.py and artifacts.py (what is sent), sweeps/protocol/calls/files.py (the requests).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass

from logging_core.artifacts import bundles
from sweeps.errors import DigestMismatch
from sweeps.protocol.client import Client

PIECE = 8 << 20
"""Bytes of a large file in one request, or read between two steps."""
_QUESTION = 10_000  # digests asked about at a time
_BUSY_S = 0.1

Steps = Generator[None, None, None]


@dataclass(frozen=True)
class Origin:
    """Where the bytes of a blob lie on this machine, and how many they should be."""

    path: str
    size: int


def digest_steps(path: str) -> Generator[None, None, str]:
    """The SHA-256 of a file. Raises OSError."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(PIECE):
            found.update(part)
            yield
    return found.hexdigest()


def send_steps(
    client: Client, wanted: Mapping[str, Origin | None]
) -> Generator[None, None, set[str]]:
    """Brings all of `wanted` (by digest) to the server, as far as it does not have them.

    Returns the digests that could not be brought: their bytes are not (or no longer) what they
    were, or have no origin here. Raises sweeps.errors as Client does.
    """
    lost: set[str] = set()
    large: dict[str, Origin] = {}
    bundle, bundled = bytearray(), 0
    digests = list(wanted)
    for start in range(0, len(digests), _QUESTION):
        for digest in client.missing_blobs(digests[start : start + _QUESTION]):
            origin = wanted[digest]
            if origin is None:
                lost.add(digest)
            elif origin.size > bundles.SMALL:
                large[digest] = origin
            elif (data := _read(origin, digest)) is None:
                lost.add(digest)
            else:
                bundle += bundles.head(digest, len(data))
                bundle += data
                bundled += 1
            if len(bundle) >= bundles.BUNDLE or bundled >= bundles.MANY:
                client.send_bundle(bytes(bundle))
                bundle, bundled = bytearray(), 0
                yield
        yield
    if bundle:
        client.send_bundle(bytes(bundle))
        yield
    for digest, origin in large.items():
        if not (yield from _send_large(client, digest, origin)):
            lost.add(digest)
    return lost


def _send_large(client: Client, digest: str, origin: Origin) -> Generator[None, None, bool]:
    """Whether it arrived as what it was announced as."""
    arrived = client.send_piece(digest, origin.size, 0, b"")  # how much is there?
    try:
        with open(origin.path, "rb") as file:
            while not arrived.stored:
                yield
                if arrived.busy:
                    time.sleep(_BUSY_S)
                    data = b""
                else:
                    file.seek(arrived.have)
                    data = file.read(min(PIECE, origin.size - arrived.have))
                    if not data and arrived.have < origin.size:
                        return False  # it has become shorter
                arrived = client.send_piece(digest, origin.size, arrived.have, data)
    except (DigestMismatch, OSError):
        return False
    return True


def _read(origin: Origin, digest: str) -> bytes | None:
    """The bytes of a small file; None when they are others by now."""
    try:
        descriptor = os.open(origin.path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(bundles.SMALL + 1)
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == digest else None


class Work:
    """Steps, worked for a bearable time at each call: what an errand's `work` does."""

    SLICE_S = 1.0

    def __init__(self) -> None:
        self._steps: Steps | None = None

    def begin(self, steps: Steps) -> None:
        """Instead of nothing."""
        self._steps = steps

    def go_on(self) -> bool:
        """Works for a while; True when all steps are done. An error ends them."""
        steps, self._steps = self._steps, None
        if steps is None:
            return True
        until = time.monotonic() + self.SLICE_S
        for _ in steps:
            if time.monotonic() > until:
                self._steps = steps
                return False
        return True

    @property
    def under_way(self) -> bool:
        return self._steps is not None
