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

from controller.server import (
    agent_api,
    alerts_api,
    artifacts_api,
    files_api,
    runs_api,
    series_api,
    sweep_api,
)
from controller.server.auth import Gate
from controller.server.services import Services, services
from controller.server.wire import endpoint, json_response, told

_MODULES = (
    agent_api,
    alerts_api,
    artifacts_api,
    files_api,
    runs_api,
    series_api,
    sweep_api,
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
        middleware=[Middleware(Gate, key=found.key, activity=found.activity)],
        exception_handlers={HTTPException: _no_route},
    )
    app.state.services = found
    return app


async def healthz(request: Request) -> Response:
    """GET /healthz: that it lives; the one thing told without a key."""
    return json_response({"ok": True, "version": services(request).version})


async def _no_route(request: Request, error: Exception) -> Response:
    return told(error, request)
