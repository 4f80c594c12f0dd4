"""What people and their programs ask for: sweeps, trials, histories, consoles, and orders.

The shapes of the answers are described in status.py; lists come wrapped in an object
({"sweeps": […]}), so that an answer can grow. Creating and changing is controller/record.py's.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response

from controller import record
from controller.server.outcomes import outcome
from controller.server.services import Services, services
from controller.server.status import (
    attempt_json,
    enqueued_by,
    live_agents,
    sweep_json,
    sweeps_json,
    trial_json,
)
from controller.server.wire import Fields, json_response, numbers_response, read_json
from controller.store.records import SweepRecord
from controller.store.store import Store
from controller.store.trials import TrialOrder
from sweeps.errors import UsageError
from sweeps.spec import SweepSpec
from sweeps.trial import TrialState

YAML_BYTES = 4 << 20
"""A sweep file may not be longer."""
_PACKED_FROM = 32 << 10
"""Longer answers about all trials are compressed."""


async def create(request: Request) -> Response:
    """POST /api/sweeps {yaml, path, cwd, host, …}: records a sweep.

    One that was on another server has `imported_from` (its address there; it needs no program),
    `project` (instead of the file's) and `prior` (ids of the runs that it had). `tables`: the
    texts of the CSV files that the file names under `prior`, by those names.
    """
    found = services(request)
    sweep, spec = await found.call(_create, found, await read_json(request))
    found.loop.wake()
    return json_response(
        {
            "id": sweep.id,
            "name": sweep.name,
            "warnings": list(spec.warnings),
            "notes": list(spec.notes),
        }
    )


def _create(found: Services, body: Fields) -> tuple[SweepRecord, SweepSpec]:
    path = body.optional_text("path", longest=4096)
    imported_from = body.optional_text("imported_from", longest=4096)
    origin = {
        "path": path,
        "cwd": body.optional_text("cwd", longest=4096),
        "host": body.optional_text("host", longest=300),
    }
    if imported_from is not None:
        origin["imported_from"] = imported_from
    return record.create_sweep(
        found.store,
        body.text("yaml", longest=YAML_BYTES),
        path=path,
        origin=origin,
        own_entity=found.entity,
        project=body.optional_text("project", longest=200),
        prior=[found.store.get_run(run) for run in body.texts("prior")]
        if body.has("prior")
        else [],
        tables=_tables(body),
        runnable=imported_from is None,
    )


def _tables(body: Fields) -> dict[str, str]:
    tables = body.optional_mapping("tables") or {}
    if not all(isinstance(text, str) for text in tables.values()):
        raise UsageError("tables: expected the texts of files, by name")
    return tables


async def listing(request: Request) -> Response:
    """GET /api/sweeps: all of them, the newest first."""
    found = services(request)
    return json_response({"sweeps": await found.call(_all_sweeps, found)})


def _all_sweeps(found: Services) -> list[dict[str, Any]]:
    return sweeps_json(found.store, found.store.list_sweeps(), live_agents(found.live))


async def status(request: Request) -> Response:
    """GET /api/sweeps/{id}."""
    found = services(request)
    return json_response(await found.call(_one_sweep, found, request.path_params["sweep_id"]))


def _one_sweep(found: Services, sweep_id: str) -> dict[str, Any]:
    sweep = found.store.get_sweep(sweep_id)
    return sweep_json(found.store, sweep, live_agents(found.live))


async def change(request: Request) -> Response:
    """POST /api/sweeps/{id}/pause, resume, stop or cancel: answers the status after it."""
    found = services(request)
    sweep_id, action = request.path_params["sweep_id"], request.path_params["action"]
    await found.call(record.change_state, found.store, sweep_id, action)
    found.loop.wake()
    return json_response(await found.call(_one_sweep, found, sweep_id))


async def update(request: Request) -> Response:
    """PUT /api/sweeps/{id}/spec {yaml, path, tables}: another file for a sweep; {id, name,
    warnings, notes, state}."""
    found = services(request)
    sweep, spec = await found.call(
        _update, found, request.path_params["sweep_id"], await read_json(request)
    )
    found.loop.wake()
    return json_response(
        {
            "id": sweep.id,
            "name": sweep.name,
            "warnings": list(spec.warnings),
            "notes": list(spec.notes),
            "state": sweep.state.value,
        }
    )


def _update(found: Services, sweep_id: str, body: Fields) -> tuple[SweepRecord, SweepSpec]:
    yaml = body.text("yaml", longest=YAML_BYTES)
    path = body.optional_text("path", longest=4096)
    imported = found.store.get_sweep(sweep_id).origin.get("imported_from") is not None
    return record.update_sweep(
        found.store, sweep_id, yaml, path=path, tables=_tables(body), runnable=not imported
    )


async def run_cap(request: Request) -> Response:
    """PUT /api/sweeps/{id}/run_cap {run_cap: a number or null}: changes that alone in the sweep's
    file; answers the status after it."""
    found = services(request)
    sweep_id = request.path_params["sweep_id"]
    body = await read_json(request)
    cap = body.optional_whole("run_cap", least=1)
    await found.call(record.change_run_cap, found.store, sweep_id, cap)
    found.loop.wake()
    return json_response(await found.call(_one_sweep, found, sweep_id))


async def trials(request: Request) -> Response:
    """GET /api/sweeps/{id}/trials?after=&limit=&state=&order=: by number; order=ended: those that
    are over, the latest first; order=newest: from the last number back."""
    found = services(request)
    query = Fields(request.query_params)
    state = query.optional_text("state", longest=20)
    if state is not None and state not in list(TrialState):
        raise UsageError(f"state: expected one of {', '.join(TrialState)}; not {state!r}")
    order = query.text("order", "number", longest=20)
    if order not in get_args(TrialOrder):
        raise UsageError(f"order: expected one of {', '.join(get_args(TrialOrder))}; not {order!r}")
    answer = await found.call(
        _trials,
        found,
        request.path_params["sweep_id"],
        after_number=query.whole("after", 0),
        limit=query.optional_whole("limit"),
        state=TrialState(state) if state else None,
        order=order,
    )
    return json_response({"trials": answer})


def _trials(found: Services, sweep_id: str, **how: Any) -> list[dict[str, Any]]:
    found.store.get_sweep(sweep_id)
    return [trial_json(trial) for trial in found.store.trials(sweep_id, **how)]


async def columns(request: Request) -> Response:
    """GET /api/sweeps/{id}/columns?since=&metrics=: all trials of it, by number, in one answer.

    {"cursor", "total", "whole", "numbers": {name: [...]}, "texts": {name: {"names", "at"}},
    "values", "params", "metrics", "metric_names"}; see `TrialColumns`. A text is told by its place
    among `names`, -1: none. With an earlier answer's cursor as `since`, only trials that changed
    since ("whole" is false then). `metrics`: a JSON list of names of the summary.
    """
    found = services(request)
    query = Fields(request.query_params)
    since = query.number("since", -1.0)
    body = await found.call(
        _columns,
        found.store,
        request.path_params["sweep_id"],
        None if since < 0 else since,
        _names(query.text("metrics", "[]", longest=20_000)),
    )
    headers = {"Cache-Control": "no-store"}
    if len(body) > _PACKED_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = await found.call(gzip.compress, body, 1)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)


def _columns(store: Store, sweep_id: str, since: float | None, metrics: list[str]) -> bytes:
    store.get_sweep(sweep_id)
    told = store.trial_columns(sweep_id, since=since, metrics=metrics)
    texts = {**told.texts, "enqueued": [enqueued_by(name) for name in told.texts["enqueued"]]}
    answer = {
        "cursor": told.cursor,
        "total": told.total,
        "whole": since is None,
        "numbers": told.numbers,
        "texts": {name: _coded(column) for name, column in texts.items()},
        "values": told.values,
        "params": told.params,
        "metrics": told.metrics,
        "metric_names": told.metric_names,
    }
    return bytes(numbers_response(answer).body)


def _coded(column: Sequence[str | None]) -> dict[str, list[Any]]:
    """Texts of which most are the same."""
    places: dict[str | None, int] = {None: -1}
    at = [places.setdefault(text, len(places) - 1) for text in column]
    return {"names": [text for text in places if text is not None], "at": at}


def _names(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"metrics: this is no JSON: {error}") from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError("metrics: expected a list of names")
    return names


async def best(request: Request) -> Response:
    """GET /api/sweeps/{id}/best: {"trial": trial or null}; where the file has `metrics`, also
    "keeps_limits": whether it does, and "front": the trials on it ([] with one objective)."""
    found = services(request)
    return json_response(await found.call(_best, found, request.path_params["sweep_id"]))


def _best(found: Services, sweep_id: str) -> dict[str, Any]:
    sweep = found.store.get_sweep(sweep_id)
    spec = record.spec_of(sweep)
    if spec.metrics:
        told = outcome(found.store, sweep)
        return {
            "trial": trial_json(told.best) if told.best else None,
            "keeps_limits": told.keeps,
            "front": [trial_json(trial) for trial in told.front],
        }
    metric = spec.metric
    trial = found.store.best_trial(sweep_id, metric.goal.value) if metric else None
    return {"trial": trial_json(trial) if trial else None}


async def spec(request: Request) -> Response:
    """GET /api/sweeps/{id}/spec: the file as it was given, where it came from, and the runs of
    before that the search was told of."""
    found = services(request)
    sweep = await found.call(found.store.get_sweep, request.path_params["sweep_id"])
    return json_response(
        {
            "yaml": sweep.yaml,
            "spec": dict(sweep.spec),
            "seed": sweep.seed,
            "origin": dict(sweep.origin),
            "prior": [dict(each) for each in sweep.prior],
            "warnings": list(record.spec_of(sweep).warnings),
        }
    )


async def trial(request: Request) -> Response:
    """GET /api/trials/{id}: a trial, its attempts, and its run as the script left it."""
    found = services(request)
    return json_response(await found.call(_trial, found, request.path_params["trial_id"]))


def _trial(found: Services, trial_id: str) -> dict[str, Any]:
    held = trial_json(found.store.get_trial(trial_id))
    held["attempts_list"] = [attempt_json(each) for each in found.store.attempts(trial_id)]
    run = found.store.get_run(trial_id)
    held["run"] = {"config": dict(run.config), "metadata": dict(run.metadata)}
    return held


async def console(request: Request) -> Response:
    """GET /api/runs/{id}/console?after=<byte offset>&lane=: {text, next, over, lanes}.

    What one of several processes printed, the first one's unless `lane` names it; `lanes` are the
    others that printed.
    """
    found = services(request)
    asked = Fields(request.query_params)
    after, lane = asked.whole("after", 0), asked.text("lane", "", longest=40)
    return json_response(
        await found.call(found.consoles.read, request.path_params["run_id"], after, lane)
    )


ROUTES = (
    ("POST", "/api/sweeps", create),
    ("GET", "/api/sweeps", listing),
    ("GET", "/api/sweeps/{sweep_id}", status),
    ("GET", "/api/sweeps/{sweep_id}/trials", trials),
    ("GET", "/api/sweeps/{sweep_id}/columns", columns),
    ("GET", "/api/sweeps/{sweep_id}/best", best),
    ("GET", "/api/sweeps/{sweep_id}/spec", spec),
    ("PUT", "/api/sweeps/{sweep_id}/spec", update),
    ("PUT", "/api/sweeps/{sweep_id}/run_cap", run_cap),
    ("POST", "/api/sweeps/{sweep_id}/{action}", change),
    ("GET", "/api/trials/{trial_id}", trial),
    ("GET", "/api/runs/{run_id}/console", console),
)
