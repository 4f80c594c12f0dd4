"""One HTTP connection pool to a server: requests out, values and errors of our tree in.

What is asked for is in `calls/`; `client.py` puts them together and says what every call raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote, urlencode

import urllib3

from sweeps import errors

CONNECT_S = 5.0
"""Seconds to wait for a connection."""
ANSWER_S = 30.0
"""Seconds to wait for an answer."""


class Wire:
    """A server, by its address and API key.

    Args:
        url: such as http://127.0.0.1:8080; a path in front of /api is kept (a proxy's prefix).
        key: the API key.
        connect_s: seconds to wait for a connection.
        answer_s: seconds to wait for an answer once connected.

    Raises:
        ConfigurationError: `url` is no http:// or https:// address, or `key` cannot be a key.
    """

    def __init__(
        self, url: str, key: str, *, connect_s: float = CONNECT_S, answer_s: float = ANSWER_S
    ) -> None:
        self.url = check_url(url)
        self.key = check_key(key)
        self._timeout = urllib3.Timeout(connect=connect_s, read=answer_s)
        self._pool = urllib3.PoolManager(num_pools=2, maxsize=32, block=False, retries=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes idle connections; the client can still be used (and opens new ones)."""
        self._pool.clear()

    # -- requests ---------------------------------------------------------------------------

    def _object(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        encoded = None if body is None else json.dumps(body).encode()
        answer = self._call(method, path, query=query, body=encoded)
        if not isinstance(answer, dict):
            raise self._foreign(200)
        return answer

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        timeout: urllib3.Timeout | None = None,
    ) -> Any:
        answer = self._ask(method, path, query, body, timeout=timeout)
        if answer.status == 204:
            return None
        try:
            value = json.loads(answer.data)
        except ValueError:
            raise self._foreign(answer.status) from None
        if answer.status >= 400:
            raise self._error(answer.status, value)
        return value

    def _bytes(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        span: tuple[int, int] | None = None,
    ) -> bytes:
        """An answer that is no JSON; with `span` (start, length) a part of it."""
        encoded = None if body is None else json.dumps(body).encode()
        accept = "application/octet-stream"
        answer = self._ask(method, path, None, encoded, accept=accept, span=span)
        if answer.status < 400:
            return answer.data
        try:
            raise self._error(answer.status, json.loads(answer.data))
        except ValueError:
            raise self._foreign(answer.status) from None

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: bytes | None,
        *,
        accept: str = "application/json",
        timeout: urllib3.Timeout | None = None,
        span: tuple[int, int] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self.url}{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")
        headers = {"Authorization": f"Bearer {self.key}", "Accept": accept}
        if span is not None:
            headers["Range"] = f"bytes={span[0]}-{span[0] + span[1] - 1}"
        if method == "POST":
            headers["Content-Type"] = "application/octet-stream"
        try:
            return self._pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=timeout or self._timeout,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> errors.ServerUnreachable:
        if isinstance(error, urllib3.exceptions.SSLError):
            why = f"its certificate is not accepted ({error})"
        elif isinstance(error, urllib3.exceptions.NameResolutionError):
            why = "its name is not known here"
        elif isinstance(error, urllib3.exceptions.ConnectTimeoutError):
            why = "no connection in time"
        elif isinstance(error, urllib3.exceptions.TimeoutError):
            why = "no answer in time"
        elif isinstance(error, urllib3.exceptions.NewConnectionError):
            why = "the connection was refused or the machine is out of reach"
        else:
            why = "the connection broke"
        return errors.ServerUnreachable(
            f"the opensweep server at {self.url} does not answer: {why}. "
            "Check that it runs (`sweep server status` on its machine), that it listens to this "
            "machine (`sweep server start --host 0.0.0.0`), and OPENSWEEP_URL."
        )

    def _foreign(self, status: int) -> errors.ServerError:
        return errors.ServerError(
            f"what answers at {self.url} (HTTP {status}) is not an opensweep server: "
            "check OPENSWEEP_URL."
        )

    def _error(self, status: int, value: Any) -> errors.OpensweepError:
        """The error that the server named; by the HTTP status when it is a name not known here."""
        told = value.get("error") if isinstance(value, dict) else None
        if not isinstance(told, dict):
            return self._foreign(status)
        message = str(told.get("message") or f"the server answered HTTP {status}")
        if status == 401:
            return errors.ConfigurationError(
                f"the server at {self.url} refuses the API key. Set OPENSWEEP_API_KEY to the "
                "content of the file api_key in the home folder (~/.opensweep) of the server."
            )
        kind = _KINDS.get(str(told.get("kind")))
        if kind is errors.SpecError:
            fields = ("key_path", "path", "line", "hint")
            details = {name: told[name] for name in fields if told.get(name) is not None}
            return errors.SpecError(str(told.get("problem") or message), **details)
        if kind is None:
            kind = {404: errors.NotFoundError, 409: errors.Fenced}.get(
                status, errors.UsageError if status < 500 else errors.ServerError
            )
        return kind(message)


def check_url(url: str) -> str:
    """`url` without a trailing slash. Raises ConfigurationError unless it is http(s)://host…"""
    try:
        parsed = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError:
        parsed = None
    if (
        parsed is None
        or parsed.scheme not in ("http", "https")
        or not parsed.host
        or parsed.auth
        or parsed.query
        or parsed.fragment
    ):
        raise errors.ConfigurationError(
            f"{re.sub('//.*@', '//…@', url)!r} is not the address of a server: expected "
            "http://HOST:PORT or https://HOST:PORT, such as http://gpu1:8080 (OPENSWEEP_URL)."
        )
    return url.rstrip("/")


def check_key(key: str) -> str:
    """`key` as it is. Raises ConfigurationError unless a HTTP header can carry it."""
    if not key or not all("!" <= character <= "~" for character in key):
        raise errors.ConfigurationError(
            "the API key (OPENSWEEP_API_KEY) must be non-empty printable ASCII without blanks."
        )
    return key


def part(text: str) -> str:
    """One segment of a path: nothing in it can lead elsewhere."""
    return quote(text, safe="") if text not in ("", ".", "..") else "%00"


def _tree(root: type[errors.OpensweepError]) -> dict[str, type[errors.OpensweepError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


_KINDS = _tree(errors.OpensweepError)
