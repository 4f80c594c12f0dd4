"""Runs of any kind: registered, described, ended, looked at.

What a run says of itself comes from whoever ships its folder, and is safe to repeat; what it
logged comes as chunks (agent_api.py). Numbers stay exact here, as they do for agents.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller.server.services import Services, services
from controller.server.wire import Fields, Handler, json_response, numbers_response, read_json
from controller.store.chunk_records import ChunkKind
from controller.store.records import NewRun, RunRecord, RunState
from controller.store.run_fields import run_field
from controller.store.run_filters import Order, parse_filters, parse_order
from controller.store.run_index import RunQuery, Scope
from controller.store.store import Store
from sweeps.errors import NotFoundError, UsageError
from sweeps.project import entity_and_project, whole_name

_ID = re.compile(r"[^/\\#?%:\x00-\x20\x7f]{1,128}")
_RESUME = ("", "allow", "must", "auto", "never")
_WHOLE, _COLUMNS = 1000, 1_000_000
"""A page has no more runs than this, whole or as columns."""
_ENDS = tuple(state for state in RunState if state.over)


async def register(request: Request) -> Response:
    """POST /api/runs: a run without a sweep, or its next attempt; see `RunStore.register_run`."""
    found = services(request)
    body = await read_json(request)
    run_id = body.text("id", longest=128)
    if not _ID.fullmatch(run_id) or run_id in (".", ".."):
        raise UsageError(
            f"id: {run_id!r} cannot name a run: 1 to 128 characters, none of them a blank or one "
            "of / \\ # ? % :"
        )
    resume = body.text("resume", "", longest=20)
    if resume not in _RESUME:
        raise UsageError(f"resume: expected one of {', '.join(_RESUME[1:])}; not {resume!r}")
    parent, fork_step = body.optional_text("parent", longest=128), body.optional_whole("fork_step")
    new = NewRun(
        id=run_id,
        uid=body.text("uid", longest=64),
        writer=body.whole("writer", 1, least=1),
        project=whole_name(
            body.text("project", "", longest=300),
            body.text("entity", "", longest=300),
            own=found.entity,
        ),
        name=body.text("name", "", longest=1000),
        config=body.optional_mapping("config") or {},
        metadata=body.optional_mapping("metadata") or {},
        parent=parent,
        fork_step=fork_step if parent else None,
        started=body.optional_number("started"),
        resume=resume,
    )
    done = await found.call(found.store.register_run, new)
    answer = {"id": run_id, "writer": done.writer, "steps": done.steps}
    return json_response({**answer, "state": done.state.value, "new": done.new})


async def describe(request: Request) -> Response:
    """POST /api/runs/{id}/describe {writer, config?, metadata?, metrics?, summary?}: 204."""
    found = services(request)
    body = await read_json(request)
    await found.call(
        found.store.describe_run,
        request.path_params["run_id"],
        body.whole("writer", least=1),
        config=body.optional_mapping("config"),
        metadata=body.optional_mapping("metadata"),
        metrics=body.optional_mapping("metrics"),
        summary=body.optional_mapping("summary"),
    )
    return Response(status_code=204)


async def beat(request: Request) -> Response:
    """POST /api/runs/{id}/beat {writer}: 204."""
    found = services(request)
    body = await read_json(request)
    writer = body.whole("writer", least=1)
    await found.call(found.store.beat_run, request.path_params["run_id"], writer)
    return Response(status_code=204)


async def end(request: Request) -> Response:
    """POST /api/runs/{id}/end {writer, exit_code?, state?, ended?}: 204."""
    found = services(request)
    body = await read_json(request)
    state = body.optional_text("state", longest=20)
    if state is not None and state not in _ENDS:
        raise UsageError(f"state: expected one of {', '.join(_ENDS)}; not {state!r}")
    exit_code = body.optional_whole("exit_code", least=-(1 << 31))
    if exit_code is not None and exit_code >= 1 << 31:
        raise UsageError("exit_code: expected a process's exit code")
    await found.call(
        found.store.end_run,
        request.path_params["run_id"],
        body.whole("writer", least=1),
        exit_code,
        state=RunState(state) if state else None,
        ended=body.optional_number("ended"),
    )
    return Response(status_code=204)


async def edit(request: Request) -> Response:
    """POST /api/runs/{id}/edit {config?, metadata?, summary?, removed?}: a person's changes."""
    found = services(request)
    body = await read_json(request)
    await found.call(
        found.store.edit_run,
        request.path_params["run_id"],
        config=body.optional_mapping("config"),
        metadata=body.optional_mapping("metadata"),
        summary=body.optional_mapping("summary"),
        removed=body.texts("removed"),
    )
    return Response(status_code=204)


async def remove(request: Request) -> Response:
    """DELETE /api/runs/{id}: 204."""
    found = services(request)
    await found.call(found.store.delete_run, request.path_params["run_id"])
    return Response(status_code=204)


async def one(request: Request) -> Response:
    """GET /api/runs/{id}?project=: all that is known of it but its history.

    With a project's whole name, the id may be the one that the run has within it; 404 where that
    project has no such run, whatever other projects have.
    """
    found = services(request)
    project = Fields(request.query_params).text("project", "", longest=600)
    run = await found.call(_one, found, project, request.path_params["run_id"])
    return json_response(run_json(run), exact=_wants_exact(request))


def _one(found: Services, project: str, run_id: str) -> RunRecord:
    if not project:
        return found.store.get_run(run_id)
    known = found.store.known_project(project, own=found.entity)
    with contextlib.suppress(NotFoundError):
        return found.store.find_run(known, run_id)
    run = found.store.get_run(run_id)
    entity, wanted = entity_and_project(known, own=found.entity)
    theirs, home = entity_and_project(run.project, own=found.entity)
    if (theirs, home) == (entity, wanted):
        return run
    if theirs != entity:
        wanted, home = f"{entity}/{wanted}", f"{theirs}/{home}"
    raise NotFoundError(f"there is no run {run_id!r} in project {wanted!r}; it is in {home!r}")


async def listing(request: Request) -> Response:
    """GET /api/runs?project=&sweep=&filters=&order=&search=&limit=&after=&columns=: a page of runs.

    `filters` is JSON, `order` and the names in both as run_filters.py has them; `after` is the
    `next` of the page before. Without `columns`: {"total", "runs", "next"}. With them, names parted
    by commas or a JSON list: {"total", "ids", "columns": {name: a value for each id}, "next"}.
    """
    found = services(request)
    query, names = await run_query(request, found)
    limit = min(query.limit or 0, _WHOLE if names is None else _COLUMNS)
    query = replace(query, limit=limit)
    return await found.call(answer, found.store, query, names, exact=_wants_exact(request))


async def run_query(
    request: Request,
    found: Services,
    parse_order: Callable[[str], Sequence[Order]] = parse_order,
) -> tuple[RunQuery, list[str] | None]:
    """What a request asks of which runs, and the names of the columns that it wants."""
    asked = Fields(request.query_params)
    names = field_names("columns", asked.optional_text("columns"))
    project, sweep = asked.text("project", "", longest=600), asked.text("sweep", "", longest=200)
    if project:
        project = await found.call(found.store.known_project, project, own=found.entity)
    query = RunQuery(
        scope=Scope(project or None, sweep or None),
        filter=parse_filters(asked.text("filters", "")),
        search=asked.text("search", "", longest=1000),
        orders=parse_order(asked.text("order", "", longest=10_000)),
        columns=[run_field(name) for name in names or ()],
        offset=asked.whole("after", 0),
        limit=asked.whole("limit", 100, least=1),
    )
    return query, names


def answer(
    store: Store, query: RunQuery, names: Sequence[str] | None, *, exact: bool = False
) -> Response:
    """The page as JSON: whole runs, or the columns that `names` call."""
    page = store.find_runs(query)
    end = query.offset + len(page.ids)
    rest = {"total": page.total, "next": end if end < page.total else None}
    if names is None:
        listed = [run_json(run) for run in store.get_runs(page.ids)]
        return json_response({**rest, "runs": listed}, exact=exact)
    columns = dict(zip(names, page.columns, strict=True))
    return numbers_response({**rest, "ids": page.ids, "columns": columns})


def field_names(where: str, text: str | None) -> list[str] | None:
    """Names of fields, parted by commas or as a JSON list; `where` they are asked for."""
    if text is None:
        return None
    if not text.startswith("["):
        return [name.strip() for name in text.split(",") if name.strip()]
    try:
        names = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: this is no JSON: {error}") from None
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"{where}: expected a list of names")
    return list(names)


async def samples(request: Request) -> Response:
    """GET /api/runs/{id}/samples?samples=500&key=&key=&kind=history|system: {"rows"}.

    A few whole rows, evenly spaced; with keys those rows alone that have all of them.
    """
    found = services(request)
    asked = Fields(request.query_params)
    kind = asked.text("kind", "history", longest=20)
    if kind not in (ChunkKind.HISTORY, ChunkKind.SYSTEM):
        raise UsageError(f"kind: expected history or system; not {kind!r}")
    keys = request.query_params.getlist("key")
    return await found.call(
        _samples,
        found.store,
        request.path_params["run_id"],
        [key for key in keys if key not in ("_step", "_timestamp")] or None,
        samples=min(asked.whole("samples", 500, least=1), 100_000),
        kind=ChunkKind(kind),
        exact=_wants_exact(request),
    )


def _samples(
    store: Store, run_id: str, keys: list[str] | None, *, exact: bool, **given: Any
) -> Response:
    rows = [
        {**row, "_step": step, "_timestamp": time}
        for step, time, row in store.sample(run_id, keys, **given).rows()
    ]
    return json_response({"rows": rows}, exact=exact)


async def projects(request: Request) -> Response:
    """GET /api/projects: {"projects": [{name, runs, created, updated, description}]}, by name."""
    found = services(request)
    fields = ("name", "runs", "created", "updated", "description")
    listed = await found.call(found.store.projects)
    told = [{name: getattr(each, name) for name in fields} for each in listed]
    return json_response({"projects": told})


def run_json(run: RunRecord) -> dict[str, Any]:
    """A run as it is answered: every field of `RunRecord`."""
    return {**vars(run), "state": run.state.value}


def _wants_exact(request: Request) -> bool:
    return Fields(request.query_params).text("exact", "", longest=5) == "1"


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/api/runs", register),
    ("GET", "/api/runs", listing),
    ("GET", "/api/projects", projects),
    ("GET", "/api/runs/{run_id}", one),
    ("DELETE", "/api/runs/{run_id}", remove),
    ("GET", "/api/runs/{run_id}/samples", samples),
    ("POST", "/api/runs/{run_id}/describe", describe),
    ("POST", "/api/runs/{run_id}/beat", beat),
    ("POST", "/api/runs/{run_id}/end", end),
    ("POST", "/api/runs/{run_id}/edit", edit),
)
