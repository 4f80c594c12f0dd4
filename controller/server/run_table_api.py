"""The runs table: which columns there are, runs in groups, exports, and changes to many at once.

Single pages of runs are runs_api.py's. All of it is answered from the columns in memory
(controller/store/run_index.py). Changes to many runs are many small transactions: what could not be
changed is told run by run, and the rest is done.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from controller.server.auth import caller
from controller.server.run_details_api import stop_run
from controller.server.runs_api import field_names, run_query
from controller.server.services import services
from controller.server.wire import Fields, Handler, json_response, numbers_response, read_json
from controller.store.run_fields import run_field
from controller.store.run_filters import Order, parse_order
from controller.store.run_groups import COUNT, FIGURES
from sweeps.errors import NotFoundError, OpensweepError, UsageError

_FIELDS, _VALUES, _GROUPS = 2000, 1000, 10_000
"""An answer has no more names, values or groups than this."""
_RUNS = 1000
"""Runs that one request may change."""
_TAG = 200
"""Characters of a tag."""
_ROWS = 500
"""Rows of an export that are written at once."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def known(request: Request) -> Response:
    """GET /api/run-table/fields?project=&sweep=&containing=:
    {"runs", "total", "fields", "metrics"}.

    `fields`: [{"name": "config.lr", "runs", "kinds"}], names below config, summary and metadata
    that some run has, with how many have them, those of most runs first; with `search` those that
    have it in them. At most 2,000; `total` says how many there are. `metrics`: what the project's
    sweeps are after, the newest sweep's first.
    """
    found = services(request)
    query, _ = await run_query(request, found)
    search = Fields(request.query_params).text("containing", "", longest=200).casefold()
    runs, documents = await found.call(found.store.known_fields, query.scope)
    listed: list[dict[str, Any]] = [
        {"name": f"{document}.{each.name}", "runs": each.runs, "kinds": each.kinds}
        for document, names in documents.items()
        for each in names
        if search in f"{document}.{each.name}".casefold()
    ]
    listed.sort(key=lambda each: -each["runs"])
    metrics = await found.call(found.store.sweep_metrics, query.scope.project)
    told = {"runs": runs, "total": len(listed), "fields": listed[:_FIELDS], "metrics": metrics}
    return numbers_response(told)


async def values(request: Request) -> Response:
    """GET /api/run-table/values?field=&limit=20&(what GET /api/runs takes to choose runs):
    {"values": [[value, runs]], "members": [[text, runs]], "span": [least, greatest] | null}.

    What the runs that fit have in a field, the most frequent first; `members` are texts in lists.
    """
    found = services(request)
    query, _ = await run_query(request, found)
    asked = Fields(request.query_params)
    field = run_field(asked.text("field", longest=1000))
    limit = min(asked.whole("limit", 20, least=1), _VALUES)
    told = await found.call(found.store.run_values, query, field, limit)
    return numbers_response(
        {"values": told.frequent, "members": told.members, "span": told.span and list(told.span)}
    )


async def groups(request: Request) -> Response:
    """GET /api/run-table/groups?by=&columns=&order=&figure=&limit=&after=&(as GET /api/runs):
    {"total", "runs", "groups": [{"values", "runs"}], "columns": {name: figures}, "next"}.

    `by` and `columns` are names parted by commas, or JSON lists. Figures are a list for each group:
    {"mean", "min", "max", "std", "count"} over finite numbers, "kinds" (how many values), "value"
    (where all runs have the same). An order may also be by `runs`; other columns sort by
    `figure`: mean (if it is left out), min, max or std.
    """
    found = services(request)
    query, names = await run_query(request, found, parse_order=_group_order)
    by = field_names("by", request.query_params.get("by")) or []
    if not by:
        raise UsageError("by: expected at least one name to group by, such as config.lr")
    fields = [run_field(name) for name in by]
    figure = Fields(request.query_params).text("figure", "mean", longest=10)
    if figure not in FIGURES:
        raise UsageError(f"figure: expected one of {', '.join(FIGURES)}; not {figure!r}")
    query = replace(query, limit=min(query.limit or 0, _GROUPS))
    page = await found.call(found.store.group_runs, query, fields, figure)
    end = query.offset + len(page.counts)
    told = [
        {"values": row, "runs": runs}
        for row, runs in zip(map(list, zip(*page.values, strict=True)), page.counts, strict=True)
    ]
    return numbers_response(
        {
            "total": page.total,
            "runs": page.runs,
            "groups": told,
            "columns": dict(zip(names or (), page.figures, strict=True)),
            "next": end if end < page.total else None,
        }
    )


def _group_order(text: str) -> list[Order]:
    """As run_filters.parse_order, with `runs` besides."""
    orders = []
    for part in text.split(","):
        name = part.strip().lstrip("+-")
        falls = part.strip().startswith("-")
        orders += [Order(COUNT, falls)] if name == "runs" else parse_order(part)
    return orders


async def export(request: Request) -> Response:
    """GET /api/run-table/export?format=csv|json&columns=&(as GET /api/runs): a file of all runs
    that fit, a row each, with `id` first.

    In CSV a text that a spreadsheet would take for a formula has a ' before it; JSON (an object a
    run, in a list) has every value as it is.
    """
    found = services(request)
    query, names = await run_query(request, found)
    kind = Fields(request.query_params).text("format", "csv", longest=10)
    if kind not in ("csv", "json"):
        raise UsageError(f"format: expected csv or json; not {kind!r}")
    if not names:
        raise UsageError("columns: name at least one column, such as display_name,config.lr")
    whole = replace(query, offset=0, limit=None)
    page = await found.call(found.store.find_runs, whole)
    rows = zip(page.ids, *page.columns, strict=True)
    head = ["id", *names]
    body = _as_csv(head, rows) if kind == "csv" else _as_json(head, rows)
    return StreamingResponse(
        body,
        media_type="text/csv; charset=utf-8" if kind == "csv" else "application/json",
        headers={"Content-Disposition": f'attachment; filename="runs.{kind}"'},
    )


def _as_csv(head: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_cell(name) for name in head])
    for number, row in enumerate(rows, 1):
        writer.writerow([_cell(value) for value in row])
        if number % _ROWS == 0:
            yield text.getvalue().encode("utf-8", "replace")
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict | bool):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA) and value != "-Infinity":
        return f"'{value}"
    return value


def _as_json(head: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    waiting, separator = "[", "\n"
    for number, row in enumerate(rows, 1):
        waiting += separator + json.dumps(dict(zip(head, row, strict=True)), ensure_ascii=False)
        separator = ",\n"
        if number % _ROWS == 0:
            yield waiting.encode("utf-8", "replace")
            waiting = ""
    yield f"{waiting}\n]\n".encode("utf-8", "replace")


async def tag(request: Request) -> Response:
    """POST /api/run-table/tags {runs, add?, remove?}: {"done": n, "refused": []}."""
    found = services(request)
    body = await read_json(request)
    runs, add, remove = _runs(body), body.texts("add"), body.texts("remove")
    if any(not each.strip() or len(each) > _TAG for each in add):
        raise UsageError(f"add: a tag has 1 to {_TAG} characters")
    if not add and not remove:
        raise UsageError("add, remove: name at least one tag")
    done = await found.call(found.store.tag_runs, runs, add, remove)
    return json_response({"done": done, "refused": []})


async def delete(request: Request) -> Response:
    """POST /api/run-table/delete {runs}: {"done": n, "refused": [{"id", "why"}]}."""
    found = services(request)
    runs = _runs(await read_json(request))
    return await found.call(_each, runs, found.store.delete_run)


async def stop(request: Request) -> Response:
    """POST /api/run-table/stop {runs}: has their processes end; answers as delete does.

    A run of our own logger that no agent started is out of our reach.
    """
    found = services(request)
    runs = _runs(await read_json(request))
    user = caller(request).user
    return await found.call(_each, runs, lambda run_id: stop_run(found, run_id, user))


def _each(runs: Sequence[str], act: Callable[[str], None]) -> Response:
    refused, done = [], 0
    for run_id in runs:
        try:
            act(run_id)
        except NotFoundError:
            continue  # somebody else was faster
        except OpensweepError as error:
            refused.append({"id": run_id, "why": str(error)})
        else:
            done += 1
    return json_response({"done": done, "refused": refused})


def _runs(body: Fields) -> list[str]:
    runs = list(dict.fromkeys(body.texts("runs")))
    if not runs or len(runs) > _RUNS:
        raise UsageError(f"runs: expected the ids of 1 to {_RUNS:,} runs")
    return runs


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/run-table/fields", known),
    ("GET", "/api/run-table/values", values),
    ("GET", "/api/run-table/groups", groups),
    ("GET", "/api/run-table/export", export),
    ("POST", "/api/run-table/tags", tag),
    ("POST", "/api/run-table/delete", delete),
    ("POST", "/api/run-table/stop", stop),
)
