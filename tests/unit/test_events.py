"""What changes is told to whoever listens: over the wire, by a real server and a real database."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from controller.server import events, events_api
from controller.server.keyring import FRESH_S
from controller.server.process import make_http
from controller.server.services import Services
from controller.store import Chunk, ChunkKind, NewRun, open_store
from controller.store.keys import Role
from controller.store.marks import Mark
from sweeps.protocol.chunks import encode
from sweeps.protocol.live import AgentBeat

KEY = "k" * 40
SWEEP = {"method": "random", "parameters": {"lr": {"min": 0, "max": 1}}}


class Quiet:
    conflict = None

    def wake(self) -> None:
        pass

    def agent_url(self, host: str | None) -> str:
        return host or ""


class Agents:
    def __init__(self) -> None:
        self.beats: list[AgentBeat] = []

    def agents(self, sweep_id: str | None = None) -> list[AgentBeat]:
        return [beat for beat in self.beats if sweep_id in (None, beat.sweep_id)]


class World:
    """A server, and what changes on it."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(f"sqlite:///{folder / 'opensweep.db'}")
        self.live = Agents()
        given: dict[str, Any] = {"loop": Quiet(), "broker": Quiet(), "live": self.live}
        self.services = Services(store=self.store, key=KEY, server_id="test", version="1", **given)
        ready = threading.Event()
        self.server = make_http(self.services, ready.set)
        self.server.config.port = 0
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        assert ready.wait(10)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.http = urllib3.PoolManager(retries=False)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(15)
        self.store.close()

    def listen(self, *topics: str, key: str = KEY) -> Stream:
        query = "&".join(f"topic={topic}" for topic in topics)
        return Stream(
            self.http.request(
                "GET",
                f"{self.url}/api/events?{query}",
                headers={"Authorization": f"Bearer {key}"},
                preload_content=False,
                timeout=urllib3.Timeout(connect=5, read=10),
            )
        )

    def run(self, run_id: str, project: str = "p") -> None:
        self.store.register_run(NewRun(run_id, f"uid-{run_id}", project=project))

    def log(self, run_id: str, seq: int) -> None:
        data = encode([(seq, 1e9 + seq, {"loss": 1.0})])
        self.store.add_chunk(Chunk(run_id, 1, ChunkKind.HISTORY, seq, seq, seq, 1, data))


class Stream:
    """One page's stream, read event by event."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self._lines: Iterator[bytes] = iter(())
        if answer.status == 200:
            self._lines = (line for part in answer.stream(1 << 16) for line in part.split(b"\n"))

    def next(self) -> dict[str, Any]:
        """The next change; StopIteration: the stream is over."""
        for line in self._lines:
            if line.startswith(b'data: {"topic'):
                return dict(json.loads(line.removeprefix(b"data: ")))
        raise StopIteration

    def close(self) -> None:
        self.answer.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def until(condition: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_topic_is_told_once_and_then_when_it_changes(world: World) -> None:
    world.run("a")
    world.run("b", "q")
    stream = world.listen("run/a", "project/p", "run/nobody")
    first = [stream.next() for _ in range(3)]
    assert {each["topic"] for each in first} == {"run/a", "project/p", "run/nobody"}
    before = {each["topic"]: each["version"] for each in first}
    world.log("b", 0)  # another project's: nobody here hears of it
    world.log("a", 0)
    news = [stream.next() for _ in range(2)]
    assert {each["topic"] for each in news} == {"run/a", "project/p"}
    assert all(each["version"] != before[each["topic"]] for each in news)
    world.store.end_run("a", 1, 0)
    assert {stream.next()["topic"] for _ in range(2)} == {"run/a", "project/p"}
    world.run("nobody", "q")
    assert stream.next()["topic"] == "run/nobody"
    stream.close()


def test_server_ends_at_once_with_pages_open(world: World) -> None:
    world.run("a")
    streams = [world.listen("run/a") for _ in range(5)]
    for stream in streams:
        stream.next()
    begun = time.monotonic()
    world.server.should_exit = True
    for stream in streams:
        with pytest.raises(StopIteration):
            stream.next()
    world.thread.join(15)
    assert time.monotonic() - begun < 2


def test_agents_and_new_sweeps_are_told(world: World) -> None:
    stream = world.listen("sweeps", "server")
    assert {stream.next()["topic"] for _ in range(2)} == {"sweeps", "server"}
    world.live.beats = [AgentBeat("a", "s", 1, {"host": "h"})]
    assert {stream.next()["topic"] for _ in range(2)} == {"sweeps", "server"}
    stream.close()


def test_a_project_may_be_called_as_people_call_it(world: World) -> None:
    world.run("a", "team/p")
    stream = world.listen("project/p")
    assert stream.next()["topic"] == "project/p"
    world.log("a", 0)
    assert stream.next()["topic"] == "project/p"
    stream.close()


def test_a_key_that_is_revoked_ends_its_stream(world: World) -> None:
    record, key = world.store.add_key("ann", Role.READ)
    stream = world.listen("sweeps", key=key)
    stream.next()
    begun = time.monotonic()
    world.store.revoke_key(record.id)
    with pytest.raises(StopIteration):
        stream.next()
    assert time.monotonic() - begun < events_api.CHECK_S + FRESH_S + 2


def test_no_stream_without_a_key(world: World) -> None:
    assert world.listen("sweeps", key="wrong").answer.status == 401


@pytest.mark.parametrize(
    ("topics", "said"),
    [((), "expected 1 to 1,000"), (("nonsense",), "expected one of run/"), (("run/",), "run/")],
)
def test_what_makes_no_sense_is_told_so(world: World, topics: tuple[str, ...], said: str) -> None:
    answer = world.listen(*topics).answer
    assert answer.status == 400
    assert said in json.loads(answer.data)["error"]["message"]


def test_too_many_topics_and_too_many_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.listen(*(f"run/{n}" for n in range(1001))).answer.status == 400
    monkeypatch.setattr(events, "MOST_STREAMS", 2)
    streams = [world.listen("sweeps") for _ in range(2)]
    refused = world.listen("sweeps").answer
    assert refused.status == 503
    assert "2 pages follow this server live" in json.loads(refused.data)["error"]["message"]
    for stream in streams:
        stream.next()
        stream.close()
    until(lambda: world.services.events.listeners == 0)


def test_an_open_page_is_use_and_one_that_is_gone_leaves_nothing(world: World) -> None:
    world.run("a")
    stream = world.listen("run/a")
    stream.next()
    assert world.services.activity.quiet_s() == 0.0
    stream.close()
    until(lambda: world.services.events.listeners == 0)
    until(lambda: world.services.activity.quiet_s() > 0.0)
    until(lambda: world.services.events._task is None)


def test_a_page_that_reads_nothing_holds_no_memory_and_is_let_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_api, "STALL_S", 0.3)
    name = "x" * 500
    topics = [f"run/{name}{n}" for n in range(100)]
    with socket.create_connection(("127.0.0.1", int(world.url.rpartition(":")[2]))) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        query = "&".join(f"topic={topic}" for topic in topics)
        request = (
            f"GET /api/events?{query} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        )
        line.sendall(request.encode())
        until(lambda: world.services.events.listeners == 1)
        (listener,) = world.services.events._listeners
        loop = world.server.servers[0].get_loop()
        turns = itertools.count()

        def told() -> bool:
            """More news than go into any buffer, until the server lets go."""
            assert len(listener._news) <= len(topics)  # of each topic, one version waits
            news = {topic: Mark(str(next(turns))) for topic in topics}
            loop.call_soon_threadsafe(listener.tell, {}, news)
            return world.services.events.listeners == 0

        until(told)
