"""Finding the server and asking it: what `opensweep.Api()` and a run that resumes stand on.

Never logs or prints the key. Neighbours: home.py (where the server is), errors.py (what is
raised).
"""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any, Callable, Mapping, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from logging_core.errors import AuthenticationError, CommError, Error, NotFoundError, UsageError
from logging_core.home import known_server

TIMEOUT_S = 30.0


class ServerAddress(NamedTuple):
    """Where a server answers, and its API key."""

    url: str
    key: str


class RunBefore(NamedTuple):
    """What the server knows of a run that is to be resumed or forked."""

    id: str
    state: str
    project: str
    entity: str
    name: str
    writer: int  # the newest that was started
    next_step: int  # the last step recorded, plus 1
    config: dict[str, Any]
    summary: dict[str, Any]
    metrics: dict[str, Any]
    metadata: dict[str, Any]


class Server:
    """A server, by its address and key. Thread-safe; connections are kept alive.

    Every request raises CommError (no answer, or not one of ours), AuthenticationError (the key is
    refused), NotFoundError, UsageError (the request is wrong), Error (the server failed).

    Args:
        timeout_s: seconds to wait for a connection, and for each piece of an answer.
        again: asked for the address anew when nobody answers at the one that was good before.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        again: Callable[[], ServerAddress | None] | None = None,
    ) -> None:
        _parts(url)
        self.url = url.rstrip("/")
        self._key = key
        self._timeout_s = timeout_s
        self._again = again
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []

    def json(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> Any:
        """The answer's JSON value; None for an empty answer. A body goes as JSON."""
        data = None if body is None else json.dumps(body).encode()
        with self.open(method, path, query, data, {"Accept": "application/json"}) as answer:
            text = answer.read()
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise self._foreign() from None

    def open(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """An answer to be read piece by piece; use it in a `with`. Its status is below 400.

        In `query`, None is left out and a list is given several times.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = path + ("?" + urlencode(given, doseq=True) if given else "")
        connection, response = self._send(method, target, body, dict(headers or {}))
        if response.status < 400:
            return Answer(self, connection, response)
        with Answer(self, connection, response) as answer:
            text = answer.read()
        raise self._error(response.status, text)

    def close(self) -> None:
        """Closes idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        for connection in getattr(self, "_idle", ()):
            connection.close()

    def _send(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        with self._lock:
            kept = self._idle.pop() if self._idle else None
        try:
            if kept is not None:
                try:
                    return kept, self._ask(kept, method, target, body, headers)
                except (ConnectionError, http.client.HTTPException):
                    kept.close()  # the server may have closed it meanwhile: once more
            try:
                return self._fresh(method, target, body, headers)
            except ConnectionRefusedError:
                address = self._again() if self._again is not None else None
                if address is None:
                    raise
                self.url, self._key = address
                return self._fresh(method, target, body, headers)
        except (OSError, http.client.HTTPException) as error:
            if kept is not None:
                kept.close()
            raise self._unreachable(error) from error

    def _fresh(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        scheme, host, _ = _parts(self.url)
        kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        connection = kind(host, timeout=self._timeout_s)
        try:
            return connection, self._ask(connection, method, target, body, headers)
        except BaseException:
            connection.close()
            raise

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> http.client.HTTPResponse:
        headers = {**headers, "Authorization": "Bearer " + self._key}
        connection.request(method, _parts(self.url)[2] + target, body=body, headers=headers)
        return connection.getresponse()

    def _done(self, connection: http.client.HTTPConnection, *, reusable: bool) -> None:
        if reusable:
            with self._lock:
                if len(self._idle) < 4:
                    self._idle.append(connection)
                    return
        connection.close()

    def _unreachable(self, error: Exception) -> CommError:
        return CommError(
            f"the opensweep server at {self.url} does not answer ({error}). Check that it runs "
            "(`sweep server status` on its machine) and OPENSWEEP_URL."
        )

    def _foreign(self) -> CommError:
        return CommError(
            f"what answers at {self.url} is not an opensweep server: check OPENSWEEP_URL."
        )

    def _error(self, status: int, text: bytes) -> Error:
        if status == 401:
            return AuthenticationError(
                f"the server at {self.url} refuses the API key. Set OPENSWEEP_API_KEY to the "
                "content of the file api_key in the home folder (~/.opensweep) of the server."
            )
        try:
            message = str(json.loads(text)["error"]["message"])
        except (ValueError, TypeError, KeyError):
            return self._foreign()
        if status == 404:
            return NotFoundError(message)
        return UsageError(message) if status < 500 else CommError(message)


class Answer:
    """What a server answers: `status`, `headers`, `read(n)`. Use it in a `with`."""

    def __init__(
        self,
        server: Server,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
    ) -> None:
        self._server = server
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers = response.headers

    def read(self, amount: int | None = None) -> bytes:
        """The next `amount` bytes; None: all that is left. Raises CommError."""
        try:
            return self._response.read(amount)
        except (OSError, http.client.HTTPException) as error:
            raise self._server._unreachable(error) from error

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        ended = self._response.isclosed() and not self._response.will_close
        self._server._done(self._connection, reusable=ended)


def from_environment(
    environ: Mapping[str, str] | None = None, *, timeout_s: float = TIMEOUT_S
) -> Server | None:
    """The server that OPENSWEEP_URL names, else this user's that runs on this machine; or None.

    Raises UsageError when OPENSWEEP_URL is no address, or its key is not known.
    """
    address = find_address(environ)
    if address is None:
        return None
    return Server(*address, timeout_s=timeout_s, again=lambda: find_address(environ))


def find_address(environ: Mapping[str, str] | None = None) -> ServerAddress | None:
    """As `from_environment`, without talking to it."""
    known = known_server(environ)
    if known is None:
        return None
    _parts(known.url)
    if known.key is None:
        raise UsageError(
            f"the key of the opensweep server at {known.url} is not known here: set "
            "OPENSWEEP_API_KEY to the content of the file api_key in the server's home folder "
            "(~/.opensweep)."
        )
    return ServerAddress(known.url, known.key)


def run_before(run_id: str, *, within_s: float = 5.0) -> RunBefore | None:
    """What the server knows of a run; None: nothing, or there is no server.

    Raises CommError when a server is named but gives no answer within `within_s` seconds, or
    refuses the key, and UsageError as `from_environment` does.
    """
    server = from_environment(timeout_s=within_s)
    if server is None:
        return None
    try:
        found = server.json("GET", "/api/runs/" + segment(run_id), {"exact": "1"})
    except NotFoundError:
        return None
    finally:
        server.close()
    found["entity"], _, found["project"] = found["project"].rpartition("/")
    same = [name for name in RunBefore._fields if name != "next_step"]
    return RunBefore(next_step=found["steps"], **{name: found[name] for name in same})


def segment(text: str) -> str:
    """One segment of a path: nothing in it can lead elsewhere."""
    return "%00" if text in ("", ".", "..") else quote(text, safe="")


def _parts(url: str) -> tuple[str, str, str]:
    """(scheme, host and port, path). Raises UsageError."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            "OPENSWEEP_URL: expected the address of a server, http://HOST:PORT or "
            "https://HOST:PORT, such as http://gpu1:8080."
        )
    return parts.scheme, parts.netloc, parts.path.rstrip("/")
