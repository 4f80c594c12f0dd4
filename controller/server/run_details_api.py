"""What the page of a run asks beyond runs_api.py: the steps of a name, all of its history as a
file, and an order to stop.

Neighbours: series_api.py (curves and rows), controller/wandb_api/runs/stopping.py.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from controller import orders
from controller.server.auth import caller
from controller.server.services import Services, services
from controller.server.wire import Fields, Handler, json_response, spell_out
from controller.store.chunk_records import ChunkKind
from controller.wandb_api.runs.configs import WANDB
from controller.wandb_api.runs.stopping import order_stop
from sweeps.errors import IllegalTransition, UsageError

_PAGE = 2000
_MOST_STEPS = 1_000_000
_MOST_KEYS = 200


async def steps(request: Request) -> Response:
    """GET /api/runs/{id}/steps?key=&key=: {steps: {name: [the steps at which it has a value]}}."""
    found = services(request)
    names = request.query_params.getlist("key")
    if not 0 < len(names) <= _MOST_KEYS:
        raise UsageError(f"key: expected 1 to {_MOST_KEYS}")
    return await found.call(_steps, found, request.path_params["run_id"], names)


def _steps(found: Services, run_id: str, names: list[str]) -> Response:
    rows = found.store.history(run_id, names)
    told: dict[str, list[int]] = {}
    for name in names:
        column = rows.columns.get(name)
        if column is None:
            told[name] = []
            continue
        which = rows.steps if column.index is None else rows.steps[column.index]
        told[name] = which[-_MOST_STEPS:].tolist()
    return json_response({"steps": told})


async def export(request: Request) -> Response:
    """GET /api/runs/{id}/export?format=csv|json&kind=&key=: its rows as a file."""
    found, run_id = services(request), request.path_params["run_id"]
    asked = Fields(request.query_params)
    form, kind = asked.text("format", "csv", longest=10), _kind(asked)
    if form not in ("csv", "json"):
        raise UsageError(f"format: expected csv or json, not {form!r}")
    logged = await found.call(found.store.logged_keys, run_id, kind)
    names = request.query_params.getlist("key") or list(logged)
    pages = _pages(found, run_id, names, kind)
    parts = _csv(pages, names) if form == "csv" else _json(pages)
    name = quote(f"{run_id}-{kind}.{form}", safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "X-Content-Type-Options": "nosniff",
    }
    media = "text/csv" if form == "csv" else "application/json"
    return StreamingResponse(_stream(found, parts), media_type=media, headers=headers)


def _pages(
    found: Services, run_id: str, names: list[str], kind: ChunkKind
) -> Iterator[list[dict[str, Any]]]:
    after: str | None = None
    while True:
        page = found.store.rows(run_id, names, after=after, limit=_PAGE, kind=kind)
        yield [{"_step": step, "_timestamp": when, **row} for step, when, row in page.rows.rows()]
        after = page.next
        if after is None:
            return


def _csv(pages: Iterator[list[dict[str, Any]]], names: list[str]) -> Iterator[str]:
    columns = ["_step", "_timestamp", *(name for name in names if name not in _TIMES)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for rows in pages:
        writer.writerows([_cell(row, name) for name in columns] for row in rows)
        yield text.getvalue()
        text.seek(0)
        text.truncate()


_TIMES = ("_step", "_timestamp")


def _cell(row: Mapping[str, Any], name: str) -> Any:
    value = row.get(name, "")
    return json.dumps(spell_out(value)) if isinstance(value, dict | list) else value


def _json(pages: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    lead = "[\n"
    for rows in pages:
        for row in rows:
            yield lead + json.dumps(spell_out(row), ensure_ascii=False)
            lead = ",\n"
    yield "[]\n" if lead == "[\n" else "\n]\n"


async def _stream(found: Services, parts: Iterator[str]) -> AsyncIterator[bytes]:
    def some() -> str:
        """Many small parts at a time: each way into a thread costs."""
        taken, size = [], 0
        for part in parts:
            taken.append(part)
            size += len(part)
            if size > 1 << 18:
                break
        return "".join(taken)

    while text := await found.call(some):
        yield text.encode("utf-8", "replace")


async def stop(request: Request) -> Response:
    """POST /api/runs/{id}/stop: has its script end. 204.

    A trial is stopped as orders_api.py does it. A script that somebody started with our own logger
    hears nothing from here: 409.
    """
    found = services(request)
    user = caller(request).user
    await found.call(stop_run, found, request.path_params["run_id"], user)
    return Response(status_code=204)


def stop_run(found: Services, run_id: str, user: str) -> None:
    """Has a run's process end. Raises IllegalTransition where it cannot be."""
    run = found.store.get_run(run_id)
    if run.sweep_id is not None:
        orders.stop_trial(found.store, run_id, user=user)
        found.loop.wake()
        return
    if run.state.over:
        raise IllegalTransition(f"run {run_id} is over: there is nothing to stop")
    if WANDB not in run.metadata:
        where = run.metadata.get("host") or "its machine"
        raise IllegalTransition(
            f"run {run_id} was started by hand: end its process"
            f" {run.metadata.get('pid', '')} on {where}"
        )
    order_stop(found, run)


def _kind(asked: Fields) -> ChunkKind:
    kind = asked.text("kind", "history", longest=20)
    if kind not in (ChunkKind.HISTORY, ChunkKind.SYSTEM):
        raise UsageError(f"kind: expected history or system, not {kind!r}")
    return ChunkKind(kind)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/runs/{run_id}/steps", steps),
    ("GET", "/api/runs/{run_id}/export", export),
    ("POST", "/api/runs/{run_id}/stop", stop),
)
