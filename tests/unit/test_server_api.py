"""The HTTP interface, through the real client and a real uvicorn, on a real SQLite store.

Loop, broker and Redis are stand-ins: here it is about what a request does to the record, what it
answers, and that no request, however odd, gets a traceback.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import urllib3
import zstandard

from controller.server.process import make_http
from controller.server.services import Services
from controller.store.records import NewTrial
from controller.store.store import Store, open_store
from sweeps import errors
from sweeps.protocol import chunks
from sweeps.protocol.client import Client
from sweeps.protocol.live import AgentBeat
from sweeps.trial import AttemptState, Outcome, Reason, SweepState

KEY = "a-key-for-tests"
SWEEP = """
program: train.py
method: random
metric: {name: loss, goal: minimize}
run_cap: 4
parameters:
  lr: {min: 0.001, max: 0.1}
"""
OK = Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0)


class Loop:
    def __init__(self) -> None:
        self.woken = threading.Event()

    def wake(self) -> None:
        self.woken.set()


class Broker:
    conflict: str | None = None

    def agent_url(self, host: str | None) -> str:
        return "unix:///sock?db=0" if host is None else f"redis://agent:secret@{host}:6380/0"


class Live:
    """Which agents live; `away`: Redis is out of reach."""

    def __init__(self) -> None:
        self.beats: list[AgentBeat] = []
        self.away = False

    def agents(self, sweep_id: str | None = None) -> list[AgentBeat]:
        if self.away:
            raise redis.exceptions.ConnectionError("away")
        return self.beats


class World:
    def __init__(self, found: Services, url: str) -> None:
        self.services = found
        self.store: Store = found.store
        self.loop: Any = found.loop
        self.live: Any = found.live
        self.broker: Any = found.broker
        self.url = url
        self.client = Client(url, KEY)

    def sweep_with_trials(self, count: int = 1) -> str:
        sweep_id: str = self.client.create_sweep(SWEEP, "s.yaml", "/here", "box")["id"]
        self.store.set_sweep_state(sweep_id, SweepState.RUNNING)
        generation = self.store.take_sweep(sweep_id, "test", 60)
        assert generation is not None
        trials = [NewTrial(n, {"lr": n / 100}) for n in range(1, count + 1)]
        self.store.add_trials(sweep_id, generation, trials, {})
        return sweep_id

    def raw(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        """A request as any program could make it: (status, parsed answer)."""
        headers.setdefault("Authorization", f"Bearer {KEY}")
        with urllib3.PoolManager(retries=False) as pool:
            answer = pool.request(
                method, self.url + path, body=body, headers={**headers, "Connection": "close"}
            )
            return answer.status, json.loads(answer.data) if answer.data else None


@contextlib.contextmanager
def running(tmp_path: Path) -> Iterator[World]:
    with open_store(f"sqlite:///{tmp_path / 'test.db'}") as store, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        found = Services(
            store=store,
            live=Live(),  # type: ignore[arg-type]
            loop=Loop(),
            broker=Broker(),
            key=KEY,
            server_id="server-of-test",
            version="1.2.3",
        )
        ready = threading.Event()
        server = make_http(found, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert ready.wait(20)
            here = World(found, f"http://127.0.0.1:{listener.getsockname()[1]}")
            with here.client:
                yield here
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as here:
        yield here


@pytest.fixture(scope="module")
def empty_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all tests that record nothing."""
    with running(tmp_path_factory.mktemp("empty")) as here:
        yield here


def body_of(objective: bytes, data: bytes) -> bytes:
    return struct.pack("<I", len(objective)) + objective + data


# -- the way of a sweep -------------------------------------------------------------------------


def test_a_sweep_is_recorded_and_listed(world: World) -> None:
    made = world.client.create_sweep(SWEEP, "s.yaml", "/here", "box")
    assert made["warnings"] == []
    assert world.loop.woken.is_set()
    status = world.client.sweep(made["id"])
    assert status == world.client.sweeps()[0]
    assert status["state"] == "pending"
    assert status["method"] == "random"
    assert status["metric"] == {"name": "loss", "goal": "minimize"}
    assert status["total"] == status["run_cap"] == 4
    assert status["best"] is status["eta_s"] is status["throughput"] is None
    kept = world.client.spec(made["id"])
    assert kept["yaml"] == SWEEP
    assert kept["origin"] == {"path": "s.yaml", "cwd": "/here", "host": "box"}


def test_a_wrong_file_is_refused_with_its_place_and_nothing_is_recorded(world: World) -> None:
    wrong = "method: random\nparameters:\n  lr: {min: 2, max: 1}\n"
    with pytest.raises(errors.SpecError) as caught:
        world.client.create_sweep(wrong, "wrong.yaml")
    assert caught.value.path == "wrong.yaml"
    assert caught.value.line == 3
    assert "parameters.lr" in str(caught.value)
    assert str(caught.value).count("wrong.yaml") == 1
    assert world.client.sweeps() == []


def test_a_grid_without_cap_knows_its_total(world: World) -> None:
    grid = "program: t.py\nmethod: grid\nparameters: {a: {values: [1, 2, 3]}, b: {values: [1, 2]}}"
    assert world.client.sweep(world.client.create_sweep(grid)["id"])["total"] == 6


def test_a_sweep_changes_state_on_a_users_word(world: World) -> None:
    sweep_id = world.sweep_with_trials()
    assert world.client.change(sweep_id, "pause")["state"] == "paused"
    assert world.client.change(sweep_id, "resume")["state"] == "running"
    assert world.client.change(sweep_id, "cancel")["state"] == "canceled"
    with pytest.raises(errors.IllegalTransition):
        world.client.change(sweep_id, "resume")
    with pytest.raises(errors.UsageError, match="explode"):
        world.client.change(sweep_id, "explode")


def test_a_sweep_gets_another_file(world: World) -> None:
    sweep_id = world.sweep_with_trials()
    world.loop.woken.clear()
    changed = world.client.update_sweep(sweep_id, SWEEP.replace("run_cap: 4", "run_cap: 9"))
    assert (changed["id"], changed["state"], changed["warnings"]) == (sweep_id, "running", [])
    assert world.client.sweep(sweep_id)["run_cap"] == 9
    assert world.loop.woken.is_set()
    with pytest.raises(errors.SpecError, match="metric"):
        world.client.update_sweep(sweep_id, SWEEP.replace("loss", "accuracy"))
    with pytest.raises(errors.SpecError, match="parameters"):
        world.client.update_sweep(sweep_id, "program: t.py\nmethod: random\n", "s.yaml")
    assert world.client.sweep(sweep_id)["run_cap"] == 9
    world.client.change(sweep_id, "cancel")
    with pytest.raises(errors.IllegalTransition, match="canceled"):
        world.client.update_sweep(sweep_id, SWEEP)


def test_agents_are_shown_and_a_redis_that_is_away_hides_nothing_else(world: World) -> None:
    sweep_id = world.sweep_with_trials()
    info = {"host": "gpu1", "slots": 2, "running": [f"{sweep_id}-1"], "devices": ["0", "1"]}
    world.live.beats = [AgentBeat("a1", sweep_id, 1, info), AgentBeat("a2", "another", 1, {})]
    (agent,) = world.client.sweep(sweep_id)["agents"]
    assert (agent["id"], agent["host"], agent["slots"], agent["free"]) == ("a1", "gpu1", 2, 1)
    assert agent["running"] == [f"{sweep_id}-1"]
    assert agent["quarantined"] == []
    world.live.away = True
    assert world.client.sweep(sweep_id)["agents"] == []


# -- the way of a trial -------------------------------------------------------------------------


def test_a_trial_from_start_to_end(world: World) -> None:
    sweep_id = world.sweep_with_trials()
    run = f"{sweep_id}-1"
    started = world.client.start(run, 1, "agent-1", "gpu1", "GPU-7", 4711)
    assert started == world.client.start(run, 1, "agent-1", "gpu1", "GPU-7", 4711), "a repeat"
    assert started == {
        "trial": {
            "id": run,
            "number": 1,
            "config": {"lr": 0.01},
            "attempt": 1,
            "resumed": False,
            "last": 0,
        },
        "sweep_id": sweep_id,
        "metric": {"name": "loss", "goal": "minimize"},
    }
    rows = [(0, 1.0, {"loss": 0.5}), (1, 2.0, {"loss": 0.25, "acc": 0.9})]
    points = chunks.pack_points([(0, 0.5), (1, 0.25)])
    world.loop.woken.clear()
    for _ in range(2):  # delivered twice, recorded once
        world.client.post_chunk(run, 1, "history", 1, 0, 1, 2, points, chunks.encode(rows))
    assert world.loop.woken.is_set(), "an objective is the loop's business at once"
    assert world.client.history(run) == [
        {"_step": 0, "_timestamp": 1.0, "loss": 0.5},
        {"_step": 1, "_timestamp": 2.0, "loss": 0.25, "acc": 0.9},
    ]
    assert [row["acc"] for row in world.client.history(run, ["acc"])] == [0.9]
    world.loop.woken.clear()
    said: dict[str, Any] = {
        "config": {"layers": 2},
        "metadata": {"name": "mine"},
        "seconds": 0.0,
    }
    end = world.client.finish(run, 1, OK, {"loss": 0.25}, ["loss", "acc"], **said)
    assert end == {"state": "finished", "will_retry": False, "objective": 0.25, "detail": ""}
    assert end == world.client.finish(run, 1, OK, {"loss": 0.25}, ["loss", "acc"], **said)
    assert world.loop.woken.is_set()
    trial = world.client.trial(run)
    assert (trial["state"], trial["objective"], trial["steps"]) == ("finished", 0.25, 2)
    assert (trial["host"], trial["device"], trial["attempts"]) == ("gpu1", "GPU-7", 1)
    assert [(a["token"], a["state"], a["pid"]) for a in trial["attempts_list"]] == [
        (1, "finished", 4711)
    ]
    assert trial["ended"] == trial["started"], "its agent says how long it ran"
    assert trial["run"] == {"config": {"lr": 0.01, "layers": 2}, "metadata": {"name": "mine"}}
    best = world.client.best(sweep_id)
    assert best is not None
    assert best["id"] == run
    status = world.client.sweep(sweep_id)
    assert status["best"]["id"] == run
    assert status["counts"]["finished"] == 1
    assert status["throughput"] > 0
    assert status["eta_s"] is None, "nobody works for it"
    world.live.beats = [AgentBeat("a1", sweep_id, 1, {})]
    assert world.client.sweep(sweep_id)["eta_s"] > 0, "3 of 4 are left"


def test_a_retried_attempt_is_resumed_and_the_old_one_is_fenced(world: World) -> None:
    run = f"{world.sweep_with_trials()}-1"
    world.client.start(run, 1, "agent-1", "gpu1", None)
    preempted = Outcome(AttemptState.PREEMPTED, Reason.PREEMPTED)
    assert world.client.finish(run, 1, preempted)["will_retry"] is True
    second = world.client.start(run, 2, "agent-2", "gpu2", None)
    assert second["trial"]["resumed"] is True
    with pytest.raises(errors.Fenced):
        world.client.finish(run, 1, OK)
    with pytest.raises(errors.Fenced):
        world.client.start(run, 1, "agent-1", "gpu1", None)
    with pytest.raises(errors.Fenced):
        world.client.post_chunk(run, 1, "console", 1, 0, 1, 0, b"", b"x")


def test_an_end_without_objective_names_what_was_logged(world: World) -> None:
    run = f"{world.sweep_with_trials()}-1"
    world.client.start(run, 1, "agent-1", "gpu1", None)
    assert world.client.finish(run, 1, OK, {}, ["lss", "acc"])["state"] == "failed"
    trial = world.client.trial(run)
    assert trial["reason"] == "no_objective"
    assert "'lss'" in trial["detail"]


def test_trials_are_listed_by_number_state_and_page(world: World) -> None:
    sweep_id = world.sweep_with_trials(4)
    world.client.start(f"{sweep_id}-2", 1, "agent-1", "gpu1", None)
    numbers = [trial["number"] for trial in world.client.trials(sweep_id, after=1, limit=2)]
    assert numbers == [2, 3]
    assert [t["number"] for t in world.client.trials(sweep_id, state="running")] == [2]
    with pytest.raises(errors.UsageError, match="jogging"):
        world.client.trials(sweep_id, state="jogging")
    with pytest.raises(errors.NotFoundError):
        world.client.trials("nosuchid")


# -- numbers that JSON does not have --------------------------------------------------------------


def test_numbers_that_json_lacks_are_words_to_people_and_numbers_to_agents(world: World) -> None:
    sweep_id: str = world.client.create_sweep(SWEEP)["id"]
    world.store.set_sweep_state(sweep_id, SweepState.RUNNING)
    generation = world.store.take_sweep(sweep_id, "test", 60)
    assert generation is not None
    odd = {"lr": float("inf"), "deep": [float("-inf")]}
    world.store.add_trials(sweep_id, generation, [NewTrial(1, odd)], {})
    run = f"{sweep_id}-1"
    assert world.client.start(run, 1, "a", "h", None)["trial"]["config"] == odd
    row = {"loss": float("nan"), "x": 1.5}
    world.client.post_chunk(run, 1, "history", 1, 0, 0, 1, b"", chunks.encode([(0, 1.0, row)]))
    status, answer = world.raw("GET", f"/api/runs/{run}/history")
    assert status == 200
    assert answer["rows"] == [{"_step": 0, "_timestamp": 1.0, "loss": "NaN", "x": 1.5}]
    world.client.finish(run, 1, OK, {"loss": float("nan"), "best": 1.0}, ["loss"])
    _, trial = world.raw("GET", f"/api/trials/{run}")
    assert trial["config"] == {"lr": "Infinity", "deep": ["-Infinity"]}
    assert trial["summary"] == {"loss": "NaN", "best": 1.0}


# -- the console ----------------------------------------------------------------------------------


def read_on(world: World, run: str, after: int, text: str, over: bool) -> int:
    answer = world.client.console(run, after)
    assert (answer["text"], answer["over"]) == (text, over)
    return int(answer["next"])


def test_a_console_is_followed_without_cutting_a_character(world: World) -> None:
    run = f"{world.sweep_with_trials()}-1"
    world.client.start(run, 1, "agent-1", "gpu1", None)
    at = read_on(world, run, 0, "", False)
    said = "épreuve 1\nfin é".encode()
    world.client.post_chunk(run, 1, "console", 1, 0, 5, 0, b"", said[:5])
    at = read_on(world, run, at, "épre", False)
    packed = zstandard.ZstdCompressor().compress(said[5:-1])
    world.client.post_chunk(run, 1, "console", 2, 5, len(said) - 1, 1, b"", packed)
    at = read_on(world, run, at, "uve 1\nfin ", False)
    world.client.post_chunk(run, 1, "console", 3, len(said) - 1, len(said), 0, b"", said[-1:])
    at = read_on(world, run, at, "é", False)
    assert at == len(said)
    world.client.finish(run, 1, Outcome(AttemptState.PREEMPTED, Reason.PREEMPTED))
    world.client.start(run, 2, "agent-2", "gpu1", None)
    world.client.post_chunk(run, 2, "console", 1, 0, 6, 1, b"", b"again\n")
    at = read_on(world, run, at, "again\n", False)
    world.client.finish(run, 2, OK, {"loss": 1.0}, ["loss"])
    read_on(world, run, at, "", True)
    read_on(world, run, 0, said.decode() + "again\n", True)
    read_on(world, run, 11, "fin éagain\n", True)
    assert read_on(world, run, 10_000, "", True) == 10_000


def test_a_long_console_comes_in_pages(world: World) -> None:
    run = f"{world.sweep_with_trials()}-1"
    world.client.start(run, 1, "agent-1", "gpu1", None)
    pieces = [bytes([97 + n]) * (600 << 10) for n in range(4)]
    for n, piece in enumerate(pieces):
        at = n * len(piece)
        world.client.post_chunk(run, 1, "console", n + 1, at, at + len(piece), 0, b"", piece)
    world.client.finish(run, 1, OK, {"loss": 1.0}, ["loss"])
    text, at, over, pages = "", 0, False, 0
    while not over:
        answer = world.client.console(run, at)
        text, at, over, pages = text + answer["text"], answer["next"], answer["over"], pages + 1
    assert text == b"".join(pieces).decode()
    assert pages > 1


# -- who may, and what is answered to nonsense ----------------------------------------------------


def test_health_is_open_and_all_else_needs_the_key(empty_world: World) -> None:
    told = Client(empty_world.url, "wrong").healthy()
    assert told == {"ok": True, "version": "1.2.3"}
    for key in ("wrong", KEY + "x", KEY[:-1], "Bearer"):
        with (
            Client(empty_world.url, key) as client,
            pytest.raises(errors.ConfigurationError) as caught,
        ):
            client.sweeps()
        assert "OPENSWEEP_API_KEY" in str(caught.value)
    assert empty_world.raw("GET", "/api/sweeps", Authorization="Basic abc")[0] == 401
    assert empty_world.raw("GET", "/api/sweeps", Authorization="")[0] == 401
    assert empty_world.raw("GET", "/no/such/place", Authorization="")[0] == 401


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost:8080", "unix:///sock?db=0"),
        ("127.0.0.1:8080", "unix:///sock?db=0"),
        ("[::1]:8080", "unix:///sock?db=0"),
        ("gpu1:8080", "redis://agent:secret@gpu1:6380/0"),
        ("10.0.0.7", "redis://agent:secret@10.0.0.7:6380/0"),
        ("[fd00::7]:80", "redis://agent:secret@fd00::7:6380/0"),
    ],
)
def test_the_handshake_gives_the_address_as_the_client_came(
    empty_world: World, host: str, url: str
) -> None:
    status, answer = empty_world.raw("GET", "/api/handshake", Host=host)
    assert status == 200
    assert answer["redis_url"] == url
    assert answer["server_id"] == "server-of-test"


def test_the_handshake_says_that_redis_was_taken_over(world: World) -> None:
    world.broker.conflict = "another server uses it"
    with pytest.raises(errors.BrokerError, match="another server uses it"):
        world.client.handshake()


NONSENSE: list[tuple[str, str, bytes, int]] = [
    ("GET", "/", b"", 404),
    ("GET", "/api/nothing", b"", 404),
    ("DELETE", "/api/sweeps", b"", 405),
    ("GET", "/api/sweeps/nosuchid", b"", 404),
    ("GET", "/api/sweeps/nosuchid/best", b"", 404),
    ("GET", "/api/sweeps/nosuchid/spec", b"", 404),
    ("POST", "/api/sweeps/nosuchid/pause", b"", 404),
    ("GET", "/api/sweeps/nosuchid/trials?after=x", b"", 400),
    ("GET", "/api/sweeps/nosuchid/trials?after=-1", b"", 400),
    ("GET", "/api/sweeps/nosuchid/trials?limit=99999999999999999999999", b"", 400),
    ("GET", "/api/sweeps/nosuchid/trials?limit=%D9%A3", b"", 400),
    ("GET", "/api/sweeps/%00", b"", 404),
    ("GET", "/api/sweeps/%ff%fe", b"", 404),
    ("GET", "/api/trials/nosuchid-1", b"", 404),
    ("GET", "/api/trials/..%2f..%2fetc", b"", 404),
    ("GET", "/api/runs/nosuchid-1/history", b"", 404),
    ("GET", "/api/runs/nosuchid-1/console", b"", 404),
    ("GET", "/api/runs/nosuchid-1/console?after=1e9", b"", 400),
    ("POST", "/api/sweeps", b"", 400),
    ("POST", "/api/sweeps", b"{", 400),
    ("POST", "/api/sweeps", b"[]", 400),
    ("POST", "/api/sweeps", b"\xff\xfe", 400),
    ("POST", "/api/sweeps", b"[" * 100_000, 400),
    ("POST", "/api/sweeps", b'{"yaml": 3}', 400),
    ("POST", "/api/sweeps", b'{"yaml": "method: [" }', 400),
    ("POST", "/api/sweeps", b'{"yaml": "a\\u0000b"}', 400),
    ("POST", "/api/sweeps", b'{"yaml": "\\ud800"}', 400),
    ("POST", "/api/sweeps", b'{"yaml": "method: random", "path": ["x"]}', 400),
    ("POST", "/api/agent/start", b"{}", 400),
    ("POST", "/api/agent/start", b'{"trial_id": "x-1", "token": true}', 400),
    ("POST", "/api/agent/start", b'{"trial_id": "x-1", "token": 0}', 400),
    (
        "POST",
        "/api/agent/start",
        b'{"trial_id": "x-1", "token": 1, "agent_id": "a", "host": "h"}',
        404,
    ),
    ("POST", "/api/agent/finish", b'{"trial_id": "x-1", "token": 1}', 400),
    ("POST", "/api/agent/finish", b'{"trial_id": "x-1", "token": 1, "outcome": {}}', 400),
    ("POST", "/api/agent/finish", b'{"trial_id": "x-1", "token": 1, "outcome": "done"}', 400),
    (
        "POST",
        "/api/agent/finish",
        b'{"trial_id": "x-1", "token": 1, "outcome": {"state": "running", "reason": "ok"}}',
        400,
    ),
    (
        "POST",
        "/api/agent/finish",
        b'{"trial_id": "x-1", "token": 1, "outcome": {"state": "finished", "reason": "ok", '
        b'"exit_code": "0"}}',
        400,
    ),
    (
        "POST",
        "/api/agent/finish",
        b'{"trial_id": "x-1", "token": 1, "outcome": {"state": "finished", "reason": "ok"}}',
        404,
    ),
    ("POST", "/api/agent/chunk", b"", 400),
    ("POST", "/api/agent/chunk?run=x-1&writer=1&kind=odd&seq=1&first=0&last=0&rows=1", b"", 400),
]
CHUNK = "/api/agent/chunk?run={run}&writer=1&kind={kind}&seq=1&first=0&last=0&rows=1"


@pytest.mark.parametrize(("method", "path", "body", "status"), NONSENSE)
def test_nonsense_gets_a_clear_answer(
    empty_world: World, method: str, path: str, body: bytes, status: int
) -> None:
    got, answer = empty_world.raw(method, path, body)
    assert got == status, answer
    assert answer["error"]["message"]
    assert answer["error"]["kind"] in vars(errors)
    assert "Traceback" not in json.dumps(answer)
    assert empty_world.client.healthy()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("history", b""),
        ("history", b"abc"),
        ("history", struct.pack("<I", 100) + b"short"),
        ("history", body_of(b"", b"no chunk")),
        ("history", body_of(b"\0" * 15, chunks.encode([(0, 1.0, {"a": 1})]))),
        ("history", body_of(b"", chunks.encode([(0, 1.0, {"a": 1})])[:-1])),
        ("system", body_of(b"", b"no chunk")),
    ],
)
def test_a_torn_or_foreign_chunk_is_refused(world: World, kind: str, body: bytes) -> None:
    run = f"{world.sweep_with_trials()}-1"
    world.client.start(run, 1, "agent-1", "gpu1", None)
    status, answer = world.raw("POST", CHUNK.format(run=run, kind=kind), body)
    assert status == 400, answer
    assert world.client.history(run) == []


def test_what_is_too_long_is_refused_before_it_is_read(empty_world: World) -> None:
    for path, size in (
        ("/api/sweeps", 17 << 20),
        (CHUNK.format(run="x-1", kind="history"), 1 << 40),
    ):
        with socket.create_connection(
            ("127.0.0.1", int(empty_world.url.rsplit(":", 1)[1])), 10
        ) as tcp:
            head = (
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
                f"Content-Length: {size}\r\n\r\n"
            )
            tcp.sendall(head.encode())
            assert b"413" in tcp.recv(4096).split(b"\r\n")[0]


def test_a_fault_of_ours_shows_no_traceback(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(world.store, "get_sweep", broken)
    status, answer = world.raw("GET", "/api/sweeps/nosuchid")
    assert status == 500
    assert "secret detail" not in json.dumps(answer)
    assert "secret detail" in caplog.text, "the log has it"


def test_a_locked_database_is_a_try_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise errors.StoreUnavailable("the database is locked")

    monkeypatch.setattr(world.store, "get_sweep", locked)
    assert world.raw("GET", "/api/sweeps/nosuchid")[0] == 503
    with pytest.raises(errors.StoreUnavailable, match="locked"):
        world.client.sweep("nosuchid")


def test_many_requests_at_once_do_not_block_one_another(world: World) -> None:
    """A request that waits at the database must not keep the others from being answered."""
    held = threading.Event()
    entered = threading.Event()
    before = world.store.get_sweep

    def slow(sweep_id: str) -> Any:
        entered.set()
        held.wait(20)
        return before(sweep_id)

    with contextlib.ExitStack() as stack:
        monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
        monkeypatch.setattr(world.store, "get_sweep", slow)
        failures: list[Exception] = []

        def ask() -> None:
            try:
                world.client.sweep("nosuchid")
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert entered.wait(10)
        try:
            assert world.client.sweeps() == []
        finally:
            held.set()
            thread.join(20)
    assert [type(error) for error in failures] == [errors.NotFoundError]
