"""Copies of files, by content: what a script changes afterwards must not change what it logged.

A copy shares its blocks with the original where the file system can (btrfs, XFS, …), and costs
nothing then. A hard link is only made of a file that is said to be immutable. Neighbours:
artifact.py, cache.py, saving.py.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import hashlib
import os
import threading
from typing import IO, Callable, NamedTuple

_READ = 1 << 20
_FICLONE = 0x40049409  # ioctl: share the blocks of another file


class Staged(NamedTuple):
    """A file that was taken in: its SHA-256, its size in bytes, and where its copy is."""

    digest: str
    size: int
    path: str


def digest_of(path: str) -> tuple[str, int]:
    """(SHA-256, size) of a file. Raises OSError."""
    found = hashlib.sha256()
    size = _read_into(path, found.update)
    return found.hexdigest(), size


def digests_of(path: str) -> tuple[str, int, str]:
    """(SHA-256, size, MD5 in base64) of a file; "" for an MD5 that this Python does not make.

    Raises OSError.
    """
    found = hashlib.sha256()
    try:
        md5 = hashlib.md5()
    except ValueError:  # a system where MD5 is forbidden
        return (*digest_of(path), "")

    def update(part: bytes) -> None:
        found.update(part)
        md5.update(part)

    size = _read_into(path, update)
    return found.hexdigest(), size, base64.b64encode(md5.digest()).decode()


def _read_into(path: str, update: Callable[[bytes], object]) -> int:
    """Every part of a file; returns its size."""
    size = 0
    with open(path, "rb") as file:
        while True:
            part = file.read(_READ)
            if not part:
                return size
            update(part)
            size += len(part)


def stage(path: str, folder: str, *, immutable: bool = False) -> Staged:
    """Takes a copy of a file into `folder`, under its digest. Raises OSError.

    What is digested is the copy, so they agree even when the file changes meanwhile.
    """
    os.makedirs(folder, exist_ok=True)
    fresh = fresh_name(folder)
    try:
        digest, size = _link(path, fresh) if immutable else None, 0
        if digest is None:
            digest, size = copy(path, fresh)
        else:
            size = os.stat(fresh).st_size
        target = os.path.join(folder, digest)
        if os.path.exists(target):
            os.unlink(fresh)
        else:
            os.rename(fresh, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise
    return Staged(digest, size, target)


def copy(path: str, target: str) -> tuple[str, int]:
    """Copies a file to `target`, which must not be there; its (SHA-256, size). Raises OSError."""
    with open(path, "rb") as source, open(target, "xb") as file:
        if share(source, file):
            return digest_of(target)
        return _copy_bytes(source, file)


def clone(path: str, target: str) -> None:
    """As `copy`, without the digest; `target` is replaced, whole or not at all. Raises OSError."""
    fresh = fresh_name(os.path.dirname(target) or ".")
    try:
        with open(path, "rb") as source, open(fresh, "xb") as file:
            if not share(source, file):
                _send(source, file)
        os.replace(fresh, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def share(source: IO[bytes], target: IO[bytes]) -> bool:
    """Makes `target` share the blocks of `source`; False where the file system cannot."""
    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:
        return False
    return True


def fresh_name(folder: str) -> str:
    """A name in `folder` that no other thread or process takes."""
    return os.path.join(folder, f".{os.getpid()}-{threading.get_ident()}-{os.urandom(4).hex()}")


def _link(path: str, target: str) -> str | None:
    """The digest; None when the file cannot be linked there."""
    try:
        os.link(os.path.realpath(path), target)
    except OSError:
        return None
    return digest_of(target)[0]


def _copy_bytes(source: IO[bytes], target: IO[bytes]) -> tuple[str, int]:
    found, size = hashlib.sha256(), 0
    while True:
        part = source.read(_READ)
        if not part:
            target.flush()
            return found.hexdigest(), size
        found.update(part)
        target.write(part)
        size += len(part)


def _send(source: IO[bytes], target: IO[bytes]) -> None:
    """Copies in the kernel where that works."""
    offset = 0
    try:
        while True:
            sent = os.sendfile(target.fileno(), source.fileno(), offset, 1 << 30)
            if not sent:
                return
            offset += sent
    except OSError as error:
        if offset or error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSOCK):
            raise
    _copy_bytes(source, target)
