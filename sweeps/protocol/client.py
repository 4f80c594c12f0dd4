"""How agents and the command talk to the server: one HTTP client, thread-safe, with keep-alive.

It turns answers into values and the server's errors back into the tree of `sweeps.errors`. It must
never try again by itself (a caller knows whether and how long to wait), never read the environment
and never write to disk. Its counterpart is controller/server; what each call answers is described
there, in ARCHITECTURE.md and in the docstrings here.

Every call raises:
    ServerUnreachable   nobody answers, or not within the time limit
    ConfigurationError  the server refuses the API key
    Fenced              409: the attempt is somebody else's now (or the state forbids it)
    NotFoundError, SpecError, UsageError, StoreUnavailable, …   as the server names them
    ServerError         anything else, also an answer that is not from an opensweep server

Numbers: JSON has no NaN and no infinity. Answers to people's programs carry them as the strings
"NaN", "Infinity" and "-Infinity" (as W&B exports them; `float()` reads all three). Between agent
and server they stay numbers, exactly (the literals that Python's json module writes and reads).
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote, urlencode

import urllib3

from sweeps import errors
from sweeps.trial import Outcome

CONNECT_S = 5.0
"""Seconds to wait for a connection."""
ANSWER_S = 30.0
"""Seconds to wait for an answer."""


class Client:
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

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes idle connections; the client can still be used (and opens new ones)."""
        self._pool.clear()

    # -- people ------------------------------------------------------------------------------

    def healthy(self, *, within_s: float = 2.0) -> dict[str, Any] | None:
        """{ok, version} of a live opensweep server; None when there is none."""
        try:
            answer = self._call("GET", "/healthz", timeout=urllib3.Timeout(total=within_s))
        except errors.OpensweepError:
            return None
        return answer if isinstance(answer, dict) and answer.get("ok") is True else None

    def handshake(self) -> dict[str, Any]:
        """{version, redis_url, server_id, idle_s}: what an agent needs to take part.

        `redis_url` carries a password: never print it (sweeps.protocol.connect.redact), never put
        it into an argv. idle_s: None when the server stays until it is stopped.
        """
        return self._object("GET", "/api/handshake")

    def create_sweep(
        self, yaml: str, path: str | None = None, cwd: str | None = None, host: str | None = None
    ) -> dict[str, Any]:
        """Records a sweep. Returns {id, name, warnings}. SpecError names file, line and key.

        The one call that is not safe to repeat after a ServerUnreachable: it may have arrived.
        """
        body = {"yaml": yaml, "path": path, "cwd": cwd, "host": host}
        return self._object("POST", "/api/sweeps", body=body)

    def sweeps(self) -> list[dict[str, Any]]:
        """The status of every sweep, the newest first."""
        return cast("list[dict[str, Any]]", self._object("GET", "/api/sweeps")["sweeps"])

    def sweep(self, sweep_id: str) -> dict[str, Any]:
        """The status of one sweep."""
        return self._object("GET", f"/api/sweeps/{_part(sweep_id)}")

    def change(self, sweep_id: str, action: str) -> dict[str, Any]:
        """pause, resume, stop or cancel. Returns the status after it."""
        return self._object("POST", f"/api/sweeps/{_part(sweep_id)}/{_part(action)}")

    def trials(
        self,
        sweep_id: str,
        *,
        after: int = 0,
        limit: int | None = None,
        state: str | None = None,
    ) -> list[dict[str, Any]]:
        """Trials with a number above `after`, by number, at most `limit`, of one state or all."""
        query = {"after": after, "limit": limit, "state": state}
        answer = self._object("GET", f"/api/sweeps/{_part(sweep_id)}/trials", query=query)
        return cast("list[dict[str, Any]]", answer["trials"])

    def best(self, sweep_id: str) -> dict[str, Any] | None:
        """The best trial so far by the sweep's metric; None when no trial has an objective."""
        answer = self._object("GET", f"/api/sweeps/{_part(sweep_id)}/best")
        return cast("dict[str, Any] | None", answer["trial"])

    def spec(self, sweep_id: str) -> dict[str, Any]:
        """{yaml, spec, seed, origin}: the sweep file as it was given, and where it came from."""
        return self._object("GET", f"/api/sweeps/{_part(sweep_id)}/spec")

    def trial(self, trial_id: str) -> dict[str, Any]:
        """One trial, with `attempts_list` (one entry an attempt) and `summary`."""
        return self._object("GET", f"/api/trials/{_part(trial_id)}")

    def history(self, run: str, keys: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """A run's logged rows by step, each with `_step` and `_timestamp`.

        With `keys`: of each row those only, and no row that has none of them. Keys with a comma
        in them can only be had by asking for all.
        """
        query = {"keys": ",".join(keys) if keys is not None else None}
        answer = self._object("GET", f"/api/runs/{_part(run)}/history", query=query)
        return cast("list[dict[str, Any]]", answer["rows"])

    def console(self, run: str, after: int = 0) -> dict[str, Any]:
        """{text, next, over}: what a run printed from byte `after` on.

        Ask again from `next`; `over` says that nothing more will come. One answer carries about
        1 MiB at most; a character is never cut in two.
        """
        return self._object("GET", f"/api/runs/{_part(run)}/console", query={"after": after})

    # -- agents ------------------------------------------------------------------------------

    def start(
        self,
        trial_id: str,
        token: int,
        agent_id: str,
        host: str,
        device: str | None,
        pid: int | None = None,
    ) -> dict[str, Any]:
        """Records that an attempt runs here, before its process starts; safe to repeat.

        Returns {trial: {id, number, config, attempt, resumed}, sweep_id, metric}. Fenced: the
        attempt is not this agent's to run; drop it.
        """
        body = {
            "trial_id": trial_id,
            "token": token,
            "agent_id": agent_id,
            "host": host,
            "device": device,
            "pid": pid,
        }
        return self._object("POST", "/api/agent/start", body=body)

    def post_chunk(
        self,
        run: str,
        writer: int,
        kind: str,
        seq: int,
        first: int,
        last: int,
        rows: int,
        objective: bytes,
        data: bytes,
    ) -> None:
        """Delivers a chunk; once this returns it is committed. Safe to repeat.

        Args:
            run: trial id.
            writer: the attempt's token.
            kind: history, console or system.
            seq: 0, 1, 2, … within (run, writer, kind).
            first: step of the first row; console: offset of the first byte in the writer's log.
            last: step of the last row; console: offset just behind the last byte.
            rows: rows (console: lines) in it.
            objective: points as sweeps.protocol.chunks.pack_points makes them; b"" for none.
            data: history, system: as sweeps.protocol.chunks.encode makes it; console: the text's
                bytes, plain or as one zstd frame.
        """
        query = {
            "run": run,
            "writer": writer,
            "kind": kind,
            "seq": seq,
            "first": first,
            "last": last,
            "rows": rows,
        }
        body = struct.pack("<I", len(objective)) + objective + data
        self._call("POST", "/api/agent/chunk", query=query, body=body)

    def finish(
        self,
        trial_id: str,
        token: int,
        outcome: Outcome | Mapping[str, Any],
        summary: Mapping[str, Any] | None = None,
        logged_keys: Sequence[str] = (),
        *,
        config: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Records how an attempt ended; safe to repeat. Returns {state, will_retry, objective}.

        `config` is what the script added to its configuration, `metadata` what the run says of
        itself, `seconds` how long it ran.

        Fenced: a newer attempt owns the trial; nothing was recorded and nothing will be.
        """
        body = {
            "trial_id": trial_id,
            "token": token,
            "outcome": outcome.to_json() if isinstance(outcome, Outcome) else dict(outcome),
            "summary": dict(summary) if summary is not None else None,
            "logged_keys": list(logged_keys),
            "config": dict(config) if config else None,
            "metadata": dict(metadata) if metadata else None,
            "seconds": seconds,
        }
        return self._object("POST", "/api/agent/finish", body=body)

    # -- the wire ----------------------------------------------------------------------------

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
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self.url}{path}" + (f"?{urlencode(given)}" if given else "")
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        if method == "POST":
            headers["Content-Type"] = "application/octet-stream"
        try:
            answer = self._pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=timeout or self._timeout,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        if answer.status == 204:
            return None
        try:
            value = json.loads(answer.data)
        except ValueError:
            raise self._foreign(answer.status) from None
        if answer.status >= 400:
            raise self._error(answer.status, value)
        return value

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


def _part(text: str) -> str:
    """One segment of a path: nothing in it can lead elsewhere."""
    return quote(text, safe="") if text not in ("", ".", "..") else "%00"


def _tree(root: type[errors.OpensweepError]) -> dict[str, type[errors.OpensweepError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


_KINDS = _tree(errors.OpensweepError)
