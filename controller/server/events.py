"""Tells whoever listens which topics have changed: one watcher for all pages of a process.

While nobody listens there is no watcher and nothing is asked of the database. What waits to be sent
to a page is which of its topics changed, each once: a page that reads slowly gets less, and cannot
hold memory. Belongs to one event loop. Neighbours: controller/changes.py (looks), events_api.py
(the pages' side).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

import anyio
import anyio.to_thread

from controller.changes import Changes
from controller.store.marks import Mark
from sweeps.errors import StoreError, StoreUnavailable

log = logging.getLogger(__name__)

LOOK_S = 0.3
"""Seconds between two looks."""
_SHARE = 20  # a look is never longer than one part in so many of the time
_AGAIN_S = 1.0
MOST_STREAMS = 1000
"""Pages that may listen to one process."""


class Listener:
    """One page; what it has not been told yet."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = frozenset(topics)
        self._untold = set(self.topics)
        self._news: dict[str, Mark] = {}
        self._woken = asyncio.Event()
        self._over = False

    def tell(self, marks: Mapping[str, Mark], changed: Mapping[str, Mark]) -> None:
        """All that is known, and what of it is new to those who were told before."""
        first = self._untold & marks.keys()
        for topic in first:
            self._news[topic] = marks[topic]
        for topic in (self.topics & changed.keys()) - first:
            self._news[topic] = changed[topic]
        self._untold -= first
        if self._news:
            self._woken.set()

    def close(self) -> None:
        self._over = True
        self._woken.set()

    async def next(self, timeout_s: float) -> dict[str, Mark] | None:
        """The topics that changed; {}: none did for so long; None: it is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        self._woken.clear()
        news, self._news = self._news, {}
        return None if self._over else news


class Events:
    """See the module."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._listeners: set[Listener] = set()
        self._told: dict[str, Mark] = {}
        self._new = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._threads: anyio.CapacityLimiter | None = None
        self._closed = False

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def join(self, topics: Iterable[str]) -> Listener:
        """A listener until `leave`. Raises StoreUnavailable when there are too many."""
        if self._closed:
            raise StoreUnavailable("this server is ending")
        if len(self._listeners) >= MOST_STREAMS:
            raise StoreUnavailable(f"{MOST_STREAMS} pages follow this server live: close some")
        listener = Listener(topics)
        self._listeners.add(listener)
        self._new.set()
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def close(self) -> None:
        """The server ends: every stream, too."""
        self._closed = True
        self._new.set()
        for listener in self._listeners:
            listener.close()

    async def _watch(self) -> None:
        """Looks until nobody listens any more."""
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(1)
        troubled = False
        try:
            while self._listeners and not self._closed:
                self._new.clear()
                begun = time.monotonic()
                pause = LOOK_S
                try:
                    await self._look(self._threads)
                    troubled = False
                except StoreError as error:
                    if not troubled:
                        log.warning("pages that are open hear of no changes for now: %s", error)
                    troubled, pause = True, _AGAIN_S
                took = time.monotonic() - begun
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(pause, _SHARE * took)):
                        await self._new.wait()
        finally:
            self._task = None
            self._told = {}
            self._changes.close()

    async def _look(self, threads: anyio.CapacityLimiter) -> None:
        topics = frozenset[str]().union(*(listener.topics for listener in self._listeners))
        marks = await anyio.to_thread.run_sync(self._changes.look, topics, limiter=threads)
        changed = {
            topic: Mark(each.text)
            for topic, each in marks.items()
            if topic in self._told and self._told[topic].text != each.text
        }
        self._told = marks
        for listener in self._listeners:
            listener.tell(marks, changed)
