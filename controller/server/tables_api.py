"""Tables among the files of runs and artifacts, a page at a time (controller/tables.py).

What was read stays in memory for the next page: files are named by their content. Neighbours:
files_api.py, artifacts_api.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller import tables
from controller.server.artifacts_api import entry_of
from controller.server.files_api import blobs_of, path_of
from controller.server.services import Services, services
from controller.server.wire import Fields, Handler, json_response
from controller.store.cache import Cache
from sweeps.errors import UsageError

MOST_BYTES = 64 << 20
"""A larger table is not read: it can be downloaded."""
_MOST_ROWS = 1000
_MOST_PARTS = 2000
_LARGER = 4  # a table in memory, by its JSON
_READ = Cache(512 << 20)
_CHOSEN = Cache(32 << 20)

Blob = tuple[str, int]
"""Digest and size."""


async def of_run(request: Request) -> Response:
    """GET /api/runs/{id}/table?path=&path=&search=&filter=&sort=&descending=&offset=&limit=&of=

    Answers {columns, total, found, rows: [[number, [cell, …]]]}; several paths are the parts of an
    incremental table. `filter` is a JSON list of [column, operator, value]. With `of`, a column's
    name: how its values are spread, instead of rows.
    """
    run_id = request.path_params["run_id"]
    found = services(request)

    def blob(path: str) -> Blob:
        one = found.store.get_file(run_id, path)
        return one.digest, one.size

    return await found.move(_answer, found, request, blob)


async def of_artifact(request: Request) -> Response:
    """GET /api/artifacts/{id}/table?path=…: the same of an artifact's files."""
    found = services(request)
    artifact = await found.call(found.store.get_artifact, request.path_params["artifact_id"])

    def blob(path: str) -> Blob:
        entry = entry_of(found, artifact, path)
        return entry.digest, entry.size or 0

    return await found.move(_answer, found, request, blob)


def _answer(found: Services, request: Request, blob: Callable[[str], Blob]) -> Response:
    asked = Fields(request.query_params)
    paths = [path_of(path) for path in request.query_params.getlist("path")]
    if not 0 < len(paths) <= _MOST_PARTS:
        raise UsageError(f"path: expected 1 to {_MOST_PARTS}")
    parts = [blob(path) for path in paths]
    table = _table(found, paths[0], parts)
    how = {
        "search": asked.text("search", "", longest=1000),
        "conditions": _conditions(asked.text("filter", "[]", longest=20_000)),
        "sort": asked.optional_text("sort", longest=10_000),
        "descending": asked.text("descending", "", longest=5) == "1",
    }
    rows = _rows(table, parts, how)
    column = asked.optional_text("of", longest=10_000)
    if column is not None:
        return json_response(tables.describe(table, rows, column))
    offset, limit = asked.whole("offset", 0), min(asked.whole("limit", 100), _MOST_ROWS)
    page = [[number, table.rows[number]] for number in rows[offset : offset + limit]]
    told = {"columns": table.columns, "total": len(table.rows), "found": len(rows), "rows": page}
    return json_response(told)


def _table(found: Services, path: str, parts: Sequence[Blob]) -> tables.Table:
    size = sum(size for _, size in parts)
    if size > MOST_BYTES:
        raise UsageError(
            f"the table is {size:,} bytes long; up to {MOST_BYTES:,} are shown here: download it"
        )
    name = tuple(digest for digest, _ in parts)
    table: tables.Table | None = _READ.get(name)
    if table is None:
        pieces = (b"".join(blobs_of(found).read(digest)) for digest, _ in parts)
        if path.lower().endswith((".csv", ".tsv")):
            table = tables.read_csv(b"".join(pieces), tabs=path.lower().endswith(".tsv"))
        else:
            table = tables.read_json(pieces)
        _READ.put(name, table, _LARGER * size)
    return table


def _rows(table: tables.Table, parts: Sequence[Blob], how: dict[str, Any]) -> Sequence[int]:
    if not (how["search"] or how["conditions"] or how["sort"] is not None):
        return range(len(table.rows))
    name = (tuple(digest for digest, _ in parts), repr(how))
    rows: list[int] | None = _CHOSEN.get(name)
    if rows is None:
        rows = tables.choose(table, **how)
        _CHOSEN.put(name, rows, 36 * len(rows))
    return rows


def _conditions(text: str) -> list[tables.Condition]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, list) or not all(
        isinstance(each, list) and len(each) == 3 and all(isinstance(part, str) for part in each)
        for each in given
    ):
        raise UsageError("filter: expected a JSON list of [column, operator, value]")
    return [tables.Condition(*each) for each in given]


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/runs/{run_id}/table", of_run),
    ("GET", "/api/artifacts/{artifact_id}/table", of_artifact),
)
