"""What the server says of itself: its page's JSON, the metrics as Prometheus's own parser reads
them, and the counters beneath."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from controller.rates import WINDOW_S, Counter
from controller.server.process import make_http
from controller.server.recent_log import MOST, RecentWarnings
from controller.server.services import Services
from controller.server.traffic import BOUNDS, Traffic
from controller.store import Chunk, ChunkKind, NewRun, NewTrial, open_store
from controller.store.keys import Role
from sweeps.protocol.chunks import encode
from sweeps.protocol.live import AgentBeat
from sweeps.trial import SweepState

KEY = "k" * 40


class Redis:
    """Of a Redis what figures ask for; `away`: out of reach, `mute`: INFO is not allowed."""

    away = mute = False

    def ping(self) -> bool:
        if self.away:
            raise redis.exceptions.ConnectionError("away")
        return True

    def info(self) -> dict[str, Any]:
        if self.mute:
            raise redis.exceptions.NoPermissionError("no")
        return {"redis_version": "7.2.4", "used_memory": 1024, "connected_clients": 3}


class Live:
    def __init__(self) -> None:
        self.connection = Redis()
        self.beats: list[AgentBeat] = []

    def agents(self, sweep_id: str | None = None) -> list[AgentBeat]:
        self.connection.ping()
        return self.beats

    def silences(self) -> dict[str, float]:
        self.connection.ping()
        return {beat.agent_id: 1.5 for beat in self.beats}

    def queue_lengths(self, sweep_ids: list[str]) -> dict[str, int]:
        self.connection.ping()
        return dict.fromkeys(sweep_ids, 2)

    def leases(self) -> dict[str, int]:
        self.connection.ping()
        return {"s": 1}


class Other:
    conflict = None
    embedded = True

    def wake(self) -> None:
        pass

    def agent_url(self, host: str | None) -> str:
        return host or ""


class World:
    def __init__(self, found: Services, url: str) -> None:
        self.found, self.store, self.url = found, found.store, url
        self.live: Live = found.live  # type: ignore[assignment]

    def get(self, path: str, key: str = KEY) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {key}"}
        self.found.figures._stale_at = 0.0
        return urllib3.request("GET", self.url + path, headers=headers, retries=False)

    def server(self, key: str = KEY) -> dict[str, Any]:
        return dict(json.loads(self.get("/api/server", key).data))

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """By name and labels."""
        families = text_string_to_metric_families(self.get("/metrics").data.decode())
        samples = [sample for family in families for sample in family.samples]
        found = {(each.name, frozenset(each.labels.items())): each.value for each in samples}
        assert len(found) == len(samples), "a sample is there twice"
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with (
        open_store(f"sqlite:///{tmp_path / 'opensweep.db'}") as store,
        contextlib.ExitStack() as ends,
    ):
        given: dict[str, Any] = {"loop": Other(), "broker": Other(), "live": Live()}
        found = Services(store=store, key=KEY, server_id="test", version='1.2"3\\', **given)
        ready = threading.Event()
        server = make_http(found, ready.set)
        server.config.port = 0
        thread = threading.Thread(target=server.run)
        thread.start()
        ends.callback(thread.join, 15)
        ends.callback(setattr, server, "should_exit", True)
        assert ready.wait(10)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield World(found, f"http://127.0.0.1:{port}")


def fill(world: World) -> None:
    store = world.store
    spec = {"method": "random", "parameters": {"lr": {"min": 0, "max": 1}}}
    store.create_sweep(sweep_id="s", name="s", project="p", yaml="", spec=spec, seed=1, origin={})
    store.set_sweep_state("s", SweepState.RUNNING)
    generation = store.take_sweep("s", "me", 60)
    assert generation is not None
    store.add_trials("s", generation, [NewTrial(n, {}) for n in (1, 2, 3)], {})
    store.start_attempt("s-1", 1, agent_id="a", host="h", device="cpu")
    store.register_run(NewRun("r", "u", project="p"))
    for seq, kind in enumerate((ChunkKind.HISTORY, ChunkKind.HISTORY, ChunkKind.CONSOLE)):
        rows = [(row, 1e9, {"loss": 1.0}) for row in range(10 * seq, 10 * seq + 10)]
        store.add_chunk(Chunk("r", 1, kind, seq, 10 * seq, 10 * seq + 9, 10, encode(rows)))
    info = {"host": "box", "slots": 4, "devices": ["GPU 0"], "running": ["s-1"]}
    world.live.beats = [AgentBeat("a", "s", 3, info), AgentBeat("b", "s", 0, {"slots": "many"})]


def test_the_servers_page(world: World) -> None:
    fill(world)
    told = world.server()
    assert told["database"]["kind"].startswith("SQLite 3.")
    assert told["database"]["bytes"] > 4096
    assert told["broker"] == {
        "own": True,
        "reachable": True,
        "product": "Redis 7.2.4",
        "memory": 1024,
        "clients": 3,
    }
    assert told["sweeps"]["running"] == 1
    assert (told["trials"]["running"], told["trials"]["queued"], told["trials"]["failed"]) == (
        1,
        2,
        0,
    )
    assert (told["runs"], told["rows"]) == (4, 20)
    assert (told["totals"]["chunks"], told["totals"]["rows"]) == (3, 20)
    assert told["queues"] == [{"sweep": "s", "waiting": 2, "queued": 2, "running": 1, "leases": 1}]
    agent = told["agents"][0]
    assert (agent["host"], agent["sweep"], agent["silent_s"], agent["wandb"]) == (
        "box",
        "s",
        1.5,
        False,
    )
    assert told["process"]["memory"] > 1 << 20
    assert 0 < told["now"] - told["started"] < 60


def test_a_redis_that_is_away_or_says_nothing(world: World) -> None:
    fill(world)
    world.live.connection.mute = True
    assert world.server()["broker"]["reachable"] is True
    assert world.server()["broker"]["memory"] is None
    assert ("opensweep_broker_memory_bytes", frozenset()) not in world.metrics()
    world.live.connection.away = True
    told = world.server()
    assert told["broker"]["reachable"] is False
    assert told["agents"] == []
    assert world.metrics()["opensweep_broker_up", frozenset()] == 0


def test_metrics_as_prometheus_reads_them(world: World) -> None:
    fill(world)
    world.get("/api/sweeps")
    world.get("/api/sweeps/nobody")
    world.get("/api/sweeps", key="wrong")
    found = world.metrics()

    def value(name: str, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    assert value("opensweep_info", version='1.2"3\\') == 1
    assert value("opensweep_trials", state="queued") == 2
    assert value("opensweep_agents") == 2
    assert value("opensweep_slots", use="free") == 3
    assert value("opensweep_slots", use="busy") == 1
    assert value("opensweep_queue_length") == 2
    assert value("opensweep_chunks_total") == 3
    assert value("opensweep_rows_total") == 20
    assert value("opensweep_http_requests_total", kind="api", code="2xx") == 1
    assert value("opensweep_http_requests_total", kind="api", code="4xx") == 2
    name = "opensweep_http_request_duration_seconds"
    assert value(f"{name}_count", kind="api") == 3
    counts = [value(f"{name}_bucket", kind="api", le=f"{bound:g}") for bound in BOUNDS]
    assert counts == sorted(counts)
    assert value(f"{name}_bucket", kind="api", le="+Inf") == 3
    assert value("process_resident_memory_bytes") > 1 << 20
    again = world.metrics()
    assert (
        again[
            "opensweep_http_requests_total", frozenset({"kind": "metrics", "code": "2xx"}.items())
        ]
        == 1
    )


def test_metrics_have_a_content_type_help_and_types(world: World) -> None:
    answer = world.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for family in text_string_to_metric_families(answer.data.decode()):
        assert family.documentation, family.name
        assert family.type in ("gauge", "counter", "histogram"), family.name
    assert world.get("/metrics", key="wrong").status == 401


def test_the_document_tells_of_every_metric_and_its_labels(world: World) -> None:
    document = (Path(__file__).parents[2] / "docs" / "server.md").read_text()
    table = document[document.index("| metric | what |") : document.index("Counters begin anew")]
    told = dict(re.findall(r"`((?:opensweep|process)_\w+)(?:{([\w,]+)})?`", table))
    fill(world)
    world.get("/api/sweeps")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(world.get("/metrics").data.decode()):
        name = family.name + ("_total" if family.type == "counter" else "")
        found[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    assert {name: set(labels.split(",")) - {""} for name, labels in told.items()} == found


def test_warnings_are_for_admins(world: World) -> None:
    world.found.warnings.handle(
        logging.LogRecord("controller.loop", logging.WARNING, "", 0, "%s is away", ("Redis",), None)
    )
    (warning,) = world.server()["warnings"]
    assert (warning["name"], warning["message"]) == ("controller.loop", "Redis is away")
    _, key = world.store.add_key("ann", Role.WRITE)
    assert "warnings" not in world.server(key)


def test_of_warnings_the_last_are_kept() -> None:
    kept = RecentWarnings()
    for number in range(MOST + 5):
        kept.handle(logging.LogRecord("x", logging.ERROR, "", 0, f"no {number}", (), None))
    listed = kept.listed()
    assert len(listed) == MOST
    assert listed[0]["message"] == f"no {MOST + 4}"


def test_a_rate_is_that_of_the_last_seconds() -> None:
    now = 1000.0
    counter = Counter(lambda: now)
    for _ in range(30):
        counter.add(5)
        now += 1.0
    assert counter.total == 150
    assert counter.per_second() == 5.0
    now += WINDOW_S / 2
    assert counter.per_second() == 2.5
    now += 1000 * WINDOW_S
    assert counter.per_second() == 0.0
    counter.add(20)
    assert counter.per_second() == 0.0, "the second that runs is not over"
    now += 1.0
    assert counter.per_second() == 20 / WINDOW_S


def test_kinds_of_requests_are_few() -> None:
    traffic = Traffic()
    for path in ("/", "/nonsense/x", "/api/runs/a", "/api/agent/chunk", "/files/a/b/c/file_stream"):
        traffic.note(path, 200, 0.002)
    assert set(traffic.kinds) == {"page", "api", "chunk", "file_stream"}
    assert traffic.requests.total == 5
