"""Reports: listed, read, written, deleted; and what the panels of one show.

Who saves says which version they have seen; somebody else's change in between is a 409
(ReportChanged), and nothing is overwritten. A panel comes as the text of its block, so that there
is one reader of it (controller/reports/blocks.py). Neighbours: controller/reports/panels.py.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller import record
from controller.reports.blocks import TEXT, parse_panel
from controller.reports.of_sweep import report_of_sweep
from controller.reports.panels import POINTS, Panels
from controller.server.auth import caller
from controller.server.services import Services, services
from controller.server.wire import Fields, Handler, json_response, read_json
from controller.store.reports import ReportRecord
from sweeps.errors import UsageError

_TITLE = 300


async def listing(request: Request) -> Response:
    """GET /api/reports?project=: {"reports"}, without their texts; without a project, all."""
    found = services(request)
    project = Fields(request.query_params).optional_text("project", longest=600)
    if project:
        project = await found.call(found.store.known_project, project, own=found.entity)
    listed = await found.call(found.store.list_reports, project)
    told = [{**vars(report), "text": None} for report in listed]
    return json_response({"reports": told})


async def create(request: Request) -> Response:
    """POST /api/reports {project, title, text}: the report."""
    found = services(request)
    body = await read_json(request)
    project = body.text("project", "", longest=600)
    if project:
        project = await found.call(found.store.known_project, project, own=found.entity)
    title, text = _content(body)
    author = caller(request).user
    report = await found.call(found.store.add_report, project, title, text, author)
    return json_response(report_json(report))


async def one(request: Request) -> Response:
    """GET /api/reports/{id}."""
    found = services(request)
    report = await found.call(found.store.get_report, request.path_params["report_id"])
    return json_response(report_json(report))


async def change(request: Request) -> Response:
    """PUT /api/reports/{id} {version, title, text}: the report; 409: `version` is an old one."""
    found = services(request)
    body = await read_json(request)
    title, text = _content(body)
    report = await found.call(
        found.store.change_report,
        request.path_params["report_id"],
        body.whole("version", least=1),
        caller(request).user,
        title=title,
        text=text,
    )
    return json_response(report_json(report))


async def delete(request: Request) -> Response:
    """DELETE /api/reports/{id}: 204."""
    found = services(request)
    await found.call(found.store.delete_report, request.path_params["report_id"])
    return Response(status_code=204)


async def of_sweep(request: Request) -> Response:
    """GET /api/sweeps/{id}/report: {project, title, text} of a report of it that is not kept."""
    found = services(request)
    return json_response(await found.call(sweep_report, found, request.path_params["sweep_id"]))


def sweep_report(found: Services, sweep_id: str) -> dict[str, Any]:
    sweep = found.store.get_sweep(sweep_id)
    title, text = report_of_sweep(sweep.id, sweep.name, record.spec_of(sweep))
    return {"project": sweep.project, "title": title, "text": text}


async def panel(request: Request) -> Response:
    """POST /api/panels {project, text, points?}: what a block shows (panels.py).

    A block that is wrong, or names what is not there, is answered too: {"problem": a sentence}.
    """
    found = services(request)
    body = await read_json(request)
    answer = await found.call(
        panel_answer,
        found,
        body.text("project", "", longest=600),
        body.text("text", longest=TEXT),
        min(body.whole("points", POINTS, least=2), POINTS),
    )
    return json_response(answer)


def panel_answer(found: Services, project: str, text: str, points: int) -> dict[str, Any]:
    try:
        return Panels(found.store, project, found.entity, points).answer(parse_panel(text))
    except UsageError as error:
        return {"problem": str(error), "topics": []}


def report_json(report: ReportRecord) -> dict[str, Any]:
    """Every field of `ReportRecord`."""
    return vars(report)


def _content(body: Fields) -> tuple[str, str]:
    title = " ".join(body.text("title", longest=_TITLE).split())
    if not title:
        raise UsageError("title: a report needs one, so that it is found again")
    return title, body.text("text", longest=TEXT)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/reports", listing),
    ("POST", "/api/reports", create),
    ("GET", "/api/reports/{report_id}", one),
    ("PUT", "/api/reports/{report_id}", change),
    ("DELETE", "/api/reports/{report_id}", delete),
    ("GET", "/api/sweeps/{sweep_id}/report", of_sweep),
    ("POST", "/api/panels", panel),
)
