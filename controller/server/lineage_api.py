"""Lineage as the pages draw it; see controller/lineage.py."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller.lineage import MOST_NODES, Lineage, Name, trace
from controller.server.services import services
from controller.server.wire import Fields, Handler, json_response
from controller.store.records import RunRecord


async def of_artifact(request: Request) -> Response:
    """GET /api/artifacts/{id}/lineage?limit=: {start, nodes: [{id, kind, name, …, hidden}], edges:
    [[id, id]]}; ids begin with "run:" or "artifact:"."""
    return await _answer(request, ("artifact", request.path_params["artifact_id"]))


async def of_run(request: Request) -> Response:
    """GET /api/runs/{id}/lineage?limit=: the same of a run."""
    return await _answer(request, ("run", request.path_params["run_id"]))


async def _answer(request: Request, start: Name) -> Response:
    found = services(request)
    limit = Fields(request.query_params).whole("limit", MOST_NODES, least=1)
    lineage = await found.call(trace, found.store, start, min(limit, 2000))
    return json_response(_json(lineage))


def _json(found: Lineage) -> dict[str, Any]:
    return {
        "start": ":".join(found.start),
        "nodes": [
            _node(name, node, found.hidden.get(name, 0)) for name, node in found.nodes.items()
        ],
        "edges": [[":".join(a), ":".join(b)] for a, b in found.edges],
    }


def _node(name: Name, node: Any, hidden: int) -> dict[str, Any]:
    told = {"id": ":".join(name), "kind": name[0], "key": name[1], "hidden": hidden}
    told |= {"project": node.project, "name": node.name}
    if isinstance(node, RunRecord):
        job_type = node.metadata.get("job_type")
        return told | {"state": node.state.value, "job_type": job_type or ""}
    return told | {"type": node.type, "version": node.version, "aliases": list(node.aliases)}


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/artifacts/{artifact_id}/lineage", of_artifact),
    ("GET", "/api/runs/{run_id}/lineage", of_run),
)
