"""Whose API key is it: the server's own, and those on record, as known a second ago.

Thousands of requests a second ask here, so that an answer costs a SHA-256 and a look into a dict.
Once a second at most the keys on record are read again; a request with a key of them waits for
that. It lets nobody in by itself: auth.py does. Neighbours: controller/store/keys.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

import anyio
import anyio.to_thread

from controller.store.keys import KeyStore, Role, digest_of
from sweeps.errors import StoreError

log = logging.getLogger(__name__)

FRESH_S = 1.0
"""A key that was revoked by another server of the same database opens nothing after so long."""
NOTED_S = 60.0
"""How often it is recorded that a key is in use."""


@dataclass(frozen=True)
class Caller:
    """Who makes a request.

    Attributes:
        user: whom the key was made for.
        role: what it allows.
        key_id: of the key on record; None: the one in the server's home.
    """

    user: str
    role: Role
    key_id: str | None = None


class KeyRing:
    """See the module. Belongs to one event loop.

    Args:
        store: keeps the keys on record.
        own: the key of the server's home.
        owner: whose that is.
    """

    def __init__(self, store: KeyStore, own: str, owner: str) -> None:
        self._store = store
        self._own = digest_of(own.encode())
        self._owner = Caller(owner, Role.ADMIN)
        self._known: dict[str, Caller] = {}
        self._stale_at = 0.0
        self._changes = 0
        self._noted: dict[str, float] = {}
        self._turn = asyncio.Lock()
        self._threads: anyio.CapacityLimiter | None = None

    async def find(self, key: bytes) -> Caller | None:
        """Whose key this is; None: nobody's. Raises StoreError."""
        digest = digest_of(key)
        if digest == self._own:
            return self._owner
        if time.monotonic() >= self._stale_at:
            await self._read()
        return self._noted_use(self._known.get(digest))

    async def find_digest(self, beginning: str) -> Caller | None:
        """Whose key it is whose digest begins so (at least 32 characters). Raises StoreError."""
        if self._own.startswith(beginning):
            return self._owner
        if time.monotonic() >= self._stale_at:
            await self._read()
        mine = (who for digest, who in self._known.items() if digest.startswith(beginning))
        return self._noted_use(next(mine, None))

    def _noted_use(self, found: Caller | None) -> Caller | None:
        if found is not None and found.key_id is not None:
            self._note(found.key_id)
        return found

    def forget(self) -> None:
        """The keys on record have changed: they are read again before the next answer."""
        self._changes += 1
        self._stale_at = 0.0

    async def _read(self) -> None:
        if self._threads is None:
            # Of its own: requests that wait for the database must not keep others from coming in.
            self._threads = anyio.CapacityLimiter(1)
        async with self._turn:
            if time.monotonic() < self._stale_at:
                return  # somebody else has read them meanwhile
            changes = self._changes
            keys = await anyio.to_thread.run_sync(self._store.good_keys, limiter=self._threads)
            self._known = {
                digest: Caller(key.user, key.role, key.id) for digest, key in keys.items()
            }
            if changes == self._changes:  # else: they may have been read too soon
                self._stale_at = time.monotonic() + FRESH_S

    def _note(self, key_id: str) -> None:
        now = time.monotonic()
        if now >= self._noted.get(key_id, 0.0):
            self._noted[key_id] = now + NOTED_S
            # Nobody waits for it.
            asyncio.get_running_loop().run_in_executor(None, self._record_use, key_id)

    def _record_use(self, key_id: str) -> None:
        try:
            self._store.key_used(key_id)
        except StoreError as error:
            log.warning("when the API key %s was last used is not recorded: %s", key_id, error)
