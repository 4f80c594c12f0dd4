"""The gate in front of every route: it asks for an API key, and notes who is calling.

The key comes as `Authorization: Bearer KEY`, or by HTTP Basic as the password of any user (the
wandb client sends `api:KEY`); from our pages it comes as a session's cookie (sessions.py). A
browser that opens an address which is no API's gets the document of the pages, which holds no data.
What a request needs is told by its method and path alone; handlers that know better (a GraphQL
document may hold a mutation) ask `require`. Keys are never logged. SECURITY.md says what a holder
of one can do. Neighbours: keyring.py (whose key it is).
"""

from __future__ import annotations

import base64
import binascii
import logging
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from controller.server.keyring import Caller, KeyRing
from controller.server.services import Activity
from controller.server.sessions import Sessions
from controller.server.wire import SIGNED, error_response, json_response, told
from controller.store.keys import Role
from sweeps.errors import NotAllowed, OpensweepError

log = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/healthz", "/ready", "/authorize", "/favicon.ico", "/robots.txt"})
OPEN_PREFIXES = (SIGNED, "/sdk/otel/", "/static/")
"""Below the first an address is its own credential: it is signed
(controller/wandb_api/files/signing.py).
What comes in below the second is thrown away unread; below the third are the files of the pages."""
SESSION = "/api/session"
CODE = SESSION + "/code"
_METRICS = "/metrics"
_NO_PAGES = ("/api/", "/graphql", _METRICS, "/files/", "/artifactsV2/", *OPEN_PREFIXES)

_READING_POSTS = frozenset(
    {"/graphql", "/api/series", "/api/logged", "/api/panels", "/api/blobs/fetch", CODE}
)
"""Questions too long for an address, and what gives no right that the asker has not. Mutations at
/graphql ask for more by themselves."""
_ADMINISTRATION = "/api/keys"
_LOG_S = 60.0
_LONGEST = 1000


def caller(request: Request) -> Caller:
    """Who makes this request; only for routes behind the gate."""
    found: Any = request.scope["state"]["caller"]
    assert isinstance(found, Caller)  # noqa: S101
    return found


def key_of(request: Request) -> bytes | None:
    """The key that a request came with; None: with a session."""
    return _key_in(request.scope)


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

    def __init__(
        self, app: ASGIApp, keys: KeyRing, activity: Activity, sessions: Sessions, page: ASGIApp
    ) -> None:
        self._app = app
        self._keys = keys
        self._activity = activity
        self._sessions = sessions
        self._page = page
        self._refused = 0
        self._silent_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        if _is_page(scope):
            await self._page(scope, receive, send)
            return
        if not scope["path"].startswith(OPEN_PREFIXES):
            refusal = _foreign(scope) if _logs_in(scope) else await self._look_at(scope)
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
        try:
            who = await who_calls(scope, self._keys, self._sessions)
            if who is not None:
                require(who, needed(scope["method"], scope["path"]))
        except OpensweepError as error:
            if _is_ours(scope):
                return told(error, Request(scope))
            return _graphql_error(told(error, Request(scope)).status_code, str(error))
        if who is None:
            self._log_refusal(scope)
            return _unknown(scope, given=_key_in(scope) is not None)
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


async def who_calls(scope: Scope, keys: KeyRing, sessions: Sessions) -> Caller | None:
    """Whose key or session came with a request; None: nobody's. Raises StoreError."""
    key = _key_in(scope)
    if key is not None:
        return await keys.find(key)
    digest = sessions.digest(_own_cookies(scope), time.time())
    return None if digest is None else await keys.find_digest(digest)


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


def _header(scope: Scope, name: bytes) -> bytes:
    return next((bytes(value) for key, value in scope["headers"] if key == name), b"")


def _is_page(scope: Scope) -> bool:
    """Whether a browser opens an address that is no API's."""
    return (
        scope["method"] in ("GET", "HEAD")
        and b"text/html" in _header(scope, b"accept")
        and not scope["path"].startswith(_NO_PAGES)
    )


def _logs_in(scope: Scope) -> bool:
    return bool(scope["path"] == SESSION and scope["method"] in ("POST", "DELETE"))


def _own_cookies(scope: Scope) -> str:
    """The Cookie header; "" where another page may have made a browser send the request.

    SameSite=Strict keeps other sites away, but not what other programs serve at other ports of this
    host. Browsers say by Sec-Fetch-Site where a request comes from ("none": a person typed it), but
    only by https or on loopback; elsewhere Origin tells it of changes.
    """
    return "" if _is_foreign(scope) else _header(scope, b"cookie").decode("latin-1")


def _is_foreign(scope: Scope) -> bool:
    site, origin = _header(scope, b"sec-fetch-site"), _header(scope, b"origin")
    reads = scope["method"] in ("GET", "HEAD")
    if site:
        return site != b"same-origin" and not (reads and site == b"none")
    if origin or not reads:
        return origin.partition(b"://")[2] != _header(scope, b"host")
    return False


def _foreign(scope: Scope) -> Response | None:
    """What a login hears that another site's page sends, so that it can log nobody in as another.
    Programs, which send neither header, may."""
    told_whence = _header(scope, b"sec-fetch-site") or _header(scope, b"origin")
    if told_whence and _is_foreign(scope):
        return error_response(403, "NotAllowed", "only the pages of this server log in and out")
    return None


def _unknown(scope: Scope, *, given: bool) -> Response:
    what = "is wrong or was revoked" if given else "is missing"
    if _is_ours(scope):
        message = f"the API key {what} (OPENSWEEP_API_KEY)"
        answer = error_response(401, "ConfigurationError", message)
    elif scope["path"] == _METRICS:
        hint = "send `Authorization: Bearer KEY` (OPENSWEEP_API_KEY); docs/server.md says how"
        answer = Response(f"the API key {what}: {hint}\n", 401, media_type="text/plain")
    else:
        answer = _graphql_error(401, f"the API key {what} (WANDB_API_KEY, `wandb login`)")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _graphql_error(status: int, message: str) -> Response:
    """As W&B's clients read errors, of GraphQL and of file_stream alike."""
    return json_response({"errors": [{"message": message}]}, status)
