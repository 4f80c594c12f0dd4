"""Logging in and out of the pages: a key in, a cookie back (sessions.py)."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from controller.server.auth import SESSION, caller
from controller.server.services import services
from controller.server.sessions import LIFE_S
from controller.server.wire import json_response, read_json
from controller.store.keys import digest_of
from sweeps.errors import NotAllowed


async def log_in(request: Request) -> Response:
    """POST /api/session {key}: {user, role}, and the cookie. Needs no key but that."""
    found = services(request)
    key = (await read_json(request)).text("key", longest=1000).strip().encode()
    someone = await found.keys.find(key)
    if someone is None:
        raise NotAllowed(
            "this is no API key of this server, or it was revoked. Whoever runs the server makes "
            "one: `sweep server key create NAME`."
        )
    answer = json_response({"user": someone.user, "role": someone.role.value})
    answer.set_cookie(
        found.sessions.cookie,
        found.sessions.token(digest_of(key), time.time()),
        max_age=int(LIFE_S),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


async def log_out(request: Request) -> Response:
    """DELETE /api/session: 204, and the cookie is gone."""
    answer = Response(status_code=204)
    answer.delete_cookie(services(request).sessions.cookie)
    return answer


async def who(request: Request) -> Response:
    """GET /api/session: {user, role, version, entity}; 401 for nobody."""
    found, someone = services(request), caller(request)
    told = {"user": someone.user, "role": someone.role.value}
    return json_response({**told, "version": found.version, "entity": found.entity})


ROUTES = (("GET", SESSION, who), ("POST", SESSION, log_in), ("DELETE", SESSION, log_out))
