"""The HTTP routes of the `wandb` client's door.

graphql-core takes a while to import, so it is loaded by the first client that asks.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import anyio
import orjson
from starlette.requests import Request
from starlette.responses import Response

from controller.server.auth import caller
from controller.server.services import services
from controller.server.wire import Handler, json_response, read_body
from controller.wandb_api.artifacts import contents
from controller.wandb_api.context import Door
from controller.wandb_api.files import fields as files
from controller.wandb_api.files import transfers
from controller.wandb_api.runs.writers import client_of
from controller.wandb_api.streams import file_stream
from controller.wandb_api.unknown import UNKNOWN
from sweeps.errors import UsageError

GRAPHQL_BYTES = 64 << 20
"""A document with its variables (a run's config, a summary) may not be longer."""


def door_of(request: Request) -> Door:
    """What the request's handler works with."""
    return Door(
        services(request), caller(request), base_url(request), client=client_of(request.headers)
    )


def base_url(request: Request) -> str:
    """The server's address as the client wrote it.

    A proxy in front tells by X-Forwarded-Proto, -Host and -Prefix what became of it. They are
    believed, because nothing but addresses in the answer to this same client comes of them.
    """
    url = urlsplit(str(request.base_url))
    scheme = _forwarded(request, "proto", r"https?") or url.scheme
    host = _forwarded(request, "host", r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
    prefix = _forwarded(request, "prefix", r"(/[A-Za-z0-9._~-]+)+")
    return f"{scheme}://{host or url.netloc}{prefix or url.path.rstrip('/')}"


def _forwarded(request: Request, what: str, pattern: str) -> str:
    """What the outermost proxy said; "" for nothing, and for what nobody would say."""
    said = request.headers.get(f"x-forwarded-{what}", "").split(",")[0].strip()
    return said if re.fullmatch(pattern, said) else ""


async def graphql(request: Request) -> Response:
    """POST /graphql {query, variables?, operationName?}."""
    try:
        asked: Any = orjson.loads(await read_body(request, GRAPHQL_BYTES))
    except orjson.JSONDecodeError as error:
        raise UsageError(f"the request is no JSON: {error}") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        raise UsageError("query: expected a GraphQL document")
    variables, name = asked.get("variables"), asked.get("operationName")
    if not isinstance(variables, dict | None) or not isinstance(name, str | None):
        raise UsageError("variables: expected an object; operationName: expected text")
    door = door_of(request)

    def work() -> Response | float:
        from controller.wandb_api.graphql import execute

        answer = execute(asked["query"], variables, name, door)
        if answer.again_s is not None:
            return answer.again_s
        body = orjson.dumps(answer.body, option=orjson.OPT_NON_STR_KEYS)
        return Response(body, status_code=answer.status, media_type="application/json")

    while isinstance(found := await door.found.call(work), float):
        await anyio.sleep(found)
        door = replace(door, asked=door.asked + 1)
    return found


async def telemetry(request: Request) -> Response:
    """POST /sdk/otel/v1/metrics or logs: what newer clients tell of themselves. Thrown away.

    Answered, because a client prints a line for each time that it is not.
    """
    async for _ in request.stream():
        pass
    return Response(media_type="application/x-protobuf")


async def unknown(request: Request) -> Response:
    """GET /api/wandb/unknown: {"unknown": [{operation, field, count}]}."""
    fields = ("operation", "field", "count")
    listed = [dict(zip(fields, each, strict=True)) for each in UNKNOWN.listed()]
    return json_response({"unknown": listed})


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/graphql", graphql),
    ("POST", "/sdk/otel/v1/{what}", telemetry),
    ("GET", "/api/wandb/unknown", unknown),
    ("POST", "/files/{entity}/{project}/{run}/file_stream", file_stream.stream),
    *files.ROUTES,
    *transfers.ROUTES,
    *contents.ROUTES,
)
