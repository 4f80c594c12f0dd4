"""What the embedded logger costs a training script: import, init(), log(), finish(), disk.

    python benchmarks/logger.py [--calls 30000] [--repeat 5] [--json]

Every repeat is a fresh interpreter with a run folder of its own; shown are medians over repeats
(of each repeat's median and 99th percentile for log()). Times are wall clock.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHILD = """
import json, sys, time
clock = time.perf_counter
start = clock()
import opensweep
imported = clock()
opensweep.init
loaded = clock()
calls, metrics = int(sys.argv[1]), int(sys.argv[2])
run = opensweep.init(settings={"silent": True, "console": "off"})
began = clock()
rows = [{f"metric{m}": i + m / 7 for m in range(metrics)} for i in range(64)]
log = run.log
for i in range(200):
    log(rows[i % 64])
times = []
for i in range(calls):
    row = rows[i % 64]
    before = clock()
    log(row)
    times.append(clock() - before)
whole = clock()
for i in range(calls):
    log(rows[i % 64])
whole = clock() - whole
before = clock()
run.finish()
finished = clock()
times.sort()
print(json.dumps({
    "import_ms": (imported - start) * 1e3,
    "load_ms": (loaded - imported) * 1e3,
    "init_ms": (began - loaded) * 1e3,
    "log_median_us": times[len(times) // 2] * 1e6,
    "log_p99_us": times[len(times) * 99 // 100] * 1e6,
    "metrics_per_s": calls * metrics / whole,
    "finish_ms": (finished - before) * 1e3,
}))
"""

READ = """
import sys, time
from logging_core.records import Reader
start = time.perf_counter()
reader = Reader(sys.argv[1])
count = 0
while True:
    records = reader.read(10_000, final=True)
    if not records:
        break
    count += len(records)
print(count / (time.perf_counter() - start))
"""


def once(calls: int, metrics: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OPENSWEEP_DIR": folder}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        child = [sys.executable, "-c", CHILD, str(calls), str(metrics)]
        result: dict[str, float] = json.loads(subprocess.check_output(child, env=env))
        (path,) = Path(folder).glob("*/records.1.bin")
        values = (2 * calls + 200) * metrics
        result["bytes_per_value"] = path.stat().st_size / values
        read = subprocess.check_output([sys.executable, "-c", READ, str(path)], env=env)
        result["rows_read_per_s"] = float(read)
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=30_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    table: dict[int, dict[str, float]] = {}
    once(100, 1)  # the compiled modules are there from now on, as on any second run
    for metrics, calls in ((1, options.calls), (100, options.calls // 10)):
        results = [once(calls, metrics) for _ in range(options.repeat)]
        table[metrics] = {
            name: statistics.median(result[name] for result in results) for name in results[0]
        }
    if options.json:
        print(json.dumps(table))
        return
    print(f"{'metrics per log()':>18}" + "".join(f"{metrics:>14}" for metrics in table))
    for name in table[1]:
        values = (table[metrics][name] for metrics in table)
        print(f"{name:>18}" + "".join(f"{value:>14,.2f}" for value in values))


if __name__ == "__main__":
    main()
