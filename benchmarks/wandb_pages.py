"""A large project read by W&B's public API: how soon a page of `Api().runs()` is answered.

    python -m benchmarks.wandb_pages [--runs 10000] [--repeat 15] [--database postgresql://…]
                                     [--wandb PYTHON | --no-client]

The server is a process of its own; the questions are those of the newest client, over HTTP. The
runs of the first page were streamed row by row, the others are put into the database. "lazy" is
what the client asks since 0.22, and what is aimed at; "whole" what older ones ask, and newer ones
with lazy=False: config, summary, the names of all that was logged. "first" is the first question
after all that has changed. Where there is an interpreter with the client, the time is taken there,
too: that is mostly its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import urllib3

from benchmarks.ingest import ROOT, server
from benchmarks.runs import fill
from benchmarks.wandb_api import Replayed
from controller.store.store import open_store

AIM_MS = 200.0
PAGE = 50
STREAMED_ROWS = 200
_KEY_NAMES = "name displayName state group jobType commit readOnly createdAt heartbeatAt"
_LAZY = (
    f"id tags {_KEY_NAMES} sweepName description notes historyLineCount user {{ name username }}"
)
_WHOLE = f"{_LAZY} config systemMetrics summaryMetrics historyKeys"
_RUNS = """query Runs($project: String!, $entity: String!, $cursor: String, $perPage: Int = 50,
    $order: String, $filters: JSONString) {
  project(name: $project, entityName: $entity) { internalId runCount(filters: $filters) readOnly
    runs(filters: $filters, after: $cursor, first: $perPage, order: $order) {
      edges { node { projectId ...F } cursor } pageInfo { endCursor hasNextPage } } } }
fragment F on Run { %s }"""
FILTERS = {"$and": [{"state": "finished"}, {"config.lr": {"$lt": 0.99}}]}

REAL = """
import time, wandb
api = wandb.Api()
took = []
for _ in range(5):
    began = time.perf_counter()
    runs = api.runs("opensweep/p", per_page=50)
    assert len(runs[0:50]) == 50
    took.append(time.perf_counter() - began)
    api.flush()
print("TOOK", 1000 * sorted(took)[2])
"""


def ask(pool: urllib3.PoolManager, url: str, fields: str, **variables: Any) -> dict[str, Any]:
    """The connection of runs that is answered."""
    given = {"project": "p", "entity": "opensweep", "perPage": PAGE, **variables}
    body = json.dumps({"query": _RUNS % fields, "variables": given})
    answer = pool.request("POST", f"{url}/graphql", body=body)
    said = json.loads(answer.data)
    assert answer.status == 200, said
    assert "errors" not in said, said
    found: dict[str, Any] = said["data"]["project"]["runs"]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments(argv)
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), args.database) as (own, pid):
        home = Path(folder) / "server"
        key = (home / "api_key").read_text().strip()
        for n in range(PAGE):
            client = Replayed(own.url, key, f"streamed{n}", project="p")
            client.post(client.ready(STREAMED_ROWS))
        with open_store(args.database or f"sqlite:///{home}/opensweep.db") as store:
            fill(store, args.runs - PAGE, args.metrics)
        took = measure(own.url, key, pid, args)
        if not args.no_client:
            _real(own.url, key, args)
    return int(took > AIM_MS)


def measure(url: str, key: str, pid: psutil.Process, args: argparse.Namespace) -> float:
    """Prints the figures; returns the slowest of the first pages, in milliseconds."""
    headers = urllib3.make_headers(basic_auth=f"api:{key}")
    pool = urllib3.PoolManager(maxsize=1, headers={**headers, "Content-Type": "application/json"})

    def timed(what: str, repeat: int, fields: str, **variables: Any) -> float:
        took, before = [], sum(pid.cpu_times()[:2])
        for _ in range(repeat):
            began = time.perf_counter()
            found = ask(pool, url, fields, **variables)
            took.append(1000 * (time.perf_counter() - began))
            assert len(found["edges"]) == variables.get("perPage", PAGE), what
        median = statistics.median(took)
        cpu = 1000 * (sum(pid.cpu_times()[:2]) - before) / repeat
        print(f"  {what:<48} {median:8.1f} ms, of the server's CPU {cpu:6.1f} ms", flush=True)
        return median

    print(f"{args.runs:,} runs x {args.metrics} metrics, pages of {PAGE}")
    timed("first", 1, _LAZY)
    names = [edge["node"]["name"] for edge in ask(pool, url, _LAZY)["edges"]]
    assert sorted(names) == sorted(f"streamed{n}" for n in range(PAGE)), names
    filtered = {"order": "-created_at", "filters": json.dumps(FILTERS)}
    aimed = [
        timed("the first page, lazy", args.repeat, _LAZY),
        timed("the newest first, filtered, lazy", args.repeat, _LAZY, **filtered),
        timed("by a metric, whole", args.repeat, _WHOLE, order="-summary_metrics.metric3"),
    ]
    timed("the first page, whole", args.repeat, _WHOLE)
    timed("the last page, lazy", args.repeat, _LAZY, cursor=str(args.runs - PAGE))
    timed("500 at once, whole", 1, _WHOLE, perPage=500)
    return max(aimed)


def _real(url: str, key: str, args: argparse.Namespace) -> None:
    python = args.wandb or next(iter(sorted(ROOT.glob(".venv-wandb/0.3*/bin/python"))), None)
    if python is None:
        print("  the real client: left out, no interpreter has it (--wandb PYTHON)")
        return
    env = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    env |= {"WANDB_BASE_URL": url, "WANDB_API_KEY": key, "WANDB_ERROR_REPORTING": "false"}
    done = subprocess.run(
        [str(python), "-c", REAL], env=env, check=True, capture_output=True, text=True
    )
    print(
        f"  {'Api().runs()[0:50] in the real client':<58} {float(done.stdout.split()[-1]):8.1f} ms"
    )


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--metrics", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--database")
    parser.add_argument("--wandb", metavar="PYTHON")
    parser.add_argument("--no-client", action="store_true")
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
