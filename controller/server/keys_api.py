"""API keys for admins: made, listed, revoked. A key is told once, in the answer that makes it."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller.server.services import services
from controller.server.wire import Handler, json_response, read_json
from controller.store.keys import KeyRecord, Role
from sweeps.errors import UsageError

_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


async def create(request: Request) -> Response:
    """POST /api/keys {user, role, description}: what is on record of it, and "key"."""
    found = services(request)
    body = await read_json(request)
    user = body.text("user", longest=64)
    if not _USER.fullmatch(user):
        raise UsageError(
            f"user: {user!r} is no name: expected up to 64 letters, digits and any of . _ @ + -"
        )
    role = body.text("role", Role.WRITE.value, longest=20)
    if role not in list(Role):
        raise UsageError(f"role: expected one of {', '.join(Role)}; not {role!r}")
    description = body.text("description", "", longest=1000)
    record, key = await found.call(found.store.add_key, user, Role(role), description)
    found.keys.forget()
    return json_response({**_key_json(record), "key": key})


async def listing(request: Request) -> Response:
    """GET /api/keys: {"keys": all that were ever made, the oldest first}."""
    found = services(request)
    keys = await found.call(found.store.list_keys)
    return json_response({"keys": [_key_json(key) for key in keys]})


async def revoke(request: Request) -> Response:
    """DELETE /api/keys/{its id, or how it or the key begins}: what is on record of it."""
    found = services(request)
    record = await found.call(found.store.revoke_key, request.path_params["name"])
    found.keys.forget()
    return json_response(_key_json(record))


def _key_json(key: KeyRecord) -> dict[str, Any]:
    return vars(key)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/api/keys", create),
    ("GET", "/api/keys", listing),
    ("DELETE", "/api/keys/{name}", revoke),
)
