"""Last values of many metrics over many runs, filtered and sorted: what a project page asks for.

    python -m benchmarks.runs [--runs 10000] [--metrics 50] [--database URL]

Fills a database with runs (SQLite in a temporary folder, or PostgreSQL by its address), then asks
for all runs with all metrics, for a page of them, and once more after 100 runs have changed.
"first" is the first question after a start: it reads and parses every run.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable

from sqlalchemy import insert

from controller.server.runs_api import answer
from controller.store.run_fields import run_field
from controller.store.run_filters import parse_filters, parse_order
from controller.store.run_index import RunQuery, Scope
from controller.store.schema import runs
from controller.store.store import Store, open_store

AIM_MS = 150.0  # for all of it

FILTERS = """{"$and": [{"state": "finished"}, {"summary_metrics.metric7": {"$gt": 0.1}},
             {"config.lr": {"$lt": 0.99}}]}"""


def fill(store: Store, count: int, metrics: int) -> None:
    now = time.time()
    for start in range(0, count, 500):
        rows = [
            {
                "id": f"run{n}",
                "project": "p",
                "local_id": f"run{n}",
                "name": f"run number {n}",
                "state": "finished",
                "writer": 1,
                "steps": 1000,
                "created": now + n * 1e-3,
                "started": now,
                "ended": now + 100,
                "heard": now,
                "updated": now,
                "metadata": {"tags": ["a"], "group": f"g{n % 7}"},
                "config": {"lr": random.random(), "layers": n % 9, "optimizer": {"name": "adam"}},
                "summary": {f"metric{m}": random.random() for m in range(metrics)},
            }
            for n in range(start, min(start + 500, count))
        ]
        with store._db.write() as connection:
            connection.execute(insert(runs), rows)


def timed(what: str, work: Callable[[], object], repeat: int = 7) -> float:
    """Prints and returns the median, in milliseconds."""
    seconds = []
    for _ in range(repeat):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    median = 1000 * statistics.median(seconds)
    print(f"  {what:<58} {median:8.1f} ms")
    return median


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--metrics", type=int, default=50)
    parser.add_argument("--database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.database or f"sqlite:///{folder}/runs.db"
        with open_store(url) as store:
            return int(measure(store, options.runs, options.metrics) > AIM_MS)


def measure(store: Store, count: int, metrics: int) -> float:
    """Prints the figures; returns the milliseconds that all of it takes."""
    fill(store, count, metrics)
    names = [f"summary.metric{m}" for m in range(metrics)]

    def ask(limit: int | None) -> bytes:
        query = RunQuery(
            Scope("p"),
            parse_filters(FILTERS),
            orders=parse_order("-summary_metrics.metric3,+created_at"),
            columns=[run_field(name) for name in names],
            limit=limit,
        )
        return bytes(answer(store, query, names).body)

    print(f"{count} runs x {metrics} metrics, filtered by three conditions, sorted by one metric")
    timed("first", lambda: ask(None), repeat=1)
    print(f"  {'the answer':<58} {len(ask(None)) / 1e6:8.1f} MB")
    whole = timed("all of it", lambda: ask(None))
    timed("a page of 100", lambda: ask(100))

    def change() -> bytes:
        for n in range(100):
            store.describe_run(f"run{n}", 1, summary={f"metric{m}": 0.5 for m in range(metrics)})
        return b""

    change()
    timed("all of it, 100 runs having changed", lambda: ask(None), repeat=1)
    timed("a name searched for", lambda: store.find_runs(RunQuery(Scope("p"), search="number 77")))
    everything = RunQuery(Scope("p"), limit=50)
    timed("50 runs whole", lambda: answer(store, everything, None))
    return whole


if __name__ == "__main__":
    raise SystemExit(main())
