"""The console of a run for readers: lines by number, search, and the whole as a text file.

Programs that follow a console by its bytes ask sweep_api.py. Neighbour: console_lines.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from controller.server.services import Services, services
from controller.server.wire import Fields, Handler, json_response
from controller.store.chunk_records import ChunkKind

MOST_LINES = 5000
"""Lines in an answer."""


async def lines(request: Request) -> Response:
    """GET /api/runs/{id}/console/lines?lane=&first=&limit=: {first, lines, style, total, settled,
    starts, over, lanes}; without `first` the last lines. See console_lines.Page."""
    found = services(request)
    asked = Fields(request.query_params)
    return await found.call(
        _lines,
        found,
        request.path_params["run_id"],
        asked.text("lane", "", longest=40),
        asked.optional_whole("first"),
        min(asked.whole("limit", 500, least=1), MOST_LINES),
    )


def _lines(found: Services, run_id: str, lane: str, first: int | None, limit: int) -> Response:
    over = found.store.get_run(run_id).state.over  # before the lines: they are all there are then
    page = found.lines.page(run_id, lane, first, limit)
    streams = found.store.streams(run_id)
    lanes = sorted({each.lane for each in streams if each.kind == ChunkKind.CONSOLE})
    return json_response({**vars(page), "over": over, "lanes": lanes})


async def search(request: Request) -> Response:
    """GET /api/runs/{id}/console/search?lane=&text=: {count, lines}."""
    found = services(request)
    asked = Fields(request.query_params)
    told: Any = await found.call(
        found.lines.search,
        request.path_params["run_id"],
        asked.text("lane", "", longest=40),
        asked.text("text", longest=1000),
    )
    return json_response(vars(told))


async def text(request: Request) -> Response:
    """GET /api/runs/{id}/console/text?lane=: all of it, as a file to keep."""
    found = services(request)
    run_id, lane = (
        request.path_params["run_id"],
        Fields(request.query_params).text("lane", "", longest=40),
    )
    await found.call(found.store.get_run, run_id)  # NotFoundError, while there is no answer yet
    name = quote(f"{run_id}{'-' + lane if lane else ''}.log", safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(
        _text(found, run_id, lane), media_type="text/plain; charset=utf-8", headers=headers
    )


async def _text(found: Services, run_id: str, lane: str) -> AsyncIterator[bytes]:
    parts = found.lines.text(run_id, lane)
    while (part := await found.call(next, parts, None)) is not None:
        yield part.encode("utf-8", "replace")


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/runs/{run_id}/console/lines", lines),
    ("GET", "/api/runs/{run_id}/console/search", search),
    ("GET", "/api/runs/{run_id}/console/text", text),
)
