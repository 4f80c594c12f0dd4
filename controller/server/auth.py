"""The API key: where it lives, and the gate that asks for it.

One key opens everything but GET /healthz. It is compared in constant time, never logged, never in
an argv. SECURITY.md says what a holder of it can do.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from controller.server.services import Activity
from controller.server.wire import error_response
from sweeps.errors import ConfigurationError

OPEN_PATHS = frozenset({"/healthz"})


def kept_key(path: Path) -> str:
    """The key in the file `path`, made (0600) if there is none yet.

    Raises ConfigurationError when it cannot be read or written.
    """
    try:
        if path.exists():
            key = path.read_text().strip()
            if key:
                return key
        key = secrets.token_urlsafe(24)
        fresh = path.with_name(f".{path.name}.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key + "\n")
        fresh.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the API key file {path} cannot be used: {error}") from error
    return key


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
