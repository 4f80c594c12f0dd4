"""Alerts are delivered: by the real apprise, to real HTTP receivers on this machine."""

from __future__ import annotations

import http.server
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.alerts import Alerts, split_addresses
from controller.store import AlertState, NewRun, Store, open_store

WITHIN_S = 20.0
# apprise imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


class Receiver:
    """A web hook; `status` is what it answers."""

    def __init__(self, status: int = 200) -> None:
        self.got: list[dict[str, Any]] = []
        self.asked = 0
        self.status = status
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.asked += 1
                if receiver.status == 200:
                    receiver.got.append(body)
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"json://user:secret@127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receivers() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def make(status: int = 200) -> Receiver:
        made.append(Receiver(status))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        opened.register_run(NewRun("r1", "uid", project="p"))
        yield opened


def raise_alert(store: Store, number: int = 0, **given: Any) -> AlertState:
    said = {"level": "ERROR", "title": "loss is NaN", "text": "at step 7", "wait_s": 0.0}
    said |= {"raised": time.time(), "deliver": True, **given}
    return store.add_alert("r1", 1, "", number, **said)  # type: ignore[arg-type]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def states(store: Store) -> list[AlertState]:
    return [alert.state for alert in reversed(store.alerts())]


def test_an_alert_arrives_once_at_every_address(store: Store, receivers: Any) -> None:
    one, other = receivers(), receivers()
    alerts = Alerts([one.address, other.address])
    assert (alerts.addresses, alerts.problem) == (2, "")
    alerts.start(store)
    try:
        raise_alert(store)
        alerts.wake()
        until(lambda: states(store) == [AlertState.DELIVERED])
        raise_alert(store, 1, level="INFO", title="all is well")
        alerts.wake()
        until(lambda: states(store) == [AlertState.DELIVERED] * 2)
    finally:
        alerts.close()
    for receiver in (one, other):
        first, second = receiver.got
        assert first["title"] == "ERROR: loss is NaN"
        assert first["message"] == "at step 7\n\nrun p/r1"
        assert (first["type"], second["type"]) == ("failure", "info")


def test_a_failing_address_stops_no_other_and_is_tried_again(
    store: Store, receivers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = receivers(), receivers(500)
    alerts = Alerts([bad.address, good.address], first_s=0.02)
    caplog.set_level(logging.DEBUG)  # chattier than the server ever is
    alerts.start(store)
    try:
        raise_alert(store)
        alerts.wake()
        until(lambda: good.got and bad.asked >= 2)
        assert states(store) == [AlertState.DUE]
        raise_alert(store, 1)
        alerts.wake()
        until(lambda: len(good.got) == 2)
        bad.status = 200
        until(lambda: states(store) == [AlertState.DELIVERED] * 2)
    finally:
        alerts.close()
    assert (len(good.got), len(bad.got)) == (2, 2)
    assert "tried again" in caplog.text
    assert "secret" not in caplog.text
    assert "127.0.0.1" not in caplog.text


def test_what_was_due_when_the_server_ended_is_delivered_after_its_next_start(
    store: Store, receivers: Any
) -> None:
    receiver = receivers()
    raise_alert(store)
    alerts = Alerts([receiver.address])
    alerts.start(store)
    try:
        until(lambda: states(store) == [AlertState.DELIVERED])
    finally:
        alerts.close()
    assert len(receiver.got) == 1


def test_an_address_that_is_none_is_a_problem_that_does_not_name_it(receivers: Any) -> None:
    alerts = Alerts([receivers().address, "nonsense://secret"])
    assert alerts.addresses == 1
    assert alerts.problem == "1 of 2 addresses in OPENSWEEP_ALERTS are wrong"


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    alerts = Alerts(["json://localhost"])
    assert alerts.addresses == 0
    assert "opensweep[alerts]" in alerts.problem


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", []),
        (" ,\n", []),
        ("json://a", ["json://a"]),
        ("json://a slack://b/c", ["json://a", "slack://b/c"]),
        ("json://a,mailto://u:p@h?to=x,y , tgram://b", None),
        ("# the team\nslack://a\n\n# me\nmailto://b\n", ["slack://a", "mailto://b"]),
    ],
)
def test_addresses_are_parted(text: str, addresses: list[str] | None) -> None:
    expected = ["json://a", "mailto://u:p@h?to=x,y", "tgram://b"]
    assert split_addresses(text) == (expected if addresses is None else addresses)
