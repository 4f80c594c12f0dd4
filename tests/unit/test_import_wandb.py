"""How a W&B server is asked: patience, refusals, pages, and windows of history."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from logging_core.folder import RunFolder
from logging_core.records import ConfigUpdate, Finished, History, SummaryUpdate
from opensweep.importing.found import LeftOut
from opensweep.importing.wandb_import import Import
from opensweep.importing.wandb_project import SourceProject
from opensweep.importing.wandb_server import TRIES, WandbServer, known_key
from sweeps.errors import ConfigurationError, ImportFailed, NotFoundError, ServerUnreachable
from sweeps.protocol.client import Client


class Foreign:
    """A W&B server that answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.refusals: list[tuple[int, bytes]] = []
        self.steps: list[int] = []
        self.files: dict[str, bytes] = {}
        self.silent_about = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.asked.append(json.loads(self.rfile.read(length)))
                outer.keys.append(self.headers["Authorization"])
                if outer.refusals:
                    self.say(*outer.refusals.pop(0))
                elif outer.silent_about in outer.asked[-1]["variables"].values():
                    self.say(503, b"")
                else:
                    self.say(200, json.dumps({"data": outer.answer(outer.asked[-1])}).encode())

            def do_GET(self) -> None:
                outer.keys.append(self.headers["Authorization"])
                self.say(200, outer.files[self.path])

            def say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, asked: dict[str, Any]) -> Any:
        given = asked["variables"]
        if "history(" in asked["query"]:
            inside = [step for step in self.steps if given["minStep"] <= step < given["maxStep"]]
            rows = [json.dumps({"_step": step, "_timestamp": 5, "l": "NaN"}) for step in inside]
            return {"project": {"run": {"history": rows[: given["pageSize"]]}}}
        if "files(" in asked["query"]:
            nodes = [{"name": "../x", "directUrl": "/f"}, {"name": "lost", "directUrl": None}]
            return {"project": {"run": {"files": {"edges": [{"node": one} for one in nodes]}}}}
        if "events(" in asked["query"]:
            return {"project": {"run": {"events": []}}}
        if given.get("project") == "absent":
            return {"project": None}
        page = int(given["cursor"] or 0)
        node = {
            "name": f"r{page}",
            "state": "failed",
            "config": json.dumps({"lr": {"value": 1}, "_wandb": {"value": {}}}),
            "summaryMetrics": json.dumps({"l": 2, "_step": 3, "a": {"b": 1}}),
            "historyKeys": {"lastStep": max(self.steps, default=-1)},
            "createdAt": "2026-01-01T00:00:00",
            "heartbeatAt": "2026-01-01T00:01:00",
        }
        more = {"hasNextPage": page < 2, "endCursor": str(page + 1)}
        return {"project": {"runs": {"edges": [{"node": node}], "pageInfo": more}}}


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    found = Foreign()
    thread = threading.Thread(target=found.http.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.http.shutdown()
    thread.join()
    found.http.server_close()


def server(foreign: Foreign, waits: list[float] | None = None) -> WandbServer:
    return WandbServer(foreign.url, "key", wait=(waits if waits is not None else []).append)


def project(foreign: Foreign, folder: Path) -> SourceProject:
    return SourceProject(server(foreign), "e", "p", folder)


def test_what_fails_for_a_moment_is_asked_again(foreign: Foreign) -> None:
    foreign.refusals = [(503, b""), (429, b"")]
    waits: list[float] = []
    assert server(foreign, waits).ask("q", {"cursor": None})["project"]
    assert waits == [0.5, 1.0]
    assert set(foreign.keys) == {"Basic " + base64.b64encode(b"api:key").decode()}


def test_what_fails_for_good_is_told(foreign: Foreign) -> None:
    asked = server(foreign)
    foreign.refusals = [(503, b"")] * TRIES
    with pytest.raises(ServerUnreachable, match=r"HTTP 503.*goes on where it stopped"):
        asked.ask("q", {})
    foreign.refusals = [(401, b"")]
    with pytest.raises(ConfigurationError, match="refuses the API key"):
        asked.ask("q", {})
    foreign.refusals = [(200, b'{"errors": [{"message": "no such field"}], "data": null}')]
    with pytest.raises(ImportFailed, match="says: no such field"):
        asked.ask("q", {})
    foreign.refusals = [(200, b"<html>")]
    with pytest.raises(ImportFailed, match="not as a W&B server"):
        asked.ask("q", {})


def test_all_pages_come(foreign: Foreign, tmp_path: Path) -> None:
    assert [run.name for run in project(foreign, tmp_path).runs()] == ["r0", "r1", "r2"]
    absent = SourceProject(server(foreign), "e", "absent", tmp_path)
    with pytest.raises(NotFoundError, match="no project there"):
        list(absent.runs())


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([*range(2500)], id="every step"),
        pytest.param([0, 7, 1_000_000_000], id="few, far apart"),
        pytest.param([*range(100), *range(500_000, 503_000)], id="a gap, then many"),
        pytest.param([], id="none"),
    ],
)
def test_history_comes_whole_in_few_questions(
    foreign: Foreign, tmp_path: Path, steps: list[int]
) -> None:
    foreign.steps = steps
    place = project(foreign, tmp_path)
    run = next(place.runs())
    items = list(place.found(run).items())
    assert [item.step for item in items if isinstance(item, History)] == steps
    assert sum("history(" in asked["query"] for asked in foreign.asked) < 1100
    assert [item.values for item in items if isinstance(item, ConfigUpdate)] == [{"lr": 1}]
    assert [item.values for item in items if isinstance(item, SummaryUpdate)] == [
        {"l": 2, "a.b": 1}
    ]
    assert [item.exit_code for item in items if isinstance(item, Finished)] == [1]
    assert sum(isinstance(item, LeftOut) for item in items) == 2  # its files


def test_a_broken_import_goes_on_where_it_stopped(foreign: Foreign, tmp_path: Path) -> None:
    foreign.steps = [0, 1]
    sent: list[str] = []

    def send(folders: list[Path]) -> list[str | None]:
        ids = [json.loads(RunFolder(one).run_json.read_text())["run_id"] for one in folders]
        sent.extend(ids)
        return [*ids]

    def work() -> Import:
        place = project(foreign, tmp_path / "downloads")
        return Import(place, Client("http://127.0.0.1:1", "k"), "here", tmp_path, send, print)

    foreign.silent_about = "r1"
    with pytest.raises(ServerUnreachable):
        work().runs()
    assert sent == ["r0", "r2"]
    foreign.silent_about = ""
    again = work()
    again.runs()
    assert sent == ["r0", "r2", "r1"]
    assert (again.outcome.unchanged, again.outcome.runs) == (2, {"r1": "r1"})


def test_a_file_is_what_it_is_announced_as_or_not_taken(foreign: Foreign, tmp_path: Path) -> None:
    foreign.files = {"/f": b"bytes"}
    asked, target = server(foreign), tmp_path / "deep" / "f"
    md5 = base64.b64encode(hashlib.md5(b"bytes").digest()).decode()
    with pytest.raises(ImportFailed, match="not what it announced"):
        asked.download(foreign.url + "/f", target, size=4, md5=None)
    assert not target.exists()
    asked.download("/f", target, size=5, md5=md5)
    assert target.read_bytes() == b"bytes"
    count = len(foreign.keys)
    asked.download("/f", target, size=5, md5=md5)
    assert len(foreign.keys) == count, "it is there already"


def test_the_key_goes_to_its_server_alone(foreign: Foreign, tmp_path: Path) -> None:
    foreign.files = {"/f": b"bytes"}
    elsewhere = WandbServer("http://localhost:1", "key")
    elsewhere.download(foreign.url + "/f", tmp_path / "f", size=None, md5=None)
    assert foreign.keys == [None]


def test_the_key_that_wandb_would_take(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.wandb.ai\n  login user\n  password fromfile\n")
    found = {"NETRC": str(netrc)}
    assert known_key("https://api.wandb.ai", {"WANDB_API_KEY": "k"}) == "k"
    assert known_key("https://api.wandb.ai", found) == "fromfile"
    with pytest.raises(ConfigurationError, match="--api-key"):
        known_key("https://wandb.example.org", found)
