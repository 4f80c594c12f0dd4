"""The controller alone: 10,000 grid points through 8 slots whose trials are function calls.

Checks that each point is recorded once, and that the CPU time that the server's process spends on
a trial does not grow from the first thousand to the last. `python -m benchmarks controller`.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.fake_slots import DONE, FakeSlots
from controller import record
from controller.broker import Broker
from controller.loop import Loop
from controller.queue import TrialQueue
from controller.store.records import TrialRecord
from controller.store.store import open_store
from sweeps.protocol.live import Live
from sweeps.trial import Outcome, TrialState

POINTS = 10_000
SLOTS = 8
GROWTH = 1.5
"""The last thousand may cost at most so many times the second thousand (the first one warms up)."""


def sweep_file(points: int) -> str:
    return (
        "program: train.py\nmethod: grid\nmetric: {name: loss}\nparameters:\n"
        f"  x: {{distribution: int_uniform, min: 1, max: {points}}}\n"
    )


def main(points: int = POINTS) -> float:
    """Prints the table; returns how many times the second tenth's cost the last tenth has."""
    marks: list[tuple[float, float]] = []

    def script(trial: TrialRecord, _token: int) -> tuple[Outcome, Mapping[str, Any]]:
        if trial.number % (points // 10) == 1:
            marks.append((time.process_time(), time.perf_counter()))
        return DONE, {"loss": trial.config["x"]}

    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder), "benchmark")
        broker.launch()
        connection = broker.connect()
        with open_store(f"sqlite:///{folder}/opensweep.db") as store:
            loop = Loop(store, Live(connection), TrialQueue(connection), "benchmark")
            loop.start()
            sweep, _ = record.create_sweep(store, sweep_file(points), origin={})
            agent = FakeSlots(store, connection, sweep.id, SLOTS, script, loop.wake)
            agent.start()
            agent.join()
            marks.append((time.process_time(), time.perf_counter()))
            trials = store.trials(sweep.id)
            loop.close()
        broker.close()

    assert sorted(t.config["x"] for t in trials) == list(range(1, points + 1))
    assert {(t.state, t.attempts) for t in trials} == {(TrialState.FINISHED, 1)}
    size = points / 10
    print(f"{points} grid points, {SLOTS} slots, each recorded once")
    print("trials            CPU ms a trial   trials/s")
    costs = []
    for i, ((cpu, wall), (cpu_next, wall_next)) in enumerate(itertools.pairwise(marks)):
        costs.append((cpu_next - cpu) / size * 1e3)
        print(
            f"{i * size:6.0f} … {(i + 1) * size:6.0f}   {costs[-1]:10.2f}"
            f"   {size / (wall_next - wall):9.0f}"
        )
    growth = costs[-1] / costs[1]
    print(f"the last tenth costs {growth:.2f} times the second (at most {GROWTH} allowed)")
    return growth


if __name__ == "__main__":
    assert main() <= GROWTH
