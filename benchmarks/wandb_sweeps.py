"""Agents of W&B's client, replayed: a grid through many of them, each point exactly once.

What `wandb agent` and its scripts send goes to a real server over HTTP, in the same order and in
the same words, without their processes and their pauses (the real agent waits five seconds between
two questions). Some answers are thrown away and asked for again, as after a broken connection.
`python -m benchmarks wandb_sweeps`.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3

from opensweep.local import Settings, start_server, stop_server
from sweeps.protocol.client import Client

POINTS, AGENTS = 1000, 50
SECONDS = 120.0
"""The real agents would need POINTS / AGENTS · 5 s = 100 s for their pauses alone."""
LOST = 0.05
"""The share of heartbeats whose answer is thrown away."""
KEY = "0123456789abcdef0123456789abcdef01234567"

_CREATE = """mutation CreateAgent($host: String!, $project: String, $entity: String,
    $sweep: String!) {
  createAgent(input: {host: $host, projectName: $project, entityName: $entity, sweep: $sweep}) {
    agent { id } } }"""
_BEAT = """mutation Heartbeat($id: ID!, $metrics: JSONString, $runState: JSONString) {
  agentHeartbeat(input: {id: $id, metrics: $metrics, runState: $runState}) {
    agent { id } commands } }"""
_BEGIN = """mutation UpsertBucket($name: String, $project: String, $entity: String,
    $config: JSONString, $host: String, $program: String, $sweep: String) {
  upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, config: $config,
      host: $host, jobProgram: $program, sweep: $sweep}) {
    bucket { id name sweepName project { name entity { name } } historyLineCount } inserted } }"""


class Door:
    """What a client of W&B's sends to a server."""

    def __init__(self, url: str, key: str, connections: int = 1, timeout_s: float = 60) -> None:
        self._url, self._timeout_s = url, timeout_s
        self._pool = urllib3.PoolManager(maxsize=connections, block=True)
        headers = urllib3.make_headers(basic_auth=f"api:{key}")
        self._headers = {**headers, "Content-Type": "application/json"}

    def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """(status, answer)."""
        answer = self._pool.request(
            "POST",
            self._url + path,
            body=json.dumps(body),
            headers=self._headers,
            timeout=self._timeout_s,
        )
        return answer.status, json.loads(answer.data or b"{}")

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL answer. Raises RuntimeError for errors."""
        status, answer = self.post("/graphql", {"query": query, "variables": variables})
        if status != 200 or answer.get("errors"):
            raise RuntimeError(f"{status}: {answer.get('errors') or answer}")
        data: dict[str, Any] = answer["data"]
        return data


class ReplayedScript:
    """One run as a script records it.

    Args:
        name: as its agent was told.
    """

    def __init__(self, door: Door, sweep: str, name: str, host: str = "replayed") -> None:
        self._door, self._sent = door, 0
        config = {"_wandb": {"value": {"cli_version": "0.31.0"}}}
        begun = door.ask(
            _BEGIN,
            name=name,
            sweep=sweep,
            host=host,
            program="train.py",
            config=json.dumps(config),
        )["upsertBucket"]["bucket"]
        project = begun["project"]
        self.path = f"/files/{project['entity']['name']}/{project['name']}/{begun['name']}"

    def log(self, *rows: Mapping[str, Any]) -> bool:
        """Sends rows; whether the script is to end."""
        lines = [json.dumps({"_step": self._sent + n, **row}) for n, row in enumerate(rows)]
        files = {"wandb-history.jsonl": {"offset": self._sent, "content": lines}}
        self._sent += len(lines)
        return self.stream({"files": files})

    def end(self, exit_code: int = 0) -> None:
        self.stream({"complete": True, "exitcode": exit_code})

    def stream(self, body: Mapping[str, Any]) -> bool:
        """One file_stream post; whether the script is to end. Raises RuntimeError."""
        status, answer = self._door.post(f"{self.path}/file_stream", body)
        if status != 200:
            raise RuntimeError(f"{status}: {answer}")
        return bool(answer.get("stopped"))


class ReplayedAgent:
    """One agent's words."""

    def __init__(self, door: Door, sweep: str, host: str = "replayed") -> None:
        self.door, self.sweep = door, sweep
        created = door.ask(_CREATE, host=host, project=None, entity=None, sweep=sweep)
        self.id: str = created["createAgent"]["agent"]["id"]

    def beat(self, *running: str) -> dict[str, Any] | None:
        """Says what runs; the command that is answered, if any."""
        state = json.dumps(dict.fromkeys(running, True))
        data = self.door.ask(_BEAT, id=self.id, metrics="{}", runState=state)
        commands = json.loads(data["agentHeartbeat"]["commands"])
        return commands[0] if commands else None


class _Worker(threading.Thread):
    """Runs trials until it is told to exit; the metric is a function of the parameter."""

    def __init__(self, door: Door, sweep: str, tried: Counter[int], times: list[float]) -> None:
        super().__init__(daemon=True)
        self._agent = ReplayedAgent(door, sweep)
        self._tried, self._times = tried, times
        self._rng = random.Random(id(self))
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            while (command := self._next())["type"] != "exit":
                x = command["args"]["x"]["value"]
                self._tried[x] += 1
                script = ReplayedScript(self._agent.door, self._agent.sweep, command["run_id"])
                self._agent.beat(command["run_id"])
                script.log({"loss": float(x)})
                script.end()
        except Exception as error:
            self.failure = error

    def _next(self) -> dict[str, Any]:
        while True:
            began = time.perf_counter()
            command = self._agent.beat()
            if command is not None and command["type"] == "run":
                self._times.append(time.perf_counter() - began)
                if self._rng.random() < LOST:
                    again = self._agent.beat()
                    if again != command:
                        raise RuntimeError(f"told to run {command}, and then {again}")
            if command is not None:
                return command


def replay(url: str, key: str, points: int, agents: int) -> dict[str, float]:
    """Runs a grid of `points` through `agents`; {"seconds", "p50_ms", "p99_ms"} of it all, and of
    the answer to a question for a trial. Raises AssertionError when a point was not tried once."""
    sweep_file = (
        "program: train.py\nmethod: grid\nmetric: {name: loss}\nparameters:\n"
        f"  x: {{distribution: int_uniform, min: 1, max: {points}}}\n"
    )
    client = Client(url, key)
    sweep = client.create_sweep(sweep_file)["id"]
    tried: Counter[int] = Counter()
    times: list[float] = []
    door = Door(url, key, agents)
    began = time.perf_counter()
    workers = [_Worker(door, sweep, tried, times) for _ in range(agents)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    failures = [worker.failure for worker in workers if worker.failure]
    assert not failures, failures
    assert tried == dict.fromkeys(range(1, points + 1), 1), "not each point once"
    trials = client.trials(sweep)
    assert len(trials) == points
    assert {trial["state"] for trial in trials} == {"finished"}
    assert all(trial["objective"] == trial["config"]["x"] for trial in trials)
    assert client.sweep(sweep)["state"] == "finished"
    quantiles = statistics.quantiles(times, n=100)
    return {
        "seconds": seconds,
        "p50_ms": 1000 * statistics.median(times),
        "p99_ms": 1000 * quantiles[98],
    }


def main(points: int = POINTS, agents: int = AGENTS) -> float:
    """Prints the figures; returns the seconds that all of it took."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", key=KEY)
        url = start_server(settings, port=0)
        try:
            figures = replay(url, KEY, points, agents)
        finally:
            stop_server(settings)
    print(
        f"grid of {points} points, {agents} agents: each once, {figures['seconds']:.1f} s; a trial"
        f" is answered after {figures['p50_ms']:.0f} ms (p99 {figures['p99_ms']:.0f} ms)"
    )
    return figures["seconds"]


if __name__ == "__main__":
    sys.exit(main() > SECONDS)
