"""The client against servers that are absent, foreign, slow or newer than it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sweeps import errors
from sweeps.protocol.client import Client


@contextmanager
def answering(status: int, body: bytes, paths: list[str] | None = None) -> Iterator[str]:
    """A server that answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if paths is not None:
                paths.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(10)


def told(kind: str, message: str = "so it is", **details: object) -> bytes:
    return json.dumps({"error": {"kind": kind, "message": message, **details}}).encode()


CALLS: list[Callable[[Client], object]] = [
    lambda c: c.handshake(),
    lambda c: c.sweeps(),
    lambda c: c.create_sweep("x"),
    lambda c: c.post_chunk("r", 1, "console", 1, 0, 1, 1, b"", b"x"),
]


@pytest.mark.parametrize("call", CALLS)
def test_nobody_there(call: Callable[[Client], object]) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        with (
            Client(f"http://127.0.0.1:{port}", "k") as client,
            pytest.raises(errors.ServerUnreachable) as caught,
        ):
            call(client)
        assert f"127.0.0.1:{port}" in str(caught.value)
        assert Client(f"http://127.0.0.1:{port}", "k").healthy() is None


def test_a_server_that_never_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(url, "k", answer_s=0.2) as client,
            pytest.raises(errors.ServerUnreachable, match="no answer in time"),
        ):
            client.sweeps()


@pytest.mark.parametrize("url", ["http://no.such.host.invalid:80", "https://127.0.0.1:1"])
def test_a_wrong_address(url: str) -> None:
    with Client(url, "k") as client, pytest.raises(errors.ServerUnreachable, match="OPENSWEEP_URL"):
        client.sweeps()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>hello</html>"),
        (404, b"<html>not found</html>"),
        (200, b"[]"),
        (301, b""),
        (502, b"bad gateway"),
        (500, b"{}"),
        (500, b'{"error": "text"}'),
    ],
)
def test_something_else_answers(status: int, body: bytes) -> None:
    with (
        answering(status, body) as url,
        Client(url, "k") as client,
        pytest.raises(errors.ServerError, match="is not an opensweep server"),
    ):
        client.handshake()


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (409, "Fenced", errors.Fenced),
        (409, "IllegalTransition", errors.IllegalTransition),
        (404, "NotFoundError", errors.NotFoundError),
        (503, "StoreUnavailable", errors.StoreUnavailable),
        (503, "BrokerError", errors.BrokerError),
        (400, "UsageError", errors.UsageError),
        (401, "Whatever", errors.ConfigurationError),
        (409, "OfALaterVersion", errors.Fenced),
        (400, "OfALaterVersion", errors.UsageError),
        (500, "OfALaterVersion", errors.ServerError),
    ],
)
def test_an_error_comes_back_as_what_it_was(
    status: int, kind: str, expected: type[Exception]
) -> None:
    with answering(status, told(kind)) as url, Client(url, "k") as client:
        with pytest.raises(errors.OpensweepError) as caught:
            client.finish("r", 1, {"state": "finished"})
        assert type(caught.value) is expected
        if status != 401:
            assert str(caught.value) == "so it is"


def test_a_spec_error_keeps_its_place() -> None:
    body = told(
        "SpecError", "f.yaml:3: a.b: bad", problem="bad", key_path="a.b", path="f.yaml", line=3
    )
    with answering(400, body) as url, Client(url, "k") as client:
        with pytest.raises(errors.SpecError) as caught:
            client.create_sweep("x")
        assert (caught.value.line, caught.value.key_path) == (3, "a.b")
        assert str(caught.value) == "f.yaml:3: a.b: bad"


def test_an_id_cannot_lead_to_another_path() -> None:
    paths: list[str] = []
    with answering(200, b"{}", paths) as url, Client(url + "/prefix/", "k") as client:
        for odd in ("../../x", "a/b", "a?b=c", "a#b", "..", "", "ä"):
            client.sweep(odd)
    assert len(paths) == 7
    for path in paths:
        assert path.startswith("/prefix/api/sweeps/")
        assert path.count("/") == 4
        assert "?" not in path


def test_many_threads_share_a_client() -> None:
    with answering(200, b'{"sweeps": []}') as url, Client(url, "k") as client:
        results: list[object] = []

        def ask() -> None:
            results.extend(client.sweeps() == [] for _ in range(20))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert results == [True] * 160
