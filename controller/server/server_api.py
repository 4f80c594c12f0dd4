"""What the server's page shows: agents, queues, how much comes in, what is stored, who works here.

Neighbours: figures.py (reads it), metrics_api.py (the same for Prometheus), keys_api.py.
"""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller.server.auth import caller
from controller.server.figures import Figures, python_and_system
from controller.server.services import Services, services
from controller.server.status import agent_json
from controller.server.wire import Handler, json_response
from controller.store.keys import Role
from sweeps.protocol.live import is_wandb_agent


async def server(request: Request) -> Response:
    """GET /api/server: what the server is, holds and does; its last warnings for admins alone.

    {"version", "python", "server_id", "entity", "started", "idle_s", "database": {"name", "kind",
    "bytes"}, "files": {"count", "bytes"}, "broker": {"own", "reachable", "product", "memory",
    "clients"}, "process": {"pid", "cpu_s", "memory", "files", "threads"}, "sweeps",
    "trials": {state: n}, "runs", "rows", "pages", "rates": {"requests", "chunks", "rows", "bytes"}
    (a second, over the last ten), "totals": the same since the start, "agents": [as in status.py,
    and "sweep", "silent_s", "wandb"], "queues": [{"sweep", "waiting", "queued", "running",
    "leases"}], "warnings": [{"time", "level", "name", "message"}]}.
    """
    found = services(request)
    figures = await found.figures.read()
    told = _told(found, figures)
    if caller(request).role.includes(Role.ADMIN):
        told["warnings"] = found.warnings.listed()
    return json_response(told)


def _told(found: Services, figures: Figures) -> dict[str, Any]:
    census, taken = figures.census, found.store.taken
    counters = {
        "requests": found.traffic.requests,
        "chunks": taken.chunks,
        "rows": taken.rows,
        "bytes": taken.bytes,
    }
    return {
        "version": found.version,
        "python": python_and_system(),
        "server_id": found.server_id,
        "entity": found.entity,
        "started": found.started,
        "now": time.time(),
        "idle_s": found.idle_s,
        "database": {
            "name": found.store.where,
            "kind": census.database,
            "bytes": census.database_bytes,
        },
        "files": {"count": census.blobs, "bytes": census.blob_bytes},
        "broker": vars(figures.broker),
        "process": vars(figures.process),
        "sweeps": census.sweeps,
        "trials": census.trials,
        "runs": census.runs,
        "rows": census.rows,
        "pages": found.events.listeners,
        "rates": {name: counter.per_second() for name, counter in counters.items()},
        "totals": {name: counter.total for name, counter in counters.items()},
        "agents": [
            {
                **agent_json(agent),
                "sweep": agent.sweep_id,
                "silent_s": figures.silent_s.get(agent.agent_id),
                "wandb": is_wandb_agent(agent.agent_id),
            }
            for agent in figures.agents
        ],
        "queues": [
            {
                "sweep": sweep_id,
                "waiting": figures.queues.get(sweep_id),
                **census.open.get(sweep_id, {"queued": 0, "running": 0}),
                "leases": figures.leases.get(sweep_id, 0),
            }
            for sweep_id in sorted(census.open.keys() | figures.leases.keys())
        ],
    }


ROUTES: tuple[tuple[str, str, Handler], ...] = (("GET", "/api/server", server),)
