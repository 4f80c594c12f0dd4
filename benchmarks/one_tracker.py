"""Measures one tool, once, in a fresh process: `one_tracker.py NAME MODE FOLDER ARGUMENTS(JSON)`.

Prints one line of JSON behind `MARK`. Runs in the environment of that tool: standard library only.
Each function here is a mode. Neighbours: trackers.py (the tools), logging.py (starts this).
"""

from __future__ import annotations

import json
import operator
import os
import random
import signal
import statistics
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Behind all that the tool needs: benchmarks/logging.py must not stand for the module logging.
sys.path.append(str(Path(__file__).resolve().parents[1]))
from benchmarks.trackers import HERE, PEERS, Tracker

MARK = "measured: "
BUDGET_S = 10.0
"""A slow tool makes fewer calls: what it does in so many seconds."""
_clock = time.perf_counter
_PIECE = 32  # calls between two looks at the clock


def rows_of(calls: int, metrics: int) -> list[dict[str, float]]:
    """Decaying curves with noise, in single precision, as training frameworks give them."""
    noise = random.Random(0).random
    names = [f"m{number}" for number in range(metrics)]
    values = array("f")
    for number in range(calls):
        level = 1.0 / (1.0 + number / 1000)
        values.extend([level + 0.1 * noise() for _ in names])
    return [
        dict(zip(names, values[at : at + metrics], strict=True))
        for at in range(0, len(values), metrics)
    ]


def latency(tool: Tracker, folder: Path, metrics: int, calls: int) -> dict[str, float]:
    """init(), and each log() as the training loop sees it."""
    loaded = _clock()
    log = tool.begin(folder)
    begun = _clock()
    rows = rows_of(64, metrics)
    took: list[float] = []
    with_step, note, until = tool.takes_step, took.append, begun + BUDGET_S
    for step in range(200 + calls):
        row = rows[step & 63]
        if with_step:
            before = _clock()
            log(row, step)
            after = _clock()
        else:
            before = _clock()
            log(row)
            after = _clock()
        note(after - before)
        if after > until:
            break
    tool.finish()
    took = took[200:] if len(took) > 1000 else took[1:]  # warm
    took.sort()
    return {
        "init_s": begun - loaded,
        "median_us": took[len(took) // 2] * 1e6,
        "p99_us": took[len(took) * 99 // 100] * 1e6,
    }


def _all(tool: Tracker, log: Callable[..., Any], rows: list[dict[str, float]], calls: int) -> int:
    """Logs rows in turn; returns how many there was time for."""
    mask, until = len(rows) - 1, _clock() + BUDGET_S
    for begin in range(0, calls, _PIECE):
        if tool.takes_step:
            for step in range(begin, min(begin + _PIECE, calls)):
                log(rows[step & mask], step)
        else:
            for step in range(begin, min(begin + _PIECE, calls)):
                log(rows[step & mask])
        if _clock() > until:
            return min(begin + _PIECE, calls)
    return calls


def throughput(tool: Tracker, folder: Path, metrics: int, calls: int) -> dict[str, float]:
    """Until all is on disk."""
    log, rows = tool.begin(folder), rows_of(64, metrics)
    before = _clock()
    made = _all(tool, log, rows, calls)
    logged = _clock()
    tool.finish()
    done = _clock()
    return {"metrics_per_s": made * metrics / (done - before), "finish_s": done - logged}


def size(tool: Tracker, folder: Path, metrics: int, calls: int) -> dict[str, float]:
    """Values that differ; whoever started this looks at what is in the folder then."""
    log, rows = tool.begin(folder), rows_of(calls, metrics)
    until, step = _clock() + BUDGET_S, 0
    for step, row in enumerate(rows, 1):
        log(row, step) if tool.takes_step else log(row)
        if _clock() > until:
            break
    tool.finish()
    return {"calls": step}


def kill(tool: Tracker, folder: Path, calls: int) -> dict[str, float]:
    """Rows 1 ms apart, and then the process is killed."""
    log, rows = tool.begin(folder), rows_of(64, 1)
    for step in range(calls):
        log(rows[step & 63], step) if tool.takes_step else log(rows[step & 63])
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def recovered(tool: Tracker, folder: Path) -> dict[str, float]:
    """What is left of the run that was killed."""
    return {"rows": tool.recovered(folder)}


def busy(tool: Tracker, folder: Path, steps: int, work: int) -> dict[str, float]:
    """A training loop that keeps the processor busy, without logging and with 1 or 100 metrics.

    Whole loops, one after the other, differ more by what else the machine does than by a tool. So
    a step's extra time is put together from what can be told apart: the mean of log(); by how much
    the rest of a step is slower where ten steps with and without take turns; and the processor
    time of the tool's own threads, for which the loop waits when they hold the interpreter. A row
    is made in every step, logged or not. `work`: iterations that a step computes.
    """
    log = tool.begin(folder)
    with_step, at = tool.takes_step, 0
    turns = random.Random(0)

    def loop(names: list[str], count: int, logs: bool) -> tuple[float, float]:
        """Seconds in log(), and in the rest."""
        nonlocal at
        inside, before = 0.0, _clock()
        for step in range(at, at + count):
            row = dict.fromkeys(names, compute(work))
            if logs:
                called = _clock()
                log(row, step) if with_step else log(row)
                inside += _clock() - called
        at += count * logs
        return inside, _clock() - before - inside

    def extra(metrics: int) -> tuple[float, float]:
        """Seconds that a step takes longer, and that it takes without logging."""
        names = [f"m{number}" for number in range(metrics)]
        rest: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(steps // 40):
            first = turns.random() < 0.5
            for logs in (first, not first):
                rest[logs].append(loop(names, 10, logs)[1] / 10)
        slower = statistics.median(map(operator.sub, rest[True], rest[False]))
        _settle()
        others = -_other_threads()
        inside, _ = loop(names, steps, True)
        _settle()
        others += _other_threads()
        return (inside + others) / steps + slower, statistics.median(rest[False])

    time.sleep(1.2)  # what a tool does once, soon after the start, is not the loop's
    _settle()
    (one, bare), (hundred, _) = extra(1), extra(100)
    tool.finish()
    return {"slowdown_1": one / bare, "extra_100_us": hundred * 1e6}


def _other_threads() -> float:
    """Processor time that all but this thread have used."""
    return time.process_time() - time.thread_time()


def _settle() -> None:
    """Until the threads of this process rest, but not for long."""
    until = _clock() + 3.0
    while _clock() < until:
        used = time.process_time()
        time.sleep(0.02)
        if time.process_time() - used < 0.002:
            return


def compute(work: int) -> float:
    total = 0.0
    for number in range(work):
        total += number * 0.5
    return total


def long(tool: Tracker, folder: Path, metrics: int, calls: int) -> dict[str, float]:
    """Whether a long run takes more memory, or long to finish."""
    log, rows = tool.begin(folder), rows_of(64, metrics)
    _all(tool, log, rows, 1024)
    held = resident()
    before = _clock()
    for step in range(1024, calls, _PIECE):
        for at in range(step, step + _PIECE):
            log(rows[at & 63])
    logged = _clock()
    most = resident()
    tool.finish()
    done = _clock()
    return {
        "metrics_per_s": (calls - 1024) * metrics / (done - before),
        "grown_mb": (max(most, resident()) - held) / 1e6,
        "finish_s": done - logged,
    }


def resident() -> int:
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


MODES: dict[str, Callable[..., dict[str, float]]] = {
    mode.__name__: mode for mode in (latency, throughput, size, kill, recovered, busy, long)
}


def main() -> None:
    name, mode, folder, arguments = sys.argv[1:]
    tool = {**HERE, **PEERS}[name]()
    exec(tool.statement)
    figures = MODES[mode](tool, Path(folder), **json.loads(arguments))
    print("\n" + MARK + json.dumps(figures), flush=True)


if __name__ == "__main__":  # some tools start processes of their own, which import this again
    main()
