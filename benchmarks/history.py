"""What runs log: taken in, packed, and read back for charts.

    python -m benchmarks.history                    SQLite in a temporary folder
    python -m benchmarks.history postgresql://…     an empty database that may be filled

Taken in: small chunks (20 rows of 10 metrics) and larger ones (100 rows of 50), each answered after
a commit that survives a power cut: by one thread, by eight, and over HTTP by 50 clients that live
in a process of their own. Read: one metric of a run of a million points, thinned to 1,000 for a
chart, its extremes kept; cold (nothing unpacked in the store's memory), warm, and again after a new
chunk has come; windows of it; and an overlay of 100 runs of 2,000 points each. The same for a run a
hundredth as long: a chart's cost must not grow with what is stored. Values are decaying curves with
noise, in single precision, as training frameworks give them; bytes a value are those of the packed
segments, levels of detail and steps and times included.
"""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import uvloop
from sqlalchemy import func, select

from controller.store import Chunk, ChunkKind, NewRun, Store, open_store
from controller.store.cache import Cache
from controller.store.drawing import STEP, SeriesQuery
from controller.store.packer import Due
from controller.store.packing import AXIS
from controller.store.schema import segments
from controller.store.store import CACHE_BYTES
from controller.store.streams import StreamName
from sweeps.protocol.chunks import encode_columns
from sweeps.protocol.columns import Column, Columns

POINTS = 1_000_000
METRICS = 10
CHUNK_ROWS = 10_000
OVERLAY = 100
KEY = "benchmark-key"
SMALL = (20, 10)
LARGE = (100, 50)

AIMS = {
    "http small chunks/s": 5_000.0,
    "http large values/s": 20e6,
    "long whole cold ms": -10.0,
    "long whole warm ms": -2.0,
    "long window cold ms": -10.0,
    "overlay ms": -200.0,
    "bytes a value": -5.0,
}
"""At least so much; below zero: at most."""


def rows_of(begin: int, end: int, metrics: int = METRICS, seed: int = 0) -> Columns:
    steps = np.arange(begin, end)
    noise = np.random.default_rng([seed, begin])
    columns = {
        f"m{metric}": Column(
            (np.exp(-steps / 3e5) + 0.1 * noise.normal(size=len(steps)))
            .astype(np.float32)
            .astype(np.float64)
        )
        for metric in range(metrics)
    }
    times = 1.7e9 + 0.01 * steps + noise.random(len(steps)) * 1e-4
    return Columns(steps, times, columns)


def chunk_of(run: str, seq: int, columns: Columns, data: bytes | None = None) -> Chunk:
    first, last = int(columns.steps[0]), int(columns.steps[-1])
    data = encode_columns(columns) if data is None else data
    return Chunk(run, 1, ChunkKind.HISTORY, seq, first, last, len(columns), data)


def main(url: str, points: int = POINTS, requests: int = 20_000) -> dict[str, float]:
    """Prints the table; returns the figures by name (milliseconds, per second, bytes)."""
    figures = _over_http(url, requests)
    with open_store(url) as store:
        figures |= _ingest(store, requests // 4)
        for name, size in (("short", max(points // 100, 2000)), ("long", points)):
            _fill(store, name, size, CHUNK_ROWS)
        for number in range(OVERLAY):
            _fill(store, f"over{number}", 2000, 500, metrics=1, seed=number)
        figures |= _pack(store, points)
        for name, size in (("short", max(points // 100, 2000)), ("long", points)):
            figures |= _look(store, name, size)
        figures |= _overlay(store)
    for name, value in figures.items():
        aim = AIMS.get(name)
        wanted = "" if aim is None else f"   {'at most' if aim < 0 else 'at least'} {abs(aim):,.0f}"
        print(f"{name:28}{value:16,.2f}{wanted}")
    return figures


def missed(figures: dict[str, float], url: str) -> list[str]:
    """The figures that are short of what was aimed at; requests a second are SQLite's alone."""
    aims = {n: a for n, a in AIMS.items() if url.startswith("sqlite") or not n.startswith("http")}
    return [n for n, aim in aims.items() if (figures[n] > -aim if aim < 0 else figures[n] < aim)]


# -- in ---------------------------------------------------------------------------------------


def _ingest(store: Store, count: int) -> dict[str, float]:
    figures = {}
    columns = rows_of(0, SMALL[0], SMALL[1])
    data = encode_columns(columns)
    for threads in (1, 8):
        runs = [f"in{threads}-{number}" for number in range(threads)]
        for run in runs:
            store.register_run(NewRun(run, uid=run))
        each = count // threads

        def send(run: str, each: int = each) -> None:
            for seq in range(each):
                store.add_chunk(chunk_of(run, seq, columns, data))

        begin = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(send, runs))
        rate = threads * each / (time.perf_counter() - begin)
        figures[f"{threads} thread{'s' * (threads > 1)} small chunks/s"] = rate
    return figures


def _over_http(url: str, count: int) -> dict[str, float]:
    """The server in a process of its own, the clients in this one."""
    figures = {}
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(url, theirs), daemon=True)
    server.start()
    try:
        port = ours.recv()
        for name, (rows, metrics) in (("small", SMALL), ("large", LARGE)):
            data = encode_columns(rows_of(0, rows, metrics))
            took = uvloop.run(_clients(port, name, rows, data, count))
            figures[f"http {name} chunks/s"] = len(took[1]) / took[0]
            figures[f"http {name} values/s"] = len(took[1]) * rows * metrics / took[0]
            figures[f"http {name} p99 ms"] = 1000 * float(np.quantile(took[1], 0.99))
    finally:
        server.terminate()
        server.join()
    return figures


async def _clients(
    port: int, name: str, rows: int, data: bytes, count: int, clients: int = 50
) -> tuple[float, list[float]]:
    """(seconds in all, seconds of each request)."""
    took: list[float] = []
    body = struct.pack("<I", 0) + data

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for seq in range(count // clients):
            first = seq * rows
            head = (
                f"POST /api/agent/chunk?run={name}{number}&writer=1&kind=history&seq={seq}"
                f"&first={first}&last={first + rows - 1}&rows={rows} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            begin = time.perf_counter()
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            took.append(time.perf_counter() - begin)
            if b" 204 " not in answer:
                raise RuntimeError(answer.decode())
        writer.close()

    begin = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    return time.perf_counter() - begin, took


class _Nobody:
    """Stands in for loop, Redis and broker, which chunks without objective never need."""

    conflict: str | None = None

    def wake(self) -> None: ...

    def agents(self, _sweep: str | None = None) -> list[Any]:
        return []

    def agent_url(self, _host: str | None) -> str:
        return ""


def _serve(url: str, pipe: Connection) -> None:
    from controller.server.process import make_http
    from controller.server.services import Services

    nobody: Any = _Nobody()
    with open_store(url) as store, socket.socket() as listener:
        for name in ("small", "large"):
            for number in range(50):
                store.register_run(NewRun(f"{name}{number}", uid="u"))
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        port = listener.getsockname()[1]
        found = Services(
            store=store,
            live=nobody,
            loop=nobody,
            broker=nobody,
            key=KEY,
            server_id="benchmark",
            version="0",
        )
        make_http(found, lambda: pipe.send(port)).run(sockets=[listener])


# -- packed -----------------------------------------------------------------------------------


def _fill(store: Store, run: str, points: int, rows: int, **kind: int) -> None:
    store.register_run(NewRun(run, uid=run))
    for seq, begin in enumerate(range(0, points, rows)):
        store.add_chunk(chunk_of(run, seq, rows_of(begin, min(begin + rows, points), **kind)))
    store.end_run(run, 1, 0)


def _pack(store: Store, points: int) -> dict[str, float]:
    due = Due(StreamName("long", ChunkKind.HISTORY, 1, ""), over=True)
    begin = time.perf_counter()
    while store.pack_stream(due):
        pass
    took = time.perf_counter() - begin
    for run in ("short", *(f"over{number}" for number in range(OVERLAY))):
        store.pack_stream(replace(due, name=due.name._replace(run_id=run)))
    mine = segments.c.run_id == "long"
    size = sum(
        func.coalesce(func.sum(func.length(segments.c[name])), 0)
        for name in ("data", "fine", "coarse")
    )
    with store._db.read() as connection:
        values = select(func.sum(segments.c.rows)).where(mine, segments.c.key != AXIS)
        count = int(connection.scalar(values) or 0)
        held = int(connection.scalar(select(size).where(mine)) or 0)
    if count != points * METRICS:
        raise RuntimeError(f"{count} values are packed, not {points * METRICS}")
    return {"packed values/s": count / took, "bytes a value": held / count}


# -- out --------------------------------------------------------------------------------------


def _look(store: Store, run: str, points: int) -> dict[str, float]:
    """Cold, warm, and after a new chunk, of a whole run; cold, of windows."""
    whole = SeriesQuery(("m3",), STEP)
    figures = {f"{run} whole cold ms": _milliseconds(lambda: store.series([run], whole), store)}
    store.series([run], whole)
    figures[f"{run} whole warm ms"] = _milliseconds(lambda: store.series([run], whole))
    seq = -(-points // CHUNK_ROWS)
    news = []
    for number in range(5):
        begin = points + 100 * number
        store.add_chunk(chunk_of(run, seq + number, rows_of(begin, begin + 100)))
        news.append(_milliseconds(lambda: store.series([run], whole), times=1))
    figures[f"{run} whole, new chunk ms"] = statistics.median(news)
    for name, width in (("window", 0.4), ("close", 0.003)):
        low, high = 0.31 * points, (0.31 + width) * points
        look = functools.partial(store.series, [run], SeriesQuery(("m3",), STEP, low, high))
        figures[f"{run} {name} cold ms"] = _milliseconds(look, store)
    return figures


def _overlay(store: Store) -> dict[str, float]:
    runs = [f"over{number}" for number in range(OVERLAY)]
    query = SeriesQuery(("m0",), STEP, points=2000)
    series = store.series(runs, query)
    if [len(each.x) for each in series] != [2000] * OVERLAY:
        raise RuntimeError("the overlay is not whole")
    return {
        "overlay ms": _milliseconds(lambda: store.series(runs, query), store),
        "overlay warm ms": _milliseconds(lambda: store.series(runs, query)),
    }


def _milliseconds(call: Callable[[], object], cold: Store | None = None, times: int = 7) -> float:
    """The median; with the store's memory emptied before each, if that is given."""
    took = []
    for _ in range(times):
        if cold is not None:
            cold._cache = Cache(CACHE_BYTES)
        begin = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - begin))
    return statistics.median(took)


if __name__ == "__main__":
    size = int(os.environ.get("POINTS", str(POINTS)))
    with tempfile.TemporaryDirectory() as folder:
        where = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/bench.db"
        short = missed(main(where, size), where)
    raise SystemExit(f"short of what was aimed at: {', '.join(short)}" if short else 0)
