"""The gate in front of every route: it asks for the API key.

One key opens everything but GET /healthz. It is compared in constant time, never logged, never in
an argv. SECURITY.md says what a holder of it can do.
"""

from __future__ import annotations

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from controller.server.services import Activity
from controller.server.wire import error_response

OPEN_PATHS = frozenset({"/healthz"})


class Gate:
    """ASGI middleware: lets requests with the right key through, and notes that there was one."""

    def __init__(self, app: ASGIApp, key: str, activity: Activity) -> None:
        self._app = app
        self._expected = key.encode()
        self._activity = activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        if not self._fits(scope):
            response = error_response(
                401, "ConfigurationError", "the API key is missing or wrong (OPENSWEEP_API_KEY)"
            )
            response.headers["WWW-Authenticate"] = "Bearer"
            await response(scope, receive, send)
            return
        self._activity.begin()
        try:
            await self._app(scope, receive, send)
        finally:
            self._activity.end()

    def _fits(self, scope: Scope) -> bool:
        given = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                scheme, _, token = value.partition(b" ")
                given = token.strip() if scheme.lower() == b"bearer" else b""
        return hmac.compare_digest(given, self._expected)
