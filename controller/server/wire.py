"""Requests read with suspicion, answers written as JSON that every parser reads.

What a request must hold is checked here and named in the error (UsageError: 400), so that no
handler meets a wrong type. Errors of our tree become {"error": {"kind", "message"}}; anything else
is a fault of ours: 500, one sentence to the client, the traceback to the log alone.

JSON knows no NaN and no infinity. To people's programs they go as the strings "NaN", "Infinity" and
"-Infinity", as W&B exports them. To agents (exact=True) they stay numbers, in the literals that
Python's json module writes and reads, because a configuration must arrive as it was suggested.
"""

from __future__ import annotations

import functools
import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import redis
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sweeps import errors

log = logging.getLogger(__name__)

JSON_BYTES = 16 << 20
"""A JSON request may not be longer."""
_LARGEST = 2**63 - 1
SIGNED = "/wandb-files/"
"""Below this an address is a credential (controller/wandb_api/files/signing.py)."""

Handler = Callable[[Request], Awaitable[Response]]

_STATUS: tuple[tuple[type[errors.OpensweepError], int], ...] = (
    (errors.NotFoundError, 404),
    (errors.RunExists, 409),
    (errors.NotAllowed, 403),
    (errors.UsageError, 400),
    (errors.ChunkError, 400),
    (errors.DigestMismatch, 400),
    (errors.Fenced, 409),
    (errors.ReportChanged, 409),
    (errors.IllegalTransition, 409),
    (errors.StoreUnavailable, 503),
    (errors.BrokerError, 503),
)


class TooLarge(errors.UsageError):
    """A request's body is longer than the server takes: 413."""


class Fields:
    """The fields of a request (JSON object or query), each checked as it is taken.

    Every method raises UsageError, naming the field, when it is missing or does not fit; with a
    `default`, a missing field (or null) gives that.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @property
    def all(self) -> Mapping[str, Any]:
        """All fields, unchecked."""
        return self._values

    def text(self, name: str, default: str | None = None, *, longest: int = 1 << 20) -> str:
        value = self._get(name, default)
        if not isinstance(value, str) or len(value) > longest:
            raise errors.UsageError(f"{name}: expected text of at most {longest} characters")
        if "\0" in value or not _encodable(value):
            raise errors.UsageError(f"{name}: holds characters that no text has")
        return value

    def optional_text(self, name: str, *, longest: int = 1 << 20) -> str | None:
        return None if self._values.get(name) is None else self.text(name, longest=longest)

    def whole(self, name: str, default: int | None = None, *, least: int = 0) -> int:
        value = self._get(name, default)
        if isinstance(value, str):  # from a query
            digits = value.removeprefix("-")
            value = int(value) if digits.isascii() and digits.isdigit() and len(digits) < 20 else ""
        if type(value) is not int or not least <= value <= _LARGEST:
            raise errors.UsageError(f"{name}: expected a whole number, at least {least}")
        return value

    def optional_whole(self, name: str, *, least: int = 0) -> int | None:
        return None if self._values.get(name) is None else self.whole(name, least=least)

    def optional_number(self, name: str, *, least: float = 0.0) -> float | None:
        value = self._values.get(name)
        if value is None:
            return None
        if type(value) not in (int, float) or not least <= value < math.inf:
            raise errors.UsageError(f"{name}: expected a number, at least {least:g}")
        return float(value)

    def number(self, name: str, default: float) -> float:
        value = self._get(name, default)
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if math.isnan(number):
            raise errors.UsageError(f"{name}: expected a number, not {value!r}")
        return number

    def mapping(self, name: str) -> dict[str, Any]:
        value = self._get(name, None)
        if not isinstance(value, dict):
            raise errors.UsageError(f"{name}: expected an object")
        return value

    def optional_mapping(self, name: str) -> dict[str, Any] | None:
        return None if self._values.get(name) is None else self.mapping(name)

    def has(self, name: str) -> bool:
        """Whether it is there, and not null."""
        return self._values.get(name) is not None

    def flag(self, name: str) -> bool:
        """True or False; False when it is missing."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise errors.UsageError(f"{name}: expected true or false")
        return bool(value)

    def texts(self, name: str) -> list[str]:
        """A list of strings; [] when it is missing."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise errors.UsageError(f"{name}: expected a list of strings")
        return value

    def objects(self, name: str, *, most: int) -> list[Fields]:
        """A list of objects; [] when it is missing."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise errors.UsageError(f"{name}: expected a list of objects")
        if len(value) > most:
            raise errors.UsageError(f"{name}: expected at most {most:,} objects")
        return [Fields(item) for item in value]

    def _get(self, name: str, default: Any) -> Any:
        value = self._values.get(name)
        if value is None:
            if default is None:
                raise errors.UsageError(f"{name}: missing")
            return default
        return value


async def read_body(request: Request, limit: int) -> bytes:
    """The body. TooLarge as soon as it is known to be longer than `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"the request is longer than {limit:,} bytes")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise TooLarge(f"the request is longer than {limit:,} bytes")
    return bytes(body)


def read_query(request: Request) -> Fields:
    """The query of a busy route: as Fields(request.query_params), at a tenth of the cost."""
    text: bytes = request.scope["query_string"]
    if b"%" in text or b"+" in text or not text.isascii():
        return Fields(request.query_params)
    pairs = (pair.partition("=") for pair in text.decode().split("&"))
    return Fields({name: value for name, _, value in pairs if name})


async def read_json(request: Request) -> Fields:
    """The body as a JSON object; one that is not is a UsageError."""
    body = await read_body(request, JSON_BYTES)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.UsageError(f"the request's body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise errors.UsageError("the request's body must be a JSON object")
    return Fields(value)


def json_response(value: Any, status: int = 200, *, exact: bool = False) -> Response:
    """An answer; see the module's docstring for `exact`."""
    try:
        text = json.dumps(value, allow_nan=exact, ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(spell_out(value), ensure_ascii=False, separators=(",", ":"))
    # "replace" turns a lone surrogate, which no UTF-8 can carry, into "?"
    body = text.encode("utf-8", "replace")
    return Response(body, status, media_type="application/json")


def numbers_response(value: Any) -> Response:
    """The same for many numbers, 20 times as fast. NaN and infinity must be spelled out already."""
    try:
        return Response(orjson.dumps(value), media_type="application/json")
    except TypeError:  # a whole number beyond 64 bits, half a surrogate pair
        return json_response(value)


def spell_out(value: Any) -> Any:
    """`value` with each number that JSON does not have as a string: NaN, Infinity, -Infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: spell_out(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [spell_out(item) for item in value]
    return value


def error_response(status: int, kind: str, message: str, **details: Any) -> Response:
    """{"error": {"kind", "message", …}}, the one form of every error."""
    given = {name: value for name, value in details.items() if value is not None}
    return json_response({"error": {"kind": kind, "message": message, **given}}, status)


def told(error: Exception, request: Request) -> Response:
    """The answer that an exception comes to."""
    if isinstance(error, TooLarge):
        return error_response(413, "UsageError", str(error))
    if isinstance(error, errors.SpecError):
        details = {
            "problem": error.problem,
            "key_path": error.key_path,
            "path": error.path,
            "line": error.line,
            "hint": error.hint,
        }
        return error_response(400, "SpecError", str(error), **details)
    if isinstance(error, errors.OpensweepError):
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
        if status >= 500:
            log.warning("%s: %s", _named(request), error)
        return error_response(status, type(error).__name__, str(error))
    if isinstance(error, redis.exceptions.RedisError):
        log.warning("%s: Redis: %s", _named(request), error)
        message = "the server's Redis is out of reach for now: try again in a moment."
        return error_response(503, "BrokerError", message)
    if isinstance(error, HTTPException):
        kind = "NotFoundError" if error.status_code == 404 else "UsageError"
        message = f"{request.method} {request.url.path}: {error.detail}"
        return error_response(error.status_code, kind, message)
    log.error("%s failed", _named(request), exc_info=error)
    message = f"the server failed at {_named(request)}: its log says why."
    return error_response(500, "ServerError", message)


def _named(request: Request) -> str:
    """A request as it is logged: of a signed address, which is a credential, not what is signed."""
    path = request.url.path
    if path.startswith(SIGNED):
        path = f"{SIGNED}…/{path.rpartition('/')[2]}"
    return f"{request.method} {path}"


def endpoint(handler: Handler) -> Handler:
    """A handler whose exceptions become answers."""

    @functools.wraps(handler)
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception as error:
            return told(error, request)

    return guarded


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
