"""From log() to the API: a script that logs at a steady pace, the agent's shipper, a real server.

    python -m benchmarks.ingest [--seconds 60] [--shapes 1,10,100] [--rate 1000000]
                                [--database postgresql://…] [--fresh | --outage]

Every process is real: the logger in a script of its own, the shipper in this one, the server with
its store. For each shape (metrics a call) the script logs `--rate` metrics a second for `--seconds`
(sleeping in between; where it cannot keep the pace, what it did is shown). Values are smooth curves
with noise, rounded to single precision as training frameworks give them; `--doubles` keeps all 53
bits. Freshness is the time from each log() to the moment when the API first counts its row, looked
at 20 times a second. At the end everything is read back and compared. `--fresh`: 10 runs with 10
calls of 3 metrics a second each, without an objective: the freshness of an ordinary day.
`--outage`: the script logs as fast as it can, and only then is its run sent.

Bytes a value: the raw record file, the same once packed, and what the database grew by.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from agent.columnar import ColumnReader
from agent.compact import compact_all
from agent.packing import columns_of
from agent.shipper import Shipper
from logging_core.folder import RunFolder
from sweeps.errors import OpensweepError
from sweeps.protocol.client import Client

ROOT = Path(__file__).resolve().parent.parent
AIM = 1_000_000
AIM_POSTGRESQL = 500_000
AIM_FRESH_S = 1.0
AIM_BYTES = 5.0

SCRIPT = """
import math, random, struct, sys, time
import opensweep
metrics, doubles = int(sys.argv[1]), sys.argv[4]
rate, seconds = float(sys.argv[2]), float(sys.argv[3])
single = struct.Struct("<f")
def value(n):
    smooth = 2.0 * math.exp(-n / 4e5) + random.gauss(0, 0.05)
    return smooth if doubles == "1" else single.unpack(single.pack(smooth))[0]
pool = [value(n) for n in range(1 << 20)]
names = [f"train/loss_{m}" if metrics > 1 else "loss" for m in range(metrics)]
run = opensweep.init(mode="offline", settings={"silent": True, "console": "off"})
print(run.dir, flush=True)
sys.stdin.readline()
log, clock = run.log, time.perf_counter
burst = max(1, min(2000, int(rate / metrics / 500)))
began, calls, at, room = clock(), 0, 0, (1 << 20) - burst * (metrics + 1) - metrics
while True:
    if metrics == 1:
        for one in pool[at : at + burst]:
            log({"loss": one})
    else:
        for begin in range(at, at + burst * (metrics + 1), metrics + 1):
            log(dict(zip(names, pool[begin : begin + metrics])))
    at = (at + burst * (metrics + 1)) % room
    calls += burst
    ahead = calls * metrics / rate - (clock() - began)
    if clock() - began > seconds:
        break
    if ahead > 0:
        time.sleep(ahead)
took = clock() - began
run.finish()
print(calls, took, time.process_time(), flush=True)
"""


@dataclass
class Script:
    """A training script that logs, and what is known of its run."""

    process: subprocess.Popen[str]
    folder: RunFolder
    run_id: str
    calls: int = 0
    took: float = 0.0
    cpu: float = 0.0
    visible: list[tuple[float, int]] = field(default_factory=list)


def start_script(home: Path, metrics: int, rate: float, seconds: float, *, doubles: bool) -> Script:
    env = {key: value for key, value in os.environ.items() if not key.startswith("OPENSWEEP_")}
    env |= {"OPENSWEEP_HOME": str(home / "script"), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(metrics), str(rate), str(seconds), str(int(doubles))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        cwd=home,
    )
    assert process.stdout is not None
    folder = RunFolder(Path(process.stdout.readline().strip()).parent)
    return Script(process, folder, str(folder.read_metadata()["run_id"]))


@contextmanager
def server(home: Path, database: str | None) -> Iterator[tuple[Client, psutil.Process]]:
    env = {**os.environ, "OPENSWEEP_HOME": str(home / "server")}
    if database:
        env["OPENSWEEP_DATABASE_URL"] = database
    sweep = str(Path(sys.executable).with_name("sweep"))
    subprocess.run([sweep, "server", "start"], env=env, check=True, stdout=subprocess.DEVNULL)
    try:
        told = json.loads((home / "server" / "server.json").read_text())
        key = (home / "server" / "api_key").read_text().strip()
        with Client(told["url"], key) as client:
            yield client, psutil.Process(int(told["pid"]))
    finally:
        subprocess.run([sweep, "server", "stop"], env=env, check=False, stdout=subprocess.DEVNULL)


class Quiet:
    def server_away(self, error: OpensweepError) -> None:
        print(f"server away: {error}")

    def server_back(self) -> None:
        pass

    def warn(self, message: str) -> None:
        print(f"warning: {message}")


def watch(client: Client, scripts: Sequence[Script], over: threading.Event) -> None:
    """Asks 20 times a second how many steps each run has."""
    while not over.wait(0.05):
        for script in scripts:
            script.visible.append((time.time(), int(client.run(script.run_id)["steps"])))


def carry(client: Client, pid: psutil.Process, scripts: Sequence[Script]) -> dict[str, float]:
    """Lets the scripts run, ships what they log to its end. Returns CPU seconds and the like."""
    for script in scripts:
        client.register_run(script.run_id, script.run_id, name="bench")
    shippers = [Shipper(client, s.folder, s.run_id, 1, None, Quiet()) for s in scripts]
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(client, scripts, over))
    before_server, before_agent = sum(pid.cpu_times()[:2]), time.process_time()
    began = time.time()
    for shipper, script in zip(shippers, scripts, strict=True):
        shipper.start()
        assert script.process.stdin is not None
        script.process.stdin.write("\n")
        script.process.stdin.flush()
    watcher.start()
    for script in scripts:
        assert script.process.stdout is not None
        calls, took, cpu = script.process.stdout.readline().split()
        script.calls, script.took, script.cpu = int(calls), float(took), float(cpu)
        script.process.communicate()
    logged = time.time()
    for shipper in shippers:
        shipper.stop()
        shipper.drain(threading.Event())
    ended = time.time()
    time.sleep(0.2)
    over.set()
    watcher.join()
    for shipper in shippers:
        shipper.finish_errands(threading.Event())
    return {
        "script": sum(script.cpu for script in scripts),
        "agent": time.process_time() - before_agent,
        "server": sum(pid.cpu_times()[:2]) - before_server,
        "seconds": ended - began,
        "late": ended - logged,
    }


def freshness(scripts: Sequence[Script]) -> tuple[float, float]:
    """(median, 95th percentile) of seconds from log() to being counted by the API."""
    lags = []
    for script in scripts:
        times = rows_of(script).times
        seen = 0
        for at, steps in script.visible:
            if steps > seen:
                lags.append(at - times[seen:steps])
                seen = steps
    lag = np.concatenate(lags)
    return float(np.median(lag)), float(np.quantile(lag, 0.95))


def rows_of(script: Script) -> Any:
    reader, at, batches = ColumnReader(script.folder.records(1)), 0, []
    while batch := reader.batch(at, final=True):
        at = batch.end
        batches.append(batch)
    return columns_of(batches)


def read_back(client: Client, script: Script) -> None:
    """All that was logged is there: the count, three stretches, and the extremes of a curve."""
    own = rows_of(script)
    assert len(own) == script.calls
    told = client.run(script.run_id)
    assert told["steps"] == script.calls, (told["steps"], script.calls)
    name = next(iter(own.columns))
    values = own.columns[name].values
    for begin in (0, max(script.calls // 2, 0), max(script.calls - 1000, 0)):
        page, _ = client.rows(script.run_id, [name], first=begin, last=begin + 999)
        assert [row[name] for row in page] == values[begin : begin + 1000].tolist()
    [series] = client.series([script.run_id], [name])
    assert float(np.nanmax(series.y)) == values.max()


def stored_bytes(home: Path, database: str | None) -> int:
    if database is None:
        return sum(f.stat().st_size for f in (home / "server").glob("opensweep.db*"))
    import sqlalchemy

    with sqlalchemy.create_engine(database).connect() as connection:
        return int(
            connection.execute(
                sqlalchemy.text("select pg_database_size(current_database())")
            ).scalar_one()
        )


def settle(home: Path, database: str | None) -> None:
    """Waits, for half a minute at most, until the server has packed what came in."""
    sizes = [0]
    while len(sizes) < 15 and (len(sizes) < 4 or len(set(sizes[-3:])) > 1):
        time.sleep(2.0)
        sizes.append(stored_bytes(home, database))


def sustain(metrics: int, args: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with server(home, args.database) as (client, pid):
            before = stored_bytes(home, args.database)
            script = start_script(home, metrics, args.rate, args.seconds, doubles=args.doubles)
            cost = carry(client, pid, [script])
            median, worst = freshness([script])
            read_back(client, script)
            values = script.calls * metrics
            if args.seconds >= 5:  # else the figure means nothing anyway
                settle(home, args.database)
            stored = (stored_bytes(home, args.database) - before) / values
            records = script.folder.records(1)
            raw = records.stat().st_size / values
            compact_all(script.folder, 1)
            packed = (records.stat().st_size + script.folder.chunks(1).stat().st_size) / values
    rate = values / cost["seconds"]
    print(
        f"{metrics:>7} {values / script.took / 1e6:>9.2f} {rate / 1e6:>9.2f} {cost['late']:>6.2f}"
        f" {median:>7.2f} {worst:>6.2f} {raw:>6.1f} {packed:>7.2f} {stored:>6.2f}"
        f" {cost['script']:>7.1f} {cost['agent']:>6.1f} {cost['server']:>7.1f}",
        flush=True,
    )
    aim = AIM_POSTGRESQL if args.database else AIM
    return rate >= 0.95 * min(aim, args.rate) and packed <= AIM_BYTES


def fresh(args: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with server(home, args.database) as (client, pid):
            scripts = [
                start_script(home, 3, 30.0, min(args.seconds, 20.0), doubles=False)
                for _ in range(10)
            ]
            cost = carry(client, pid, scripts)
            median, worst = freshness(scripts)
    print(
        f"10 runs x 10 calls a second: freshness median {median:.2f} s, p95 {worst:.2f} s; CPU s"
        f" in {cost['seconds']:.0f} s: agent {cost['agent']:.1f}, server {cost['server']:.1f}"
    )
    return worst < AIM_FRESH_S


def catch_up(metrics: int, args: argparse.Namespace) -> None:
    """How fast a run is sent that was logged while the server was away."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with server(home, args.database) as (client, pid):
            script = start_script(home, metrics, 1e9, args.seconds, doubles=args.doubles)
            assert script.process.stdin is not None
            assert script.process.stdout is not None
            script.process.stdin.write("\n")
            script.process.stdin.flush()
            script.calls = int(script.process.stdout.readline().split()[0])
            values = script.calls * metrics
            script.process.communicate()
            client.register_run(script.run_id, script.run_id, name="bench")
            shipper = Shipper(client, script.folder, script.run_id, 1, None, Quiet())
            before_server, before_agent = sum(pid.cpu_times()[:2]), time.process_time()
            began = time.perf_counter()
            shipper.stop()
            shipper.drain(threading.Event())
            took = time.perf_counter() - began
            assert client.run(script.run_id)["steps"] == script.calls
            agent, used = time.process_time() - before_agent, sum(pid.cpu_times()[:2])
    print(
        f"{metrics:>7} metrics a call: {values / 1e6:.1f} M values caught up with at"
        f" {values / took / 1e6:.1f} M/s; CPU s: agent {agent:.1f}, server"
        f" {used - before_server:.1f}",
        flush=True,
    )


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--shapes", default="1,10,100")
    parser.add_argument("--rate", type=float, default=1_000_000.0)
    parser.add_argument("--database")
    parser.add_argument("--doubles", action="store_true")
    parser.add_argument("--fresh", action="store_true", help="only the freshness of ordinary runs")
    parser.add_argument("--outage", action="store_true", help="only: ship after the script's end")
    return parser.parse_args(argv)


def main() -> int:
    args = arguments()
    if args.outage:
        for metrics in map(int, args.shapes.split(",")):
            catch_up(metrics, args)
        return 0
    good = fresh(args)
    if not args.fresh:
        print(
            "metrics   M/s log   M/s API   late  fresh   p95    raw  packed  store"
            "  script  agent  server   (M metrics/s; s; s; bytes a value; CPU s)"
        )
        for metrics in map(int, args.shapes.split(",")):
            good = sustain(metrics, args) and good
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
