"""Packs history in the background, so that reading a run costs the same however it came in.

A thread of its own in the server: it asks the store each second which streams have enough waiting,
and packs them piece by piece. It never holds up whoever records (each piece is one short
transaction), and may die anywhere: what was not packed is packed later. Two servers on one database
may both do this. Neighbours: `store/packer.py` (does it), `server/process.py` (starts it).
"""

from __future__ import annotations

import logging
import threading

from controller.store.packer import Due
from controller.store.store import Store
from sweeps.errors import ChunkError, StoreError

log = logging.getLogger(__name__)

EVERY_S = 1.0
_AWAY_S = 10.0


class Packer:
    """Packs until it is closed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._over = threading.Event()
        self._damaged: set[Due] = set()  # said once, and left alone
        self._thread = threading.Thread(target=self._run, name="packer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends after the piece that is being packed."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        pause = EVERY_S
        while not self._over.wait(pause):
            try:
                pause = 0.0 if self.pack_due() else EVERY_S
            except StoreError as error:
                log.warning("packing waits %g s: %s", _AWAY_S, error)
                pause = _AWAY_S
            except Exception:
                log.exception("packing failed: it goes on in %g s", _AWAY_S)
                pause = _AWAY_S

    def pack_due(self) -> bool:
        """Packs a piece of each stream that is due. Returns whether there was any.

        Raises StoreUnavailable and StoreError.
        """
        packed = False
        for due in self._store.due_streams(limit=64 + len(self._damaged)):
            if self._over.is_set():
                return False
            if due in self._damaged:
                continue
            try:
                packed |= self._store.pack_stream(due)
            except ChunkError as error:
                self._damaged.add(due)
                log.error("the history of run %s stays unpacked: %s", due.name.run_id, error)
        return packed
