"""A whole server for the fuzz tests, asked without a network: store, files, Valkey, application.

A request that fails by a fault of ours shows as an exception, as status 500, or as an error in the
log with a traceback; `ask` raises for each of them, and for one that hangs.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import anyio.from_thread

from controller.blobs import open_blobs
from controller.broker import Broker
from controller.server.app import make_app
from controller.server.services import Services
from controller.store.store import Store, open_store
from sweeps.protocol.live import Live

KEY = "a-key-for-tests"
_HANGS_S = 30.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


class Fault(AssertionError):
    """The server did what it must never do."""


class _Faults(logging.Handler):
    """Keeps what is logged with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.found.append(logging.Formatter().format(record))


class Loop:
    def wake(self) -> None:
        """Nobody decides anything here."""


class World:
    def __init__(self, found: Services, portal: anyio.from_thread.BlockingPortal) -> None:
        self.services, self._portal = found, portal
        self.app = make_app(found)
        self.faults = _Faults()

    @property
    def store(self) -> Store:
        return self.services.store

    def ask(self, method: str, path: str, query: str = "", body: bytes = b"") -> Answer:
        """One request. Raises Fault."""
        try:
            answer: Answer = self._portal.call(self._ask, method, path, query, body)
        except TimeoutError:
            raise Fault(f"{method} {path} hangs") from None
        if self.faults.found or answer.status == 500:
            told = "\n".join(self.faults.found) or repr(answer)
            self.faults.found.clear()
            raise Fault(f"{method} {path}?{query}\n{body[:2000]!r}\n{told}")
        return answer

    async def _ask(self, method: str, path: str, query: str, body: bytes) -> Answer:
        sent, got, status = False, bytearray(), 0

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                await anyio.sleep_forever()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                got.extend(message.get("body", b""))

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (b"host", b"here"),
                (b"authorization", f"Bearer {KEY}".encode()),
                (b"content-length", str(len(body)).encode()),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("here", 80),
        }
        with anyio.fail_after(_HANGS_S):
            await self.app(scope, receive, send)
        return Answer(status, bytes(got))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[World]:
    """A server in `folder` while the block runs."""
    broker = Broker(folder / "broker", "test")
    broker.launch()
    log = logging.getLogger()
    with (
        open_store(f"sqlite:///{folder / 'fuzz.db'}") as store,
        anyio.from_thread.start_blocking_portal() as portal,
    ):
        try:
            found = Services(
                store=store,
                live=Live(broker.connect()),
                loop=Loop(),
                broker=broker,
                key=KEY,
                server_id="test",
                version="0",
                blobs=open_blobs(folder / "artifacts", None),
            )
            world = World(found, portal)
            log.addHandler(world.faults)
            yield world
            log.removeHandler(world.faults)
        finally:
            broker.close()
