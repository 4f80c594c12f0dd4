"""How many requests there are, of which kind, how they end and how long they take.

An ASGI middleware around everything else; a microsecond or two a request. Neighbours: figures.py
(who reads it), app.py.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.rates import Counter

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the latencies that are counted together, in seconds."""
_KINDS = (
    ("/api/agent/chunk", "chunk"),
    ("/api/agent/", "agent"),
    ("/api/events", "events"),
    ("/api/blobs", "files"),
    ("/api/", "api"),
    ("/graphql", "graphql"),
    ("/wandb-files/", "files"),
    ("/files/", "file_stream"),
    ("/static/", "static"),
    ("/metrics", "metrics"),
)


class Kind:
    """The requests of one kind."""

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}  # by hundreds
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def note(self, status: int, seconds: float) -> None:
        hundred = status // 100
        self.statuses[hundred] = self.statuses.get(hundred, 0) + 1
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """(bound, how many took no longer), the last bound infinite."""
        count = 0
        for bound, more in zip((*BOUNDS, float("inf")), self.buckets, strict=True):
            count += more
            yield bound, count


class Traffic:
    """Counts by kind of request. Belongs to one event loop."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.requests = Counter()

    def note(self, path: str, status: int, seconds: float) -> None:
        name = next((kind for start, kind in _KINDS if path.startswith(start)), "page")
        kind = self.kinds.get(name)
        if kind is None:
            kind = self.kinds[name] = Kind()
        kind.note(status, seconds)
        self.requests.add()


class Measured:
    """ASGI middleware: counts what passes."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        begun = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._traffic.note(scope["path"], status, time.perf_counter() - begun)
