"""Bytes that arrive before anybody knows their SHA-256: as files of the `wandb` client do.

Both digests are made on the way. A small one waits in memory, a larger one in a file of the
incoming folder; nothing counts before `keep`, and what broke off is thrown away, by the collector
at the latest. Neighbours: blobs.py (uploads of which the digest is told first), parts.py (several
requests for one blob), store/files.py (the states of a blob).
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from controller.blobs import Blobs, room
from controller.store.store import Store

_SMALL = 1 << 20


class Received(NamedTuple):
    """A blob that came: its SHA-256, its MD5 (both in hex), how many bytes."""

    digest: str
    md5: str
    size: int


class Arrival:
    """One upload. For one thread at a time; `close` it whatever happens.

    Raises StoreUnavailable where the disk is full or broken.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._path = blobs.incoming / f"put.{secrets.token_hex(16)}"
        self._descriptor: int | None = None
        self._memory = bytearray()
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def write(self, data: bytes | bytearray) -> None:
        self._sha256.update(data)
        self._md5.update(data)
        self.size += len(data)
        if self._descriptor is None and self.size <= _SMALL:
            self._memory += data
            return
        with room(self._path):
            if self._descriptor is None:
                self._open()
            self._append(data)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        self._append(self._memory)
        self._memory = bytearray()

    def _append(self, data: bytes | bytearray) -> None:
        assert self._descriptor is not None  # noqa: S101
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def received(self) -> Received:
        """What came so far."""
        return Received(self._sha256.hexdigest(), self._md5.hexdigest(), self.size)

    def put(self, blobs: Blobs) -> None:
        """Puts all that came in its place; the store must know of it (`keep`)."""
        digest = self._sha256.hexdigest()
        if self._descriptor is None:
            blobs.put_many({digest: bytes(self._memory)})
            return
        with room(self._path):
            os.fsync(self._descriptor)
        blobs.put_file(digest, self._path)

    def move(self, path: Path) -> None:
        """Makes all that came the file `path`, whole or not at all; below `incoming`."""
        with room(path):
            if self._descriptor is None:
                self._open()
            assert self._descriptor is not None  # noqa: S101
            os.fsync(self._descriptor)
            self._path.replace(path)

    def close(self) -> None:
        """Throws away what was not put anywhere."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._path.unlink(missing_ok=True)
        self._memory = bytearray()


def keep(store: Store, blobs: Blobs, arrival: Arrival) -> Received:
    """Makes a blob of all that came; safe to repeat. Raises StoreUnavailable, StoreError."""
    came = arrival.received()
    if came.digest in store.begin_blobs({came.digest: came.size}):
        store.keep_md5s({came.digest: came.md5})
    else:
        arrival.put(blobs)
        store.finish_blobs([came.digest], {came.digest: came.md5})
    return came
