"""Where the bytes of blobs are: in a local folder, or in an object store behind fsspec.

    <folder>/incoming/…          what has arrived of uploads: <digest> of one in pieces, the
                                 rest is arrivals.py's and parts.py's
    <folder>/<aa>/<digest>       whole blobs (local), named by their SHA-256
    <url>/<aa>/<digest>          whole blobs (elsewhere); then the folder has only `incoming`

Bytes only: which of them count, and what refers to them, is the store's (store/files.py). A blob
is in its place whole or not at all: it is written beside it, forced to the disk, checked, and
renamed. Neighbours: server/files_api.py (brings and asks), garbage.py (takes away).
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import threading
import time
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

from sweeps.errors import ConfigurationError, DigestMismatch, StoreError, StoreUnavailable

_READ = 1 << 20
_FEW = 8
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class Place(Protocol):
    """Where whole blobs are."""

    def put_file(self, digest: str, path: Path) -> None:
        """Takes a file away from `path`."""

    def put_many(self, blobs: Mapping[str, bytes]) -> None: ...

    def open(self, digest: str) -> IO[bytes]:
        """Raises FileNotFoundError."""

    def delete(self, digest: str) -> None:
        """One that is not there is deleted already."""


class Upload:
    """A blob that arrives in pieces. One request at a time holds it (`Blobs.begin`)."""

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest = path, digest
        self.have = 0
        self.lock = threading.Lock()
        self._begin()
        self._descriptor: int | None = None

    @property
    def md5(self) -> str:
        """In hex, of what is there."""
        return self._md5.hexdigest()

    def open(self) -> None:
        """Goes on where it was, also after a restart: the hash is made anew of what there is."""
        if self._descriptor is not None and self.path.exists():
            return
        self.close()
        self._begin()
        with room(self.path):
            self._descriptor = os.open(
                self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            while part := os.read(self._descriptor, _READ):
                self._add(part)

    def write(self, data: bytes) -> None:
        """Raises StoreUnavailable: the disk is full, say; what came before stays."""
        assert self._descriptor is not None  # noqa: S101
        left = memoryview(data)
        try:
            with room(self.path):
                while left:
                    left = left[os.write(self._descriptor, left) :]
        except BaseException:
            self.close()  # who knows how much is there: the next one looks
            raise
        self._add(data)

    def check(self) -> None:
        """All has arrived: raises DigestMismatch, and throws it away, when it is something else."""
        assert self._descriptor is not None  # noqa: S101
        if self._sha256.hexdigest() != self.digest:
            self.discard()
            raise DigestMismatch(
                f"what was sent as {self.digest} has another SHA-256, and was thrown away: the"
                " file changed while it was read, or the connection damages what it carries"
            )
        with room(self.path):
            os.fsync(self._descriptor)

    def discard(self) -> None:
        """From the beginning again."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self.have = None, 0

    def _begin(self) -> None:
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)  # wandb clients name blobs by it

    def _add(self, data: bytes) -> None:
        self._sha256.update(data)
        self._md5.update(data)
        self.have += len(data)


class Blobs:
    """The bytes of all blobs. Thread-safe; a method that names no error of its own may raise
    StoreUnavailable (no room, out of reach: try again) and StoreError.

    Attributes:
        incoming: the local folder of what arrives.
    """

    _OPEN = 64  # uploads of which the hash is kept in memory

    def __init__(self, folder: Path, place: Place) -> None:
        self.incoming = folder / "incoming"
        self._place = place
        self._lock = threading.Lock()
        self._uploads: dict[str, Upload] = {}

    def arrived(self, digest: str) -> int:
        """How many bytes of an unfinished upload are there."""
        with self._lock:
            upload = self._uploads.get(digest)
        if upload is not None and upload.have:
            return upload.have
        try:
            return (self.incoming / digest).stat().st_size
        except OSError:
            return 0

    def begin(self, digest: str) -> Upload | None:
        """The upload of a blob, for the caller alone until `end`; None: another is sending it."""
        with self._lock:
            upload = self._uploads.pop(digest, None) or Upload(self.incoming / digest, digest)
            self._uploads[digest] = upload  # the last that was asked for
            if not upload.lock.acquire(blocking=False):
                return None
            idle = [one for one in self._uploads.values() if not one.lock.locked()]
            for old in idle[: max(0, len(self._uploads) - self._OPEN)]:
                old.close()
                del self._uploads[old.digest]
        try:
            upload.open()
        except BaseException:
            upload.lock.release()
            raise
        return upload

    def end(self, upload: Upload) -> None:
        """Another may go on with it."""
        with self._lock:
            if not upload.have:  # nothing arrived, or all of it and it is in its place
                upload.close()
                self._uploads.pop(upload.digest, None)
            upload.lock.release()

    def finish(self, upload: Upload) -> None:
        """Puts a blob, all of which has arrived and was checked, in its place."""
        upload.close()
        self.put_file(upload.digest, upload.path)

    def put_file(self, digest: str, path: Path) -> None:
        """Takes a file below `incoming`, checked and forced to the disk, to its place."""
        with room(path):
            self._place.put_file(digest, path)

    def put_many(self, blobs: Mapping[str, bytes]) -> None:
        """Puts small blobs, already checked, in their places."""
        with room(self.incoming):
            self._place.put_many(blobs)

    def read(self, digest: str, start: int = 0, length: int | None = None) -> Generator[bytes]:
        """The bytes from `start` on, at most `length`, piece by piece. Opens at once."""
        with room(self.incoming):
            try:
                file = self._place.open(digest)
            except FileNotFoundError:
                raise StoreError(
                    f"the bytes of {digest} are gone from where the server keeps them: restore"
                    " that folder (or bucket) from a backup"
                ) from None
        return _pieces(file, start, length)

    def delete(self, digest: str) -> None:
        with room(self.incoming):
            self._place.delete(digest)

    def drop_stale_uploads(self, older_than_s: float) -> int:
        """Removes what arrived of uploads that nobody went on with for so long. How many?"""
        dropped = 0
        for path in sorted(self.incoming.iterdir()):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime < older_than_s:
                    continue
                with self._lock:
                    upload = self._uploads.get(path.name)
                    if upload is not None:
                        if upload.lock.locked():
                            continue
                        upload.close()
                        del self._uploads[path.name]
                    path.unlink()
                    dropped += 1
        return dropped


class LocalPlace:
    """Blobs in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put_file(self, digest: str, path: Path) -> None:
        target = self._path(digest)
        os.replace(path, target)
        _sync(target.parent)

    def put_many(self, blobs: Mapping[str, bytes]) -> None:
        fresh = {digest: self._fresh(digest) for digest in blobs}
        for digest, data in blobs.items():
            with open(os.open(fresh[digest], _NEW, 0o600), "wb") as file:
                file.write(data)
        targets = {digest: self._path(digest) for digest in blobs}
        self._sync_all(fresh.values())
        for digest, target in targets.items():
            os.replace(fresh[digest], target)
        self._sync_all({target.parent for target in targets.values()})

    def _sync_all(self, paths: Collection[Path]) -> None:
        """All of them at once, where the system can: one by one, thousands take their time."""
        syncfs = getattr(ctypes.CDLL(None), "syncfs", None) if len(paths) > _FEW else None
        if syncfs is None:
            for path in paths:
                _sync(path)
            return
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if syncfs(descriptor) != 0:
                raise OSError(errno.EIO, f"{self._folder} could not be forced to the disk")
        finally:
            os.close(descriptor)

    def _fresh(self, digest: str) -> Path:
        # The thread keeps two that write the same blob apart.
        return self._folder / "incoming" / f"{digest}.{threading.get_ident()}"

    def open(self, digest: str) -> IO[bytes]:
        return open(self._folder / digest[:2] / digest, "rb")

    def delete(self, digest: str) -> None:
        (self._folder / digest[:2] / digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        folder = self._folder / digest[:2]
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / digest


class RemotePlace:
    """Blobs in whatever fsspec reaches: s3://, gs://, az://, …"""

    def __init__(self, url: str) -> None:
        try:
            import fsspec

            self._files, self._root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise ConfigurationError(
                f"OPENSWEEP_ARTIFACTS_URL={_without_secrets(url)} needs more packages where the"
                f" server runs: pip install 'opensweep[artifacts]' ({error})"
            ) from error
        except ValueError as error:
            raise ConfigurationError(
                f"OPENSWEEP_ARTIFACTS_URL={_without_secrets(url)} is no address: {error}"
            ) from error

    def put_file(self, digest: str, path: Path) -> None:
        target = self._path(digest)
        self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(path), target)
        path.unlink()

    def put_many(self, blobs: Mapping[str, bytes]) -> None:
        for folder in {self._path(digest).rpartition("/")[0] for digest in blobs}:
            self._files.makedirs(folder, exist_ok=True)
        self._files.pipe({self._path(digest): data for digest, data in blobs.items()})

    def open(self, digest: str) -> IO[bytes]:
        file: IO[bytes] = self._files.open(self._path(digest), "rb")
        return file

    def delete(self, digest: str) -> None:
        with suppress(FileNotFoundError):
            self._files.rm_file(self._path(digest))

    def _path(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"


def open_blobs(folder: Path, url: str | None = None) -> Blobs:
    """The blobs of a server.

    Args:
        folder: a local one, for uploads and, without `url`, for all; made if it is not there.
        url: where whole blobs go: anything that fsspec knows.

    Raises ConfigurationError.
    """
    try:
        (folder / "incoming").mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {folder} cannot be used: {error.strerror} (OPENSWEEP_HOME)"
        ) from error
    return Blobs(folder, RemotePlace(url) if url else LocalPlace(folder))


@contextmanager
def room(where: Path) -> Iterator[None]:
    """Turns what disks and object stores raise into our errors."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreUnavailable(
                f"the server has no room for files: the disk with {where.parent} is full. Free"
                " some space on it; what was sent so far is kept."
            ) from error
        raise StoreUnavailable(
            f"the server cannot read or write its files at {where.parent}: {error}. Try again."
        ) from error
    except (StoreError, DigestMismatch, ConfigurationError):
        raise
    except Exception as error:
        # The libraries behind fsspec each have errors of their own.
        raise StoreUnavailable(
            f"the place for files (OPENSWEEP_ARTIFACTS_URL) does not work: {error!r}. Try again."
        ) from error


def _pieces(file: IO[bytes], start: int, length: int | None) -> Generator[bytes]:
    with file:
        if start:
            file.seek(start)
        left = length
        while left is None or left > 0:
            part = file.read(_READ if left is None else min(_READ, left))
            if not part:
                return
            yield part
            if left is not None:
                left -= len(part)


def _sync(path: Path) -> None:
    """Forces a file, or what a folder lists, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _without_secrets(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
