"""What the server can say of itself in numbers: for its page, its metrics and the command line.

Read at most once a second, whoever asks: counting all trials is dear, and hundreds of pages may be
open. What cannot be read (Redis is away, a foreign one tells nothing) is left out. Neighbours:
server_api.py (as JSON), metrics_api.py (for Prometheus).
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
from redis.exceptions import RedisError

from controller.store.census import Census
from sweeps.protocol.live import AgentBeat

if TYPE_CHECKING:
    from controller.server.services import Services

log = logging.getLogger(__name__)

FRESH_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True)
class Broker:
    """Attributes:
    own: the server started it itself.
    reachable: it answers.
    product: what it is, and its version; "" when it does not tell.
    memory: bytes that it takes; None when it does not tell.
    clients: connections to it.
    """

    own: bool
    reachable: bool
    product: str = ""
    memory: int | None = None
    clients: int | None = None


@dataclass(frozen=True)
class Process:
    """Of the server: processor seconds, bytes of memory, open files, threads."""

    pid: int
    cpu_s: float
    memory: int
    virtual: int
    files: int
    most_files: int | None
    threads: int


@dataclass(frozen=True)
class Figures:
    """Attributes:
    agents: those that live; `silent_s`: for how long each has said nothing.
    queues: how many attempts wait in Redis, `leases`: how many are leased; by sweep.
    """

    census: Census
    agents: list[AgentBeat]
    silent_s: Mapping[str, float]
    queues: Mapping[str, int]
    leases: Mapping[str, int]
    broker: Broker
    process: Process


class FigureReader:
    """Reads them, for all who ask within a second once. Belongs to one event loop."""

    def __init__(self, found: Services) -> None:
        self._found = found
        self._turn = asyncio.Lock()
        self._known: Figures | None = None
        self._stale_at = 0.0

    async def read(self) -> Figures:
        """Raises StoreError."""
        async with self._turn:
            if self._known is None or time.monotonic() >= self._stale_at:
                self._known = await self._found.call(self._read)
                self._stale_at = time.monotonic() + FRESH_S
            return self._known

    def _read(self) -> Figures:
        live = self._found.live
        census = self._found.store.census()
        agents = _or(live.agents, list[AgentBeat]())
        return Figures(
            census=census,
            agents=agents,
            silent_s=_or(live.silences, dict[str, float]()),
            queues=_or(lambda: live.queue_lengths(list(census.open)), dict[str, int]()),
            leases=_or(live.leases, dict[str, int]()),
            broker=self._broker(),
            process=_process(),
        )

    def _broker(self) -> Broker:
        own = getattr(self._found.broker, "embedded", False)
        try:
            self._found.live.connection.ping()
        except RedisError:
            return Broker(own, reachable=False)
        info: dict[str, Any] = _or(self._found.live.connection.info, {})
        name = str(info.get("server_name") or "redis").capitalize()
        version = info.get("valkey_version") or info.get("redis_version")
        return Broker(
            own,
            reachable=True,
            product=f"{name} {version}" if version else "",
            memory=info.get("used_memory"),
            clients=info.get("connected_clients"),
        )


def _or(ask: Callable[[], T], otherwise: T) -> T:
    try:
        return ask()
    except RedisError:
        return otherwise


def _process() -> Process:
    me = psutil.Process()
    with me.oneshot():
        times, memory = me.cpu_times(), me.memory_info()
        return Process(
            pid=me.pid,
            cpu_s=times.user + times.system,
            memory=memory.rss,
            virtual=memory.vms,
            files=me.num_fds(),
            most_files=_most_files(),
            threads=me.num_threads(),
        )


def _most_files() -> int | None:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def python_and_system() -> str:
    return f"Python {platform.python_version()}, {platform.system()} {os.uname().release}"
