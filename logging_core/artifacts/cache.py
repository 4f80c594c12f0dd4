"""The download cache: blobs by their SHA-256, for all runs of a user on this machine.

What comes in is checked against its digest; it is only read afterwards (mode 0444), and copied out.
When it grows beyond its limit, what was not asked for the longest goes first. Safe for any number
of processes: a blob is put in place by a rename. Neighbours: source.py, staging.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from typing import Mapping

from logging_core import home
from logging_core.artifacts import staging
from logging_core.errors import CommError

LIMIT_GB = 50.0
_FRESH_S = 3600.0  # somebody may be about to copy it out
_PARTIAL_S = 7 * 24 * 3600.0


class Cache:
    """A folder of blobs. `limit` bytes; it may hold more for a while."""

    def __init__(self, folder: str, limit: float = LIMIT_GB * 1e9) -> None:
        self.folder = folder
        self._limit = limit

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Cache:
        """OPENSWEEP_CACHE_DIR, or `cache` in OPENSWEEP_HOME; OPENSWEEP_CACHE_GB bounds it."""
        env = os.environ if environ is None else environ
        given = env.get("OPENSWEEP_CACHE_DIR")
        folder = os.path.abspath(os.path.expanduser(given)) if given else None
        try:
            limit = float(env.get("OPENSWEEP_CACHE_GB") or LIMIT_GB)
        except ValueError:
            limit = LIMIT_GB
        return cls(folder or str(home.home_folder(env) / "cache"), limit * 1e9)

    def path(self, digest: str) -> str:
        return os.path.join(self.folder, "blobs", digest[:2], digest)

    def has(self, digest: str, size: int) -> bool:
        """Whether a blob is there; if so, it counts as just used."""
        path = self.path(digest)
        try:
            if os.stat(path).st_size != size:
                return False
            os.utime(path)
        except OSError:
            return False
        return True

    def put(self, digest: str, data: bytes) -> None:
        """Keeps a blob of which the digest was checked. Raises OSError."""
        fresh = staging.fresh_name(self._incoming())
        with open(fresh, "xb") as file:
            file.write(data)
        self._place(fresh, digest)

    def partial(self, digest: str) -> str:
        """Where a large blob is gathered, so that a download that broke off can go on.

        Of this process alone: two would write into each other's. Raises OSError.
        """
        return os.path.join(self._incoming(), f"{digest}.{os.getpid()}")

    def adopt(self, path: str, digest: str) -> None:
        """Takes a gathered file in, after a look at its digest. Raises CommError, OSError."""
        if staging.digest_of(path)[0] != digest:
            os.unlink(path)
            raise CommError(
                f"what came as {digest} is something else: the connection damages what it carries,"
                " or the server's files are damaged"
            )
        self._place(path, digest)

    def keep(self, path: str, digest: str) -> None:
        """Moves a file that is known to be `digest` in, or removes it if that cannot be."""
        try:
            self._incoming()
            self._place(path, digest)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def trim(self) -> None:
        """Removes what was not used the longest, until it is within its limit again."""
        now, found, total = time.time(), [], 0
        for folder, _, names in os.walk(os.path.join(self.folder, "blobs")):
            for name in names:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    stat = os.stat(path)
                    found.append((stat.st_mtime, stat.st_size, path))
                    total += stat.st_size
        for used, size, path in sorted(found):
            if total <= self._limit or used > now - _FRESH_S:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= size
        incoming = os.path.join(self.folder, "incoming")
        with contextlib.suppress(OSError):
            for name in os.listdir(incoming):
                path = os.path.join(incoming, name)
                with contextlib.suppress(OSError):
                    if os.stat(path).st_mtime < now - _PARTIAL_S:
                        os.unlink(path)

    def _incoming(self) -> str:
        folder = os.path.join(self.folder, "incoming")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return folder

    def _place(self, path: str, digest: str) -> None:
        target = self.path(digest)
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        os.chmod(path, 0o444)
        os.replace(path, target)
        os.utime(target)


def checked(digest: str, data: bytes) -> bytes:
    """`data` itself. CommError when it is something else."""
    if hashlib.sha256(data).hexdigest() != digest:
        raise CommError(f"what came as {digest} is something else")
    return data
