"""The HTTP application: every route in one table, each answer JSON, every error in one form.

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

from controller.server import agent_api, sweep_api
from controller.server.auth import Gate
from controller.server.services import Services, services
from controller.server.wire import endpoint, json_response, told


def make_app(found: Services) -> Starlette:
    """The application over the given store, loop and broker."""
    get, post = ["GET"], ["POST"]
    app = Starlette(
        routes=[
            Route("/healthz", endpoint(healthz), methods=get),
            Route("/api/handshake", endpoint(agent_api.handshake), methods=get),
            Route("/api/sweeps", endpoint(sweep_api.create), methods=post),
            Route("/api/sweeps", endpoint(sweep_api.listing), methods=get),
            Route("/api/sweeps/{sweep_id}", endpoint(sweep_api.status), methods=get),
            Route("/api/sweeps/{sweep_id}/trials", endpoint(sweep_api.trials), methods=get),
            Route("/api/sweeps/{sweep_id}/best", endpoint(sweep_api.best), methods=get),
            Route("/api/sweeps/{sweep_id}/spec", endpoint(sweep_api.spec), methods=get),
            Route("/api/sweeps/{sweep_id}/{action}", endpoint(sweep_api.change), methods=post),
            Route("/api/trials/{trial_id}", endpoint(sweep_api.trial), methods=get),
            Route("/api/runs/{run_id}/history", endpoint(sweep_api.history), methods=get),
            Route("/api/runs/{run_id}/console", endpoint(sweep_api.console), methods=get),
            Route("/api/agent/start", endpoint(agent_api.start), methods=post),
            Route("/api/agent/chunk", endpoint(agent_api.chunk), methods=post),
            Route("/api/agent/finish", endpoint(agent_api.finish), methods=post),
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
