"""The HTTP application: each module's routes, each answer JSON, every error in one form.

It decides nothing: sweeps are created, changed and ended by controller/record.py, and read through
controller/server/status.py. Neighbours: sweep_api.py (people and their programs), agent_api.py
(agents), auth.py (the gate before all of it), process.py (who runs it).
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from controller.server import (
    agent_api,
    alerts_api,
    artifacts_api,
    files_api,
    keys_api,
    runs_api,
    series_api,
    sweep_api,
)
from controller.server.auth import Gate
from controller.server.services import Services, services
from controller.server.wire import Handler, endpoint, json_response, told
from controller.wandb_api import routes as wandb_routes

_MODULES = (
    agent_api,
    alerts_api,
    artifacts_api,
    files_api,
    keys_api,
    runs_api,
    series_api,
    sweep_api,
    wandb_routes,
)


def make_app(found: Services) -> Starlette:
    """The application over the given store, loop and broker."""
    app = Starlette(
        routes=[
            Route("/healthz", endpoint(healthz), methods=["GET"]),
            *(
                Route(path, endpoint(handler), methods=[method])
                for module in _MODULES
                for method, path, handler in module.ROUTES
            ),
        ],
        middleware=[
            Middleware(Gate, keys=found.keys, activity=found.activity),
            Middleware(Shortcut, method="POST", path="/api/agent/chunk", handler=agent_api.chunk),
        ],
        exception_handlers={HTTPException: _no_route},
    )
    app.state.services = found
    return app


class Shortcut:
    """ASGI middleware: leads to one handler without a look at the other routes.

    For what is asked thousands of times a second: there the way costs as much as the work.
    """

    def __init__(self, app: ASGIApp, method: str, path: str, handler: Handler) -> None:
        self._app = app
        self._place = (method, path)
        self._handler = endpoint(handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) != self._place:
            await self._app(scope, receive, send)
            return
        response = await self._handler(Request(scope, receive))
        await response(scope, receive, send)


async def healthz(request: Request) -> Response:
    """GET /healthz: that it lives; the one thing told without a key."""
    return json_response({"ok": True, "version": services(request).version})


async def _no_route(request: Request, error: Exception) -> Response:
    return told(error, request)
