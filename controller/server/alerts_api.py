"""Alerts that scripts raise: recorded here, handed on by controller/alerts.py."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller.server.services import Services, services
from controller.server.wire import Fields, Handler, json_response, read_json
from controller.store.records import AlertRecord
from sweeps.errors import UsageError

_LEVELS = ("INFO", "WARN", "ERROR")


async def add(request: Request) -> Response:
    """POST /api/runs/{id}/alerts {writer, lane, number, time, level, wait_s, title, text}.

    Answers {"state": due, held, kept, delivered or failed}; safe to repeat.
    """
    found = services(request)
    body = await read_json(request)
    level = body.text("level", "INFO", longest=10).upper()
    if level not in _LEVELS:
        raise UsageError(f"level: expected one of {', '.join(_LEVELS)}; not {level!r}")
    state = await found.call(
        found.store.add_alert,
        request.path_params["run_id"],
        body.whole("writer", least=1),
        body.text("lane", "", longest=40),
        body.whole("number"),
        level=level,
        title=body.text("title", longest=1000),
        text=body.text("text", "", longest=1 << 16),
        wait_s=body.optional_number("wait_s") or 0.0,
        raised=body.optional_number("time") or 0.0,
        deliver=found.alerts.addresses > 0,
    )
    found.alerts.wake()
    return json_response({"state": state.value})


async def listing(request: Request) -> Response:
    """GET /api/alerts?run=&project=&limit=: {"alerts": the newest first, "delivery"}."""
    found = services(request)
    query = Fields(request.query_params)
    return await found.call(
        _listing,
        found,
        run_id=query.optional_text("run", longest=200),
        project=query.optional_text("project", longest=300),
        limit=min(query.whole("limit", 100), 1000),
    )


def _listing(found: Services, **wanted: Any) -> Response:
    listed = found.store.alerts(**wanted)
    delivery = {"addresses": found.alerts.addresses, "problem": found.alerts.problem}
    return json_response({"alerts": [_alert_json(each) for each in listed], "delivery": delivery})


def _alert_json(alert: AlertRecord) -> dict[str, Any]:
    return {**vars(alert), "state": alert.state.value, "told": len(alert.told)}


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/api/runs/{run_id}/alerts", add),
    ("GET", "/api/alerts", listing),
)
"""The listing has no addresses in it: `told` is how many have the alert."""
