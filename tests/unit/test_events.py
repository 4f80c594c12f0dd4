"""What changes is told to whoever listens: over the wire, by a real server and a real database."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from controller.server.process import make_http
from controller.server.services import Services
from controller.store import Chunk, ChunkKind, NewRun, open_store
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
