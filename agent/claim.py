"""Which process carries a run folder to its server: a lock in the folder, held while it does.

Two that cut the same records into chunks would give one number to different rows. The kernel lets
go of the lock however the process ends. Neighbours: `shipper.py`, `follow.py`.
"""

from __future__ import annotations

import fcntl
import os

from logging_core.folder import RunFolder


class Claim:
    """The shipping lock of one folder; not taken yet. Let go of with the object at the latest."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.shipping_lock
        self._fd = -1

    def __del__(self) -> None:
        self.release()

    def take(self) -> bool:
        """Whether it is ours (now). Asked again, it is tried again.

        Where the folder cannot be written or has no locks, nobody is kept away: True.
        """
        if self._fd >= 0:
            return True
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return True
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except OSError:
            pass
        self._fd = fd
        return True

    def release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
