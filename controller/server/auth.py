"""The gate in front of every route: it asks for an API key, and notes who is calling.

The key comes as `Authorization: Bearer KEY`, or by HTTP Basic as the password of any user (the
wandb client sends `api:KEY`). What a request needs is told by its method and path alone; handlers
that know better (a GraphQL document may hold a mutation) ask `require`. Keys are never logged.
SECURITY.md says what a holder of one can do. Neighbours: keyring.py (whose key it is).
"""

from __future__ import annotations

import base64
import binascii
import logging
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from controller.server.keyring import Caller, KeyRing
from controller.server.services import Activity
from controller.server.wire import SIGNED, error_response, json_response, told
from controller.store.keys import Role
from sweeps.errors import NotAllowed, OpensweepError

log = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/healthz", "/ready", "/authorize"})
OPEN_PREFIXES = (SIGNED, "/sdk/otel/")
"""Below the first an address is its own credential: it is signed
(controller/wandb_api/files/signing.py).
What comes in below the second is thrown away unread."""

_READING_POSTS = frozenset({"/graphql", "/api/series", "/api/blobs/fetch"})
"""Questions too long for an address. Mutations at /graphql ask for more by themselves."""
_ADMINISTRATION = "/api/keys"
_LOG_S = 60.0
_LONGEST = 1000


def caller(request: Request) -> Caller:
    """Who makes this request; only for routes behind the gate."""
    found: Any = request.scope["state"]["caller"]
    assert isinstance(found, Caller)  # noqa: S101
    return found


def require(who: Caller, role: Role) -> None:
    """Raises NotAllowed when the caller's role does not include `role`."""
    if not who.role.includes(role):
        raise NotAllowed(
            f"the API key of {who.user} has the role {who.role}, and this needs {role}. An admin "
            f"makes another key with `sweep server key create {who.user} --role {role}`."
        )


def needed(method: str, path: str) -> Role:
    """The role that a request needs to get past the gate."""
    if path == _ADMINISTRATION or path.startswith(_ADMINISTRATION + "/"):
        return Role.ADMIN
    if method in ("GET", "HEAD", "OPTIONS") or path in _READING_POSTS:
        return Role.READ
    return Role.WRITE


class Gate:
    """ASGI middleware: lets requests with a good key through, and notes that there was one."""

    def __init__(self, app: ASGIApp, keys: KeyRing, activity: Activity) -> None:
        self._app = app
        self._keys = keys
        self._activity = activity
        self._refused = 0
        self._silent_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        if not scope["path"].startswith(OPEN_PREFIXES):
            refusal = await self._look_at(scope)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        self._activity.begin()
        try:
            await self._app(scope, receive, send)
        finally:
            self._activity.end()

    async def _look_at(self, scope: Scope) -> Response | None:
        """Notes in `scope` who calls; an answer: the request gets no further."""
        key = _key_in(scope)
        try:
            who = None if key is None else await self._keys.find(key)
            if who is not None:
                require(who, needed(scope["method"], scope["path"]))
        except OpensweepError as error:
            if _is_ours(scope):
                return told(error, Request(scope))
            return _graphql_error(told(error, Request(scope)).status_code, str(error))
        if who is None:
            self._log_refusal(scope)
            return _unknown(scope, given=key is not None)
        scope.setdefault("state", {})["caller"] = who
        return None

    def _log_refusal(self, scope: Scope) -> None:
        self._refused += 1
        now = time.monotonic()
        if now >= self._silent_until:
            log.warning(
                "refused, without a good API key: %d of late; the newest, from %s: %s %.100r",
                self._refused,
                (scope.get("client") or ("nowhere",))[0],
                scope["method"],
                scope["path"],
            )
            self._refused, self._silent_until = 0, now + _LOG_S


def _key_in(scope: Scope) -> bytes | None:
    """The key that came with a request; None: none did."""
    for name, value in scope["headers"]:
        if name == b"authorization" and len(value) <= _LONGEST:
            scheme, _, token = value.partition(b" ")
            match scheme.lower():
                case b"bearer":
                    return bytes(token.strip()) or None
                case b"basic":
                    try:
                        pair = base64.b64decode(token.strip())
                    except binascii.Error:
                        return None
                    return pair.partition(b":")[2] or None
    return None


def _is_ours(scope: Scope) -> bool:
    return bool(scope["path"].startswith("/api/"))


_NO_PAGES = """\
This opensweep server has no pages yet.

    sweep runs PROJECT           the runs of a project
    sweep status SWEEP --watch   a sweep, live
    sweep logs RUN               what a run printed
    sweep export RUN --history   what it logged

In Python: opensweep.Api() or wandb.Api().
"""


def _is_browser(scope: Scope) -> bool:
    """Whether somebody opened an address that a client printed."""
    return scope["method"] == "GET" and any(
        name == b"accept" and b"text/html" in value for name, value in scope["headers"]
    )


def _unknown(scope: Scope, *, given: bool) -> Response:
    if not given and not _is_ours(scope) and _is_browser(scope):
        return PlainTextResponse(_NO_PAGES, 404)
    what = "is wrong or was revoked" if given else "is missing"
    if _is_ours(scope):
        message = f"the API key {what} (OPENSWEEP_API_KEY)"
        answer = error_response(401, "ConfigurationError", message)
    else:
        answer = _graphql_error(401, f"the API key {what} (WANDB_API_KEY, `wandb login`)")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _graphql_error(status: int, message: str) -> Response:
    """As W&B's clients read errors, of GraphQL and of file_stream alike."""
    return json_response({"errors": [{"message": message}]}, status)
