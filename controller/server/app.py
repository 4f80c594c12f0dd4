"""The HTTP application: each module's routes, each answer JSON, every error in one form.

It decides nothing: sweeps are created, changed and ended by controller/record.py, and read through
controller/server/status.py. Neighbours: sweep_api.py (people and their programs), agent_api.py
(agents), auth.py (the gate before all of it), process.py (who runs it).
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from controller.dashboard import shell
from controller.server import (
    agent_api,
    alerts_api,
    analysis_api,
    artifacts_api,
    console_api,
    events_api,
    files_api,
    folders_api,
    keys_api,
    lineage_api,
    logged_api,
    metrics_api,
    orders_api,
    overview_api,
    report_pages_api,
    reports_api,
    run_details_api,
    run_table_api,
    runs_api,
    series_api,
    server_api,
    session_api,
    sweep_api,
    tables_api,
)
from controller.server.auth import Gate
from controller.server.services import Services, services
from controller.server.traffic import Measured
from controller.server.wire import Handler, endpoint, json_response, told
from controller.wandb_api import routes as wandb_routes
from controller.wandb_api.streams import file_stream

_MODULES = (
    agent_api,
    alerts_api,
    analysis_api,
    artifacts_api,
    console_api,
    events_api,
    files_api,
    folders_api,
    keys_api,
    lineage_api,
    logged_api,
    metrics_api,
    orders_api,
    overview_api,
    report_pages_api,
    reports_api,
    run_details_api,
    run_table_api,
    runs_api,
    series_api,
    server_api,
    session_api,
    shell,
    sweep_api,
    tables_api,
    wandb_routes,
)


def make_app(found: Services) -> Starlette:
    """The application over the given store, loop and broker."""
    app = Starlette(
        routes=[
            Route("/healthz", endpoint(healthz), methods=["GET"]),
            Route("/ready", endpoint(ready), methods=["GET"]),
            Route("/authorize", endpoint(authorize), methods=["GET"]),
            *(
                Route(path, endpoint(handler), methods=[method])
                for module in _MODULES
                for method, path, handler in module.ROUTES
            ),
        ],
        middleware=[
            Middleware(Measured, traffic=found.traffic),
            Middleware(
                Gate,
                keys=found.keys,
                activity=found.activity,
                sessions=found.sessions,
                page=_page,
            ),
            Middleware(Shortcut, fits=_is_chunk, handler=agent_api.chunk),
            Middleware(Shortcut, fits=file_stream.is_stream, handler=file_stream.stream),
        ],
        exception_handlers={HTTPException: _no_route},
    )
    app.state.services = found
    return app


_WHERE_KEYS_ARE = """\
This server makes API keys on the command line. Ask whoever runs it for one:

    sweep server key create YOUR_NAME
"""


class Shortcut:
    """ASGI middleware: leads POSTs to one handler without a look at the other routes.

    For what is asked thousands of times a second: there the way costs as much as the work.
    """

    def __init__(self, app: ASGIApp, fits: Callable[[str], bool], handler: Handler) -> None:
        self._app = app
        self._fits = fits
        self._handler = endpoint(handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not self._fits(scope["path"]):
            await self._app(scope, receive, send)
            return
        response = await self._handler(Request(scope, receive))
        await response(scope, receive, send)


async def _page(scope: Scope, receive: Receive, send: Send) -> None:
    response = await shell.page(Request(scope, receive))
    await response(scope, receive, send)


def _is_chunk(path: str) -> bool:
    return path == "/api/agent/chunk"


async def healthz(request: Request) -> Response:
    """GET /healthz: that it lives; told without a key."""
    return json_response({"ok": True, "version": services(request).version})


async def ready(request: Request) -> Response:
    """GET /ready: that its database answers, too; 503 when not. Told without a key."""
    found = services(request)
    await found.call(found.store.check)
    return json_response({"ok": True})


async def authorize(request: Request) -> Response:  # noqa: ARG001
    """GET /authorize: where the wandb client sends people for a key. Told without one."""
    return PlainTextResponse(_WHERE_KEYS_ARE)


async def _no_route(request: Request, error: Exception) -> Response:
    return told(error, request)
