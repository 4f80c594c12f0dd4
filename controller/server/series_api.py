"""What runs logged: whole, in pages, and as series for charts, thinned to the points asked for.

A series comes as bytes (`sweeps.protocol.series` has the layout), or as JSON for who asks for
`Accept: application/json`. An answer has an ETag: who sends it back in If-None-Match gets 304 as
long as nothing has come, at next to no cost. A live chart sends cursors back, and gets what is new.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from controller.server.services import Services, services
from controller.server.wire import Fields, json_response, numbers_response, read_json, spell_out
from controller.store.chunk_records import ChunkKind
from controller.store.drawing import STEP, TIMESTAMP, SeriesQuery
from sweeps.errors import UsageError
from sweeps.protocol.columns import Columns
from sweeps.protocol.series import Series, pack_series

MOST_ROWS = 10_000
"""Rows in a page."""
MOST_SERIES = 10_000
"""Series in an answer."""
MOST_POINTS = 100_000
"""Points in a series."""
_MOST_IN_ALL = 20_000_000  # points in an answer


async def history(request: Request) -> Response:
    """GET /api/runs/{id}/history?keys=a,b | key=a&key=b &kind=: {"rows": [{"_step", …}]}.

    With keys: the rows that have at least one of them, and of each those only.
    """
    found = services(request)
    keys, kind = _keys(request), _kind(Fields(request.query_params))
    return await found.call(_history, found, request.path_params["run_id"], keys, kind)


def _history(found: Services, run_id: str, keys: list[str] | None, kind: ChunkKind) -> Response:
    columns = found.store.history(run_id, keys, kind=kind)
    rows = [row for row in _json_rows(columns) if len(row) > 2 or keys is None]
    return json_response({"rows": rows})  # written in this thread too: it may be long


async def rows(request: Request) -> Response:
    """GET /api/runs/{id}/rows?keys=&from=&to=&after=&limit=&kind=: {"rows": […], "next"}.

    As history, a page at a time; `from` and `to` are steps, both included. `next` is for `after`
    of the page that follows; null: there is none. `exact=1`: NaN and infinity stay numbers.
    """
    found = services(request)
    query = Fields(request.query_params)
    return await found.call(
        _rows,
        found,
        request.path_params["run_id"],
        _keys(request),
        first=query.optional_whole("from", least=-(2**63)),
        last=query.optional_whole("to", least=-(2**63)),
        after=query.optional_text("after", longest=1000),
        limit=min(query.whole("limit", 1000, least=1), MOST_ROWS),
        kind=_kind(query),
        exact=query.text("exact", "", longest=5) == "1",
    )


def _rows(
    found: Services, run_id: str, keys: list[str] | None, *, exact: bool, **how: Any
) -> Response:
    page = found.store.rows(run_id, keys, **how)
    return json_response({"rows": _json_rows(page.rows), "next": page.next}, exact=exact)


def _json_rows(columns: Columns) -> list[dict[str, Any]]:
    return [{"_step": step, "_timestamp": when, **row} for step, when, row in columns.rows()]


async def series_of_run(request: Request) -> Response:
    """GET /api/runs/{id}/series?key=&key=&x=&from=&to=&points=&kind=&after=&after=.

    One series a key, in this order; `after`: their cursors, in the same.
    """
    params = request.query_params
    query = _query(Fields(params), params.getlist("key"))
    return await _answer(request, [request.path_params["run_id"]], query, params.getlist("after"))


async def series_of_runs(request: Request) -> Response:
    """POST /api/series {runs, keys, x, from, to, points, kind, after}: the same for many runs.

    Run by run, and of each key by key; `after` in the same order.
    """
    body = await read_json(request)
    keys, runs, cursors = body.texts("keys"), body.texts("runs"), body.texts("after")
    return await _answer(request, runs, _query(body, keys), cursors)


async def _answer(
    request: Request, runs: list[str], query: SeriesQuery, cursors: list[str]
) -> Response:
    runs = list(dict.fromkeys(runs))
    count = len(runs) * len(query.keys)
    if not 0 < count <= MOST_SERIES or count * query.points > _MOST_IN_ALL:
        raise UsageError(
            f"runs and keys: expected 1 to {MOST_SERIES:,} series, and at most {_MOST_IN_ALL:,} "
            f"points in all; not {count:,} series of up to {query.points:,}"
        )
    if cursors and len(cursors) != count:
        raise UsageError(f"after: expected one for each of {count} series, not {len(cursors)}")
    names = [(run, key) for run in runs for key in query.keys]
    found = services(request)
    return await found.call(
        _series,
        found,
        runs,
        query,
        dict(zip(names, cursors, strict=False)),
        etag=request.headers.get("if-none-match"),
        plain="application/json" in request.headers.get("accept", ""),
    )


def _series(
    found: Services,
    runs: list[str],
    query: SeriesQuery,
    cursors: Mapping[tuple[str, str], str],
    *,
    etag: str | None,
    plain: bool,
) -> Response:
    # Before the series: what comes in between is seen too early then, never too late.
    version = f'"{found.store.series_version(runs, query)}"'
    headers = {"ETag": version, "Cache-Control": "private, no-cache", "Vary": "Accept"}
    if etag == version:
        return Response(status_code=304, headers=headers)
    series = found.store.series(runs, query, cursors)
    if plain:
        answer = numbers_response({"series": [_json_series(each) for each in series]})
        answer.headers.update(headers)
        return answer
    return Response(pack_series(series), media_type="application/octet-stream", headers=headers)


def _json_series(series: Series) -> dict[str, Any]:
    return {**vars(series), "x": _spelled(series.x), "y": _spelled(series.y)}


def _spelled(values: NDArray[np.float64]) -> list[Any]:
    plain: list[Any] = values.tolist()
    for odd in np.flatnonzero(~np.isfinite(values)):
        plain[odd] = spell_out(plain[odd])
    return plain


# -- what is asked for --------------------------------------------------------------------------


def _query(fields: Fields, keys: list[str]) -> SeriesQuery:
    kind = _kind(fields)
    points = fields.whole("points", 1000, least=2)
    if points > MOST_POINTS:
        raise UsageError(f"points: at most {MOST_POINTS:,}")
    usual = TIMESTAMP if kind is ChunkKind.SYSTEM else STEP
    return SeriesQuery(
        keys=tuple(dict.fromkeys(keys)),
        x=fields.text("x", usual, longest=10_000),
        low=fields.number("from", -math.inf),
        high=fields.number("to", math.inf),
        points=points,
        kind=kind,
    )


def _keys(request: Request) -> list[str] | None:
    """Those asked for one by one, and those in a list with commas; None: all."""
    exact = request.query_params.getlist("key")
    listed = Fields(request.query_params).optional_text("keys")
    if listed is None:
        return exact or None
    return [*exact, *(key for key in listed.split(",") if key)]


def _kind(fields: Fields) -> ChunkKind:
    kind = fields.text("kind", ChunkKind.HISTORY.value, longest=20)
    if kind not in (ChunkKind.HISTORY, ChunkKind.SYSTEM):
        raise UsageError(f"kind: expected history or system, not {kind!r}")
    return ChunkKind(kind)


ROUTES = (
    ("GET", "/api/runs/{run_id}/history", history),
    ("GET", "/api/runs/{run_id}/rows", rows),
    ("GET", "/api/runs/{run_id}/series", series_of_run),
    ("POST", "/api/series", series_of_runs),
)
