"""What clients of W&B stream: how soon a post is answered, and how fast one client may be.

    python -m benchmarks.wandb_api [--seconds 45] [--clients 100] [--database postgresql://…]
                                   [--wandb PYTHON] [--only default,busy,burst,replayed,real]

The server is a process of its own. Replayed clients are threads here, which post the bodies that a
script makes: 10 rows of 5 metrics a second (in the order of names that Go gives, and none is
rounded), a line of system metrics, the summary, console lines of which one is drawn over.

default   100 clients, a post every 15 s each (their own interval)
busy      100 clients, a post a second each
burst     100 clients at the same moment, time after time: until the last has its answer
replayed  one client that logs 10,000 rows a second, and posts what has gathered every 15 s (clients
          split a post at 10 MB)
real      the same by the real client, at the pace that it has (wandb.log() costs its script 100 µs
          and more); PYTHON is an interpreter that has it (or .venv-wandb/<version> is there)

At the end all rows are counted in the store: each once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import urllib3

from benchmarks.ingest import ROOT, server
from sweeps.protocol.client import Client

AIM_P99_S = 0.2
AIM_ROWS = 10_000
INTERVAL_S = 15.0
_POST_BYTES = 10 << 20
_EVENTS = [
    *("memory_percent", "proc.memory.availableMB", "proc.memory.rssMB", "proc.memory.percent"),
    *("proc.cpu.threads", "cpu", "disk./.usageGB", "disk./.usagePercent", "disk.sda.in"),
    *("disk.sda.out", "network.sent", "network.recv", "gpu.0.gpu", "gpu.0.memory", "gpu.0.temp"),
]
_REGISTER = """mutation UpsertBucket($name: String, $project: String, $host: String) {
  upsertBucket(input: {name: $name, modelName: $project, host: $host}) { bucket { name } } }"""

REAL = """
import sys, time, wandb
rate, seconds = float(sys.argv[1]), float(sys.argv[2])
run = wandb.init(project="bench", id="real")
names = [f"train/metric_{m}" for m in range(5)]
began, n = time.perf_counter(), 0
while time.perf_counter() - began < seconds:
    for n in range(n, n + 100):
        run.log({name: 1.0 / (n + 1 + m) for m, name in enumerate(names)})
    n += 1
    ahead = n / rate - (time.perf_counter() - began)
    if ahead > 0:
        time.sleep(ahead)
took = time.perf_counter() - began
run.finish()
print("LOGGED", n, took, time.perf_counter() - began - took, flush=True)
"""


class Replayed:
    """One client: makes its bodies, posts them, and notes how long each answer took."""

    def __init__(self, url: str, key: str, name: str, project: str = "bench") -> None:
        self.name, self.took = name, list[float]()
        self._path = f"/files/opensweep/{project}/{name}/file_stream"
        self._url, self._rows, self._lines = url, 0, 0
        self._headers = urllib3.make_headers(basic_auth=f"api:{key}")
        self._pool = urllib3.PoolManager(maxsize=1, retries=False)
        self._random = random.Random(name)
        variables = {"name": name, "project": project, "host": "box"}
        answer = self._send("/graphql", {"query": _REGISTER, "variables": variables})
        assert answer["data"]["upsertBucket"]["bucket"]["name"] == name, answer

    @property
    def rows(self) -> int:
        return self._rows

    def ready(self, rows: int) -> bytes:
        """A post with so many new rows and all else."""
        now = time.time()
        history = [self._row(n, now) for n in range(self._rows, self._rows + rows)]
        events = {f"system.{name}": self._random.random() * 100 for name in _EVENTS}
        console = [f"2026-11-21T06:46:02.032923 line {self._lines + n}" for n in range(6)]
        files = {
            "wandb-history.jsonl": {"offset": self._rows, "content": history},
            "wandb-events.jsonl": {
                "offset": self._lines // 5,
                "content": [json.dumps({**events, "_timestamp": now, "_wandb": True})],
            },
            "wandb-summary.json": {"offset": 0, "content": history[-1:]},
            "output.log": {"offset": max(0, self._lines - 1), "content": console},
        }
        self._rows, self._lines = self._rows + rows, self._lines + 5
        return json.dumps({"files": files}).encode()

    def post(self, body: bytes) -> float:
        began = time.perf_counter()
        answer = self._send(self._path, body)
        assert answer == {}, answer
        self.took.append(time.perf_counter() - began)
        return self.took[-1]

    def _row(self, n: int, now: float) -> str:
        values = {f"train/metric_{m}": self._random.gauss(0.0, 1.0) for m in range(5)}
        named = [*values.items(), ("_step", n), ("_timestamp", now), ("_runtime", n / 10)]
        self._random.shuffle(named)
        return json.dumps(dict(named))

    def _send(self, path: str, body: Any) -> Any:
        body = body if isinstance(body, bytes) else json.dumps(body)
        answer = self._pool.request("POST", self._url + path, body=body, headers=self._headers)
        assert answer.status == 200, (answer.status, answer.data[:300])
        return json.loads(answer.data)


def crowd(clients: Sequence[Replayed], interval_s: float, seconds: float) -> None:
    """Each posts once an interval, all spread over it."""
    rows = max(1, int(10 * interval_s))
    over = time.perf_counter() + seconds

    def work(place: int, client: Replayed) -> None:
        due = time.perf_counter() + interval_s * place / len(clients)
        while due < over:
            body = client.ready(rows)
            time.sleep(max(0.0, due - time.perf_counter()))
            client.post(body)
            due += interval_s

    _all(clients, work)


def bursts(clients: Sequence[Replayed], count: int) -> None:
    gate = threading.Barrier(len(clients))

    def work(_: int, client: Replayed) -> None:
        for _ in range(count):
            body = client.ready(int(10 * INTERVAL_S))
            gate.wait()
            client.post(body)

    _all(clients, work)


def _all(clients: Sequence[Replayed], work: Any) -> None:
    threads = [threading.Thread(target=work, args=each) for each in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def fast(client: Replayed, seconds: float) -> tuple[float, float]:
    """(rows a second that were answered, seconds that the last post came late)."""
    # Made before: one Python cannot make them and be the client too.
    posts: list[list[bytes]] = []
    for _ in range(max(1, round(seconds / INTERVAL_S))):
        one = client.ready(1000)
        posts.append([one, *_split(client, int(AIM_ROWS * INTERVAL_S) - 1000, len(one) / 1000)])
    began = time.perf_counter()
    late = 0.0
    for number, parts in enumerate(posts, 1):
        due = began + number * INTERVAL_S
        time.sleep(max(0.0, due - time.perf_counter()))
        for body in parts:
            client.post(body)
        late = time.perf_counter() - due
    return client.rows / (time.perf_counter() - began), late


def _split(client: Replayed, rows: int, row_bytes: float) -> list[bytes]:
    most = int(_POST_BYTES / row_bytes)
    return [client.ready(min(most, rows - begin)) for begin in range(0, rows, most)]


def report(
    name: str, clients: Sequence[Replayed], pid: psutil.Process, cpu: float, seconds: float
) -> float:
    took = sorted(one for client in clients for one in client.took)
    p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
    used = sum(pid.cpu_times()[:2]) - cpu
    print(
        f"{name:<9} {len(took):>6} posts, {len(took) / seconds:>6.1f} a second: answered after"
        f" {1e3 * statistics.median(took):.1f} ms (median), {1e3 * p99:.1f} ms (p99),"
        f" {1e3 * took[-1]:.1f} ms (last); CPU of the server {100 * used / seconds:.0f} %",
        flush=True,
    )
    return p99


def counted(client: Client, name: str, rows: int) -> None:
    """Each row is there, once."""
    expected, after = 0, None
    while True:
        page, after = client.rows(name, ["train/metric_0"], after=after, limit=10_000)
        steps = [row["_step"] for row in page]
        assert steps == list(range(expected, expected + len(steps))), (name, expected)
        expected += len(steps)
        if after is None:
            break
    assert expected == rows, (name, expected, rows)


def replay(args: argparse.Namespace, name: str) -> bool:
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), args.database) as (own, pid):
        key = (Path(folder) / "server" / "api_key").read_text().strip()
        count = 1 if name == "replayed" else args.clients
        clients = [Replayed(own.url, key, f"{name}-{n}") for n in range(count)]
        cpu, began = sum(pid.cpu_times()[:2]), time.perf_counter()
        late = rate = 0.0
        if name == "default":
            crowd(clients, INTERVAL_S, args.seconds)
        elif name == "busy":
            crowd(clients, 1.0, min(args.seconds, 20.0))
        elif name == "burst":
            bursts(clients, 5)
        else:
            rate, late = fast(clients[0], args.seconds)
        p99 = report(name, clients, pid, cpu, time.perf_counter() - began)
        for each in clients:
            counted(own, each.name, each.rows)
    if name == "replayed":
        print(f"          {rate:,.0f} rows a second; the last were there {late:.1f} s after due")
        return late < INTERVAL_S / 2
    return name == "burst" or p99 < AIM_P99_S


def real(args: argparse.Namespace) -> bool:
    python = args.wandb or next(iter(sorted(ROOT.glob(".venv-wandb/0.3*/bin/python"))), None)
    if python is None:
        print("real      left out: no interpreter with the client (--wandb PYTHON)")
        return True
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), args.database) as (own, pid):
        env = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        env |= {
            "WANDB_BASE_URL": own.url,
            "WANDB_API_KEY": (Path(folder) / "server" / "api_key").read_text().strip(),
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_SILENT": "true",
            "PYTHONPATH": "",
        }
        cpu = sum(pid.cpu_times()[:2])
        said = subprocess.run(
            [str(python), "-c", REAL, str(AIM_ROWS), str(args.seconds)],
            env=env,
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        count, took, finishing = said.split("LOGGED ")[1].split()
        used = sum(pid.cpu_times()[:2]) - cpu
        counted(own, "real", int(count))
    print(
        f"real      {int(count):,} rows at {int(count) / float(took):,.0f} a second; finish() took"
        f" {float(finishing):.1f} s, all are there; CPU of the server"
        f" {100 * used / (float(took) + float(finishing)):.0f} %"
    )
    return float(finishing) < INTERVAL_S


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--database")
    parser.add_argument("--wandb", metavar="PYTHON")
    parser.add_argument("--only", default="default,busy,burst,replayed,real")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments(argv)
    good = True
    for name in args.only.split(","):
        good = (real(args) if name == "real" else replay(args, name)) and good
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
