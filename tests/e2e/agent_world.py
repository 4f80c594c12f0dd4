"""A small world for agents to work in: a real Valkey, and a server that plays the agent API.

The server keeps trials in memory with the tokens and the refusals of the real one, so that an
agent's behaviour can be looked at from outside. Training scripts are real processes.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agent.agent import Agent
from agent.events import Event, Summary
from controller.broker import Broker
from controller.queue import TrialQueue
from sweeps.protocol.chunks import decode, unpack_points
from sweeps.protocol.client import Client
from sweeps.protocol.live import Live

REPOSITORY = Path(__file__).parents[2]
SWEEP = "s1234567"

SCRIPT_HEAD = """
import json, os, signal, sys, time
from pathlib import Path
from logging_core.records import Writer
folder = Path(os.environ["OPENSWEEP_RUN_DIR"])
config = json.loads((folder / "config.json").read_text())
writer = Writer(folder / f"records.{os.environ['OPENSWEEP_WRITER']}.bin")
def log(step, **row):
    writer.history(step, time.time(), row)
"""


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Waits until `condition` gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
    return value


@dataclass
class Trial:
    config: dict[str, Any]
    token: int = 1
    state: str = "queued"
    starts: list[int] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[dict[str, Any]] = field(default_factory=list)
    seconds: float | None = None
    finished_at: float = 0.0

    def rows(self) -> list[tuple[int, dict[str, Any]]]:
        return [
            (step, row)
            for chunk in self.chunks
            if chunk["kind"] == "history"
            for step, _, row in decode(chunk["data"]).rows()
        ]

    def points(self) -> list[tuple[int, float]]:
        return [point for chunk in self.chunks for point in unpack_points(chunk["objective"])]

    def console(self) -> str:
        return b"".join(c["data"] for c in self.chunks if c["kind"] == "console").decode()


class World:
    """One sweep, its Redis, and a server that agents talk to.

    Attributes:
        trials: by id, as the server knows them.
        away: while True the server breaks every connection.
        retry_preempted: queue a preempted trial again.
        score: added to what `finish` answers: a trial's objective by the server's word.
    """

    def __init__(self, folder: Path, script: str, spec: dict[str, Any] | None = None) -> None:
        self.folder = folder
        (folder / "train.py").write_text(SCRIPT_HEAD + script)
        self.spec = {
            "method": "random",
            "program": "train.py",
            "metric": {"name": "loss", "goal": "minimize"},
            "parameters": {"x": {"min": 0, "max": 1000}},
            **(spec or {}),
        }
        self.trials: dict[str, Trial] = {}
        self.state = "running"
        self.away = False
        self.retry_preempted = True
        self.score: dict[str, float | None] = {}
        self.lock = threading.RLock()
        self.broker = Broker(folder / "broker", "server-1")
        self.broker.launch()
        self.connection = self.broker.connect()
        self.live = Live(self.connection)
        self.queue = TrialQueue(self.connection)
        self.live.set_epoch("world")
        self.live.set_sweep_state(SWEEP, self.state)
        self._http = _Server(self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.break_connections()
        self._http.server_close()
        self._thread.join()
        self.broker.close()

    # -- what a controller would do -----------------------------------------------------------

    def add(self, *configs: dict[str, Any]) -> list[str]:
        with self.lock:
            ids = [f"{SWEEP}-{len(self.trials) + 1 + i}" for i in range(len(configs))]
            for trial_id, config in zip(ids, configs, strict=True):
                self.trials[trial_id] = Trial(config)
        for trial_id in ids:
            self.enqueue(trial_id)
        return ids

    def enqueue(self, trial_id: str) -> None:
        token = self.trials[trial_id].token
        self.live.project(trial_id, token, SWEEP, epoch="world")
        self.queue.enqueue(SWEEP, [(trial_id, token)])

    def end_sweep(self, state: str = "finished") -> None:
        self.state = state
        self.live.set_sweep_state(SWEEP, state)
        for beat in self.live.agents(SWEEP):
            self.live.wake(beat.agent_id)

    def supersede(self, trial_id: str) -> None:
        """What the reaper does with an attempt that it believes lost."""
        with self.lock:
            self.trials[trial_id].token += 1
            self.trials[trial_id].state = "queued"
            self.live.project(trial_id, self.trials[trial_id].token, SWEEP, epoch="world")

    def end_when_all_are_over(self) -> None:
        with self.lock:
            if all(t.state not in ("queued", "running") for t in self.trials.values()):
                self.end_sweep()

    # -- agents -------------------------------------------------------------------------------

    @property
    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "OPENSWEEP_"))}
        path = f"{Path(sys.executable).parent}:{kept.get('PATH', '')}"
        return {
            **kept,
            "PATH": path,
            "PYTHONPATH": str(REPOSITORY),
            "OPENSWEEP_HOME": str(self.folder / "home"),
        }

    @contextmanager
    def agent(self, **settings: Any) -> Iterator[AgentThread]:
        thread = AgentThread(self, settings)
        thread.start()
        try:
            yield thread
        finally:
            if thread.is_alive():
                self.away = False
                self.end_sweep("canceled")
                for attempt in thread.agent.running():
                    attempt.fence()
            thread.join(30)
            thread.client.close()
        assert not thread.is_alive()

    def start_process(self, **settings: Any) -> subprocess.Popen[str]:
        """An agent in a process of its own; prints one event a line, then its summary."""
        return subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("agent_process.py")), self.url, SWEEP,
             json.dumps(settings)],
            env=self.environ,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip


class AgentThread(threading.Thread):
    """An agent in this process; signals need one of its own (World.start_process)."""

    def __init__(self, world: World, settings: dict[str, Any]) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.summary: Summary | None = None
        self.error: Exception | None = None
        self.client = Client(world.url, "key")
        environ = {**world.environ, **settings.pop("environ", {})}
        self.agent = Agent(
            self.client,
            SWEEP,
            on_event=self.events.append,
            workdir=world.folder,
            environ=environ,
            gpus="none",
            **settings,
        )

    def run(self) -> None:
        try:
            self.summary = self.agent.run()
        except Exception as error:
            self.error = error

    def finish(self, seconds: float = 60.0) -> Summary:
        self.join(seconds)
        assert not self.is_alive(), "the agent did not end"
        if self.error is not None:
            raise self.error
        assert self.summary is not None
        return self.summary

    def seen(self, kind: type[Event]) -> list[Any]:
        return [event for event in list(self.events) if isinstance(event, kind)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, world: World) -> None:
        self.world = world
        self.sockets: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def break_connections(self) -> None:
        for one in list(self.sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.sockets.add(self.connection)

    def finish(self) -> None:
        self.server.sockets.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        world = self.server.world
        if world.away:
            self.close_connection = True
            return
        path = urlsplit(self.path).path
        if path == "/api/handshake":
            url = world.broker.agent_url(None)
            self._answer({"version": "0", "redis_url": url, "server_id": "server-1"})
        elif path == f"/api/sweeps/{SWEEP}/spec":
            self._answer({"yaml": "", "spec": world.spec, "seed": 1, "origin": {}})
        elif path == f"/api/sweeps/{SWEEP}":
            self._answer({"id": SWEEP, "state": world.state})
        else:
            self._error(404, "NotFoundError", f"nothing at {path}")

    def do_POST(self) -> None:
        world = self.server.world
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if world.away:
            self.close_connection = True
            return
        split = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        with world.lock:
            handler = {
                "/api/agent/start": self._start,
                "/api/agent/chunk": self._chunk,
                "/api/agent/finish": self._finish,
            }.get(split.path)
            if handler is not None:
                handler(world, query, body)
            elif split.path == "/api/blobs/missing" or split.path.endswith("/files"):
                self._answer({"missing": []})  # it has every file already
            else:
                self._about_a_run(world, split.path, json.loads(body))

    def _about_a_run(self, world: World, path: str, said: dict[str, Any]) -> None:
        """POST /api/runs/{id}/describe and /api/runs/{id}/alerts."""
        _, _, _, run_id, what, *_ = [*path.split("/"), "", "", ""]
        trial = world.trials.get(run_id)
        if trial is None or what not in ("describe", "alerts"):
            return self._error(404, "NotFoundError", f"nothing at {path}")
        if what == "alerts":
            trial.alerts.append(said)
            return self._answer({"state": "kept"})
        if said["writer"] < max(trial.starts, default=0):
            return self._error(409, "Fenced", "a newer attempt has started")
        trial.metadata.update(said.get("metadata") or {})
        self.send_response(204)
        self.end_headers()
        return None

    def _start(self, world: World, _: dict[str, str], body: bytes) -> None:
        asked = json.loads(body)
        trial = world.trials[asked["trial_id"]]
        if asked["token"] != trial.token or trial.state not in ("queued", "running"):
            return self._error(409, "Fenced", "not yours")
        trial.state = "running"
        if asked["token"] not in trial.starts:  # an agent asks again when Redis has forgotten it
            trial.starts.append(asked["token"])
        number = int(asked["trial_id"].rpartition("-")[2])
        self._answer(
            {
                "trial": {
                    "id": asked["trial_id"],
                    "number": number,
                    "config": trial.config,
                    "attempt": asked["token"],
                    "resumed": asked["token"] > 1,
                },
                "sweep_id": SWEEP,
                "metric": world.spec.get("metric"),
            }
        )
        return None

    def _chunk(self, world: World, query: dict[str, str], body: bytes) -> None:
        trial = world.trials[query["run"]]
        if int(query["writer"]) < max(trial.starts, default=0):
            return self._error(409, "Fenced", "a newer attempt has started")
        (length,) = struct.unpack_from("<I", body)
        known = {(c["writer"], c["kind"], c["seq"]) for c in trial.chunks}
        chunk = {
            **{k: int(query[k]) for k in ("writer", "seq", "first", "last", "rows")},
            "kind": query["kind"],
            "objective": body[4 : 4 + length],
            "data": body[4 + length :],
            "at": time.time(),
        }
        if (chunk["writer"], chunk["kind"], chunk["seq"]) not in known:
            trial.chunks.append(chunk)
        self.send_response(204)
        self.end_headers()
        return None

    def _finish(self, world: World, _: dict[str, str], body: bytes) -> None:
        said = json.loads(body)
        trial = world.trials[said["trial_id"]]
        if said["token"] != trial.token:
            return self._error(409, "Fenced", "a newer attempt owns it")
        trial.outcomes.append(said["outcome"])
        trial.summary, trial.finished_at = said["summary"], time.time()
        trial.seconds = said["seconds"]
        trial.metadata.update(said.get("metadata") or {})
        state = said["outcome"]["state"]
        again = state in ("preempted", "lost") and world.retry_preempted
        if state == "finished" and "loss" not in said["summary"] and world.spec.get("metric"):
            state = "failed"
        trial.state = "queued" if again else state
        if again:
            trial.token += 1
            world.enqueue(said["trial_id"])
        self._answer({"state": trial.state, "will_retry": again, **world.score})
        return world.end_when_all_are_over()

    def _answer(self, value: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _error(self, status: int, kind: str, message: str) -> None:
        self._answer({"error": {"kind": kind, "message": message}}, status)
