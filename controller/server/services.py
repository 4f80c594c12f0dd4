"""What the server's handlers work with, handed to them as one value.

The handlers never make any of it and never block the event loop: whatever touches the database or
Redis goes through `Services.call`, to a small pool of threads. Made by process.py (and by tests).
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request

from controller.alerts import Alerts
from controller.analysis import Analyses
from controller.blobs import Blobs
from controller.changes import Changes
from controller.parts import Parts
from controller.server.console import Consoles
from controller.server.console_lines import ConsoleLines
from controller.server.events import Events
from controller.server.figures import FigureReader
from controller.server.keyring import KeyRing
from controller.server.recent_log import RecentWarnings
from controller.server.sessions import Codes, Sessions
from controller.server.traffic import Traffic
from controller.store.store import Store
from controller.wandb_api.files.signing import Signer
from controller.wandb_api.streams.standing import Standing
from controller.wandb_api.sweeps.notes import Notes
from sweeps.project import OWN_ENTITY
from sweeps.protocol.live import Live

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8
"""Requests that may be at the database at once; the others wait their turn."""
ANALYSTS = 4
"""Requests that may wait for an analysis at once, for seconds each."""


class LoopLike(Protocol):
    """What handlers need of the controller loop."""

    def wake(self) -> None:
        """There is something to look at now."""


class Brokers(Protocol):
    """What handlers need of the broker."""

    conflict: str | None

    def agent_url(self, host: str | None) -> str: ...


class Activity:
    """Whether anybody has asked anything of late. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._last = time.monotonic()

    def begin(self) -> None:
        with self._lock:
            self._running += 1

    def end(self) -> None:
        with self._lock:
            self._running -= 1
            self._last = time.monotonic()

    def quiet_s(self) -> float:
        """Seconds since the last request was answered; 0 while one is being worked on."""
        with self._lock:
            return 0.0 if self._running else time.monotonic() - self._last


@dataclass
class Services:
    """Attributes:
    key: the API key of the server's owner, which opens everything.
    owner: who that is; other keys are on record.
    idle_s: after how many idle seconds the server ends; None: never by itself.
    entity: the server's own (sweeps/project.py).
    blobs: where the bytes of files are; None: this server keeps none (in tests).
    signing_secret: what addresses of files are signed with; the same after every restart.
    """

    store: Store
    live: Live
    loop: LoopLike
    broker: Brokers
    key: str
    server_id: str
    version: str
    idle_s: float | None = None
    entity: str = OWN_ENTITY
    owner: str = "owner"
    notes: Notes = field(default_factory=Notes)
    alerts: Alerts = field(default_factory=Alerts)
    activity: Activity = field(default_factory=Activity)
    blobs: Blobs | None = None
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(20))
    _limiter: anyio.CapacityLimiter | None = None
    _movers: anyio.CapacityLimiter | None = None
    _analysts: anyio.CapacityLimiter | None = None

    def __post_init__(self) -> None:
        self.consoles = Consoles(self.store)
        self.lines = ConsoleLines(self.store)
        self.events = Events(Changes(self.store, self.live))
        self.traffic = Traffic()
        self.figures = FigureReader(self)
        self.warnings = RecentWarnings()
        self.started = time.time()
        self.keys = KeyRing(self.store, self.key, self.owner)
        self.sessions = Sessions(self.signing_secret, self.server_id)
        self.codes = Codes()
        self.signer = Signer(self.signing_secret)
        self.analyses = Analyses()
        self.standing = Standing()
        self.parts = None if self.blobs is None else Parts(self.store, self.blobs)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a blocking function in a thread; its exceptions come out here."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        return await anyio.to_thread.run_sync(
            lambda: function(*args, **kwargs), limiter=self._limiter
        )

    async def move(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `call`, for what moves bytes of files: in threads of its own, so that a slow disk or
        object store holds up nothing that is recorded."""
        if self._movers is None:
            self._movers = anyio.CapacityLimiter(THREADS)
        return await anyio.to_thread.run_sync(
            lambda: function(*args, **kwargs), limiter=self._movers
        )

    async def analyse(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `call`, for what waits for an analysis: that holds up no other request."""
        if self._analysts is None:
            self._analysts = anyio.CapacityLimiter(ANALYSTS)
        return await anyio.to_thread.run_sync(
            lambda: function(*args, **kwargs), limiter=self._analysts
        )


def services(request: Request) -> Services:
    """Those of the app that the request came to."""
    found: Any = request.app.state.services
    assert isinstance(found, Services)  # noqa: S101
    return found
