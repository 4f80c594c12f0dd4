"""Logging in and out of the pages: a key or a code in, a cookie back (sessions.py)."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from controller.server.auth import CODE, SESSION, caller, key_of
from controller.server.services import services
from controller.server.sessions import CODE_LIFE_S, LIFE_S
from controller.server.wire import json_response, read_json
from controller.store.keys import digest_of
from sweeps.errors import NotAllowed


async def log_in(request: Request) -> Response:
    """POST /api/session {key} or {code}: {user, role}, and the cookie. Needs nothing but that."""
    found, now = services(request), time.time()
    body = await read_json(request)
    if body.has("code"):
        digest = found.codes.take(body.text("code", longest=1000), now)
        refusal = (
            "this link was used before, or is older than 10 minutes. `sweep open` makes another."
        )
    else:
        digest = digest_of(body.text("key", longest=1000).strip().encode())
        refusal = (
            "this is no API key of this server, or it was revoked. Whoever runs the server makes "
            "one: `sweep server key create NAME`."
        )
    someone = None if digest is None else await found.keys.find_digest(digest)
    if digest is None or someone is None:
        raise NotAllowed(refusal)
    answer = json_response({"user": someone.user, "role": someone.role.value})
    answer.set_cookie(
        found.sessions.cookie,
        found.sessions.token(digest, now),
        max_age=int(LIFE_S),
        httponly=True,
        samesite="strict",
        secure=_is_secure(request),
    )
    return answer


async def log_out(request: Request) -> Response:
    """DELETE /api/session: 204, and the cookie is gone."""
    answer = Response(status_code=204)
    answer.delete_cookie(services(request).sessions.cookie, httponly=True, samesite="strict")
    return answer


async def make_code(request: Request) -> Response:
    """POST /api/session/code: {code, life_s}: logs a browser in with the rights of the key that
    this was asked with. A session makes none: it would never end."""
    key = key_of(request)
    if key is None:
        raise NotAllowed("a login code is made with an API key: `sweep open` in a terminal")
    code = services(request).codes.make(digest_of(key), time.time())
    return json_response({"code": code, "life_s": CODE_LIFE_S})


async def who(request: Request) -> Response:
    """GET /api/session: {user, role, version, entity}; 401 for nobody."""
    found, someone = services(request), caller(request)
    told = {"user": someone.user, "role": someone.role.value}
    return json_response({**told, "version": found.version, "entity": found.entity})


def _is_secure(request: Request) -> bool:
    """Whether the browser came by TLS, to us or to a proxy before us."""
    said = request.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return "https" in (said, request.url.scheme)


ROUTES = (
    ("GET", SESSION, who),
    ("POST", SESSION, log_in),
    ("DELETE", SESSION, log_out),
    ("POST", CODE, make_code),
)
