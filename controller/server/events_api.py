"""GET /api/events: what changes, told to a page as server-sent events.

A stream says the version of each of its topics once and then when it changes; it holds no thread,
ends when the server does, and soon after its key was revoked or its session ended. While it is open
the server is in use: one that was started on demand stays. Neighbours: events.py (the watcher),
static/js/live.js (the other end).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from controller.changes import check_topic
from controller.server.auth import who_calls
from controller.server.events import Listener
from controller.server.services import services
from controller.server.wire import Handler
from controller.store.keys import Role
from controller.store.marks import Mark
from sweeps.errors import StoreError, UsageError

MOST_TOPICS = 1000
"""Of one stream."""
CHECK_S = 2.0
"""How often it is looked whether the key is still good."""
ALIVE_S = 15.0
"""How often something is said when nothing happens: proxies cut what is silent, and a page that
hears nothing at all knows that its connection is dead."""
RETRY_MS = 1000
STALL_S = 30.0
"""A client that takes nothing for so long is let go."""


async def events(request: Request) -> Response:
    """GET /api/events?topic=…&topic=…: `event: change, data: {"topic", "version", "quiet"}`.

    The first one of a topic has `quiet`: for so many seconds it has surely not changed before.
    `event: alive` says nothing but that.
    """
    asked = list(dict.fromkeys(request.query_params.getlist("topic")))
    if not 0 < len(asked) <= MOST_TOPICS:
        raise UsageError(f"topic: expected 1 to {MOST_TOPICS:,} of them, not {len(asked):,}")
    found = services(request)
    names: dict[str, str] = {}  # as the store has it: as it was asked for
    for topic in map(check_topic, asked):
        kind, _, name = topic.partition("/")
        if kind == "project":
            name = await found.call(found.store.known_project, name, own=found.entity)
            names[f"project/{name}"] = topic
        else:
            names[topic] = topic
    return Stream(request, names)


class Stream(Response):
    """The answer, as long as it lasts."""

    def __init__(self, request: Request, names: Mapping[str, str]) -> None:
        super().__init__(
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        del self.headers["content-length"]
        self._request = request
        self._names = names
        self._found = services(request)
        self._listener = self._found.events.join(names)  # here, so that too many are told so

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        listener = self._listener
        gone = asyncio.create_task(_until_gone(receive))
        gone.add_done_callback(lambda _: listener.close())
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            with suppress(TimeoutError, OSError):
                await self._tell(listener, send)
                if not gone.done():
                    await _send(send, b"", more=False)
        finally:
            gone.cancel()
            self._found.events.leave(listener)

    async def _tell(self, listener: Listener, send: Send) -> None:
        await _send(send, f"retry: {RETRY_MS}\n\n".encode())
        spoke = checked = time.monotonic()
        while (news := await listener.next(CHECK_S)) is not None:
            now = time.monotonic()
            if now - checked >= CHECK_S:
                checked = now
                if not await self._may_go_on():
                    return
            if news:
                await _send(send, "".join(map(self._event, news.items())).encode())
            elif now - spoke < ALIVE_S:
                continue
            else:
                await _send(send, b"event: alive\ndata: {}\n\n")
            spoke = now

    def _event(self, told: tuple[str, Mark]) -> str:
        topic, mark = told
        data = {"topic": self._names[topic], "version": mark.text, "quiet": round(mark.quiet_s, 1)}
        return f"event: change\ndata: {json.dumps(data)}\n\n"

    async def _may_go_on(self) -> bool:
        try:
            who = await who_calls(self._request.scope, self._found.keys, self._found.sessions)
        except StoreError:
            return True  # nobody knows: it is asked again
        return who is not None and who.role.includes(Role.READ)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    async with asyncio.timeout(STALL_S):
        await send({"type": "http.response.body", "body": body, "more_body": more})


ROUTES: tuple[tuple[str, str, Handler], ...] = (("GET", "/api/events", events),)
