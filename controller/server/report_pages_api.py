"""A report, or a sweep's, as one file that opens without a server: `sweep report ID -o out.html`.

What the file shows is asked of our own routes, within this process and in the name of whoever
saves it. Neighbours: controller/reports/ (makes the file), reports_api.py.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import quote, unquote

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from controller.reports.frozen import Answer, Ask, freeze
from controller.reports.page import saved_page
from controller.server.reports_api import report_json, sweep_report
from controller.server.services import services
from controller.server.wire import Handler

_NO_NAME = re.compile(r"[^\w.-]+")


async def of_report(request: Request) -> Response:
    """GET /api/reports/{id}/page: the file."""
    found = services(request)
    report = await found.call(found.store.get_report, request.path_params["report_id"])
    return await _page(request, report_json(report))


async def of_sweep(request: Request) -> Response:
    """GET /api/sweeps/{id}/report/page: the file of a report of it that is not kept."""
    found = services(request)
    told = await found.call(sweep_report, found, request.path_params["sweep_id"])
    return await _page(request, {"id": "", "author": "", **told})


async def _page(request: Request, report: dict[str, Any]) -> Response:
    ask = _asking(request)
    frozen = await freeze(ask, report["project"], report["text"])
    base = str(request.base_url).rstrip("/")
    data = await services(request).call(saved_page, report, frozen, server=base, saved=time.time())
    name = _NO_NAME.sub("-", report["title"]).strip("-.")[:80] or "report"
    headers = {
        # It is no page of ours: from here it is a file, and runs nothing.
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}.html",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(data, media_type="text/html", headers=headers)


def _asking(request: Request) -> Ask:
    """Asks our own routes, behind the gate: who asks has been let in as `request`."""
    router = request.app.router

    async def ask(method: str, path: str, body: Any) -> Answer:
        where, _, query = path.partition("?")
        content = b"" if body is None else json.dumps(body).encode()
        status, media_type, parts = 500, "", []
        told = False

        async def receive() -> Message:
            nonlocal told
            if told:
                await anyio.sleep_forever()  # nobody goes away before the answer
            told = True
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, media_type
            if message["type"] == "http.response.start":
                status = message["status"]
                media_type = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        scope = {
            **{key: request.scope[key] for key in ("type", "asgi", "http_version", "scheme")},
            **{key: request.scope[key] for key in ("client", "server", "app", "state")},
            "method": method,
            "path": unquote(where),
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"content-length", str(len(content)).encode())],
            "extensions": {},
        }
        await router(scope, receive, send)
        return Answer(status, media_type, b"".join(parts))

    return ask


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/api/reports/{report_id}/page", of_report),
    ("GET", "/api/sweeps/{sweep_id}/report/page", of_sweep),
)
