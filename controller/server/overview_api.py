"""What the home page shows: sweeps as they stand, a page at a time, and projects with their runs.

Neighbours: status.py (a sweep in full), controller/store/standings.py (finds and counts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response

from controller.server.services import Services, services
from controller.server.status import live_agents, sweeps_json
from controller.server.wire import Fields, Handler, json_response
from controller.store.standings import SweepOrder
from sweeps.errors import UsageError
from sweeps.trial import SweepState

_MOST = 500
_BEST = ("id", "number", "objective", "config")


async def sweeps(request: Request) -> Response:
    """GET /api/overview/sweeps?search=&state=&state=&project=&order=&limit=&after=.

    {"sweeps": [a sweep as in status.py, with "active" (when anything of it last happened) and the
    best trial cut short], "total", "next", "states": {state: how many of those that fit}}. `order`:
    state (those that run first), activity, created or name.
    """
    found, asked = services(request), Fields(request.query_params)
    states, order = request.query_params.getlist("state"), asked.text("order", "state", longest=20)
    if unknown := set(states) - set(SweepState):
        raise UsageError(f"state: expected some of {', '.join(SweepState)}; not {unknown.pop()!r}")
    if order not in get_args(SweepOrder):
        raise UsageError(f"order: expected one of {', '.join(get_args(SweepOrder))}; not {order!r}")
    answer = await found.call(
        _sweeps,
        found,
        search=asked.text("search", "", longest=1000),
        states=states,
        project=asked.optional_text("project", longest=600),
        order=order,
        offset=asked.whole("after", 0),
        limit=min(asked.whole("limit", 50, least=1), _MOST),
    )
    return json_response(answer)


def _sweeps(found: Services, *, offset: int, **how: Any) -> dict[str, Any]:
    page = found.store.find_sweeps(offset=offset, **how)
    end = offset + len(page.sweeps)
    listed = sweeps_json(found.store, page.sweeps, live_agents(found.live))
    return {
        "sweeps": [{**_brief(each), "active": page.activity[each["id"]]} for each in listed],
        "total": page.total,
        "next": end if end < page.total else None,
        "states": page.states,
    }


def _brief(sweep: Mapping[str, Any]) -> dict[str, Any]:
    best = sweep["best"]
    return {**sweep, "best": best and {name: best[name] for name in _BEST}}


ROUTES: tuple[tuple[str, str, Handler], ...] = (("GET", "/api/overview/sweeps", sweeps),)
