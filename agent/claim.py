"""Which process carries a run folder to its server: a lock in the folder, held while it does.

Two that cut the same records into chunks would give one number to different rows. The kernel lets
go of the lock however the process ends. Neighbours: `shipper.py`, `follow.py`.
"""

from __future__ import annotations

import fcntl
from typing import BinaryIO

from logging_core.folder import RunFolder


class Claim:
    """The shipping lock of one folder; not taken yet. Let go of with the object at the latest."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.shipping_lock
        self._file: BinaryIO | None = None

    def take(self) -> bool:
        """Whether it is ours (now). Asked again, it is tried again.

        Where the folder cannot be written or has no locks, nobody is kept away: True.
        """
        if self._file is not None:
            return True
        try:
            file = open(self._path, "ab")  # noqa: SIM115 - kept open, that is the lock
        except OSError:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        except OSError:
            pass
        self._file = file
        return True

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
