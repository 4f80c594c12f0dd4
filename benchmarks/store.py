"""How fast the store records: what a sweep does most, and whether its cost stays flat.

    python -m benchmarks.store                      SQLite in a temporary folder
    python -m benchmarks.store postgresql://…       an empty database that may be filled

Each figure is over one thread, with a commit that survives a power cut; `add_chunk x8` over eight.
The last two columns compare the first and the last tenth of the trials.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from controller.store import Chunk, ChunkKind, NewTrial, Store, open_store
from sweeps.protocol.chunks import encode, pack_points
from sweeps.trial import AttemptState, Outcome, Reason

TRIALS = int(os.environ.get("TRIALS", "10000"))
SWEEP = "bench000"
FINISHED = Outcome(AttemptState.FINISHED, Reason.OK)


def main(url: str) -> None:
    with open_store(url) as store:
        store.create_sweep(sweep_id=SWEEP, name="", project="", yaml="", spec={}, seed=1, origin={})
        generation = store.take_sweep(SWEEP, "bench", 3600)
        assert generation is not None
        numbers = range(1, TRIALS + 1)
        data = encode([(i, 1e9 + i, {f"m{k}": i / (k + 1) for k in range(10)}) for i in range(100)])
        points = pack_points([(i, float(i)) for i in range(100)])

        def add(n: int) -> None:
            store.add_trials(SWEEP, generation, [NewTrial(n, {"lr": 1 / n, "layers": n % 7})], {})

        def start(n: int) -> None:
            store.start_attempt(f"{SWEEP}-{n}", 1, agent_id="a", host="h", device="cpu")

        def chunk(n: int) -> None:
            store.add_chunk(
                Chunk(f"{SWEEP}-{n}", 1, ChunkKind.HISTORY, 0, 0, 99, 100, data, points)
            )

        def end(n: int) -> None:
            store.end_attempt(
                f"{SWEEP}-{n}", 1, FINISHED, summary={"loss": n}, objective=float(n), retry=never
            )

        print(f"{'call':22}{'calls/s':>9}{'median ms':>11}{'first 10 %':>12}{'last 10 %':>11}")
        measure("add_trials (1)", add, numbers)
        measure("start_attempt", start, numbers)
        measure("add_chunk (100 x 10)", chunk, numbers)
        measure("end_attempt", end, numbers)
        measure("queued_attempts", lambda _: store.queued_attempts(SWEEP), range(500))
        measure(
            "ended_since (last 10)", lambda _: store.ended_since(SWEEP, TRIALS - 10), range(500)
        )
        measure(
            "objective_feed (last 10)",
            lambda _: store.objective_feed(SWEEP, TRIALS - 10),
            range(500),
        )
        measure("best_trial", lambda _: store.best_trial(SWEEP, "maximize"), range(200))
        measure("counts", lambda _: store.counts(SWEEP), range(200))
        measure(
            "trials (page of 100)",
            lambda n: store.trials(SWEEP, after_number=n * 50, limit=100),
            range(100),
        )
        in_parallel(store, data)


def never(_: Sequence[Outcome]) -> bool:
    return False


def measure(name: str, call: Callable[[int], object], numbers: range) -> None:
    took = []
    for number in numbers:
        begin = time.perf_counter()
        call(number)
        took.append(1000 * (time.perf_counter() - begin))
    tenth = max(1, len(took) // 10)
    print(
        f"{name:22}{len(took) / sum(took) * 1000:9.0f}{median(took):11.2f}"
        f"{median(took[:tenth]):12.2f}{median(took[-tenth:]):11.2f}"
    )


def median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def in_parallel(store: Store, data: bytes) -> None:
    """Eight runs that send chunks at the same time, as agents do."""

    def send(run: int) -> None:
        for seq in range(1, 251):
            store.add_chunk(
                Chunk(
                    f"{SWEEP}-{run}",
                    1,
                    ChunkKind.HISTORY,
                    seq,
                    seq * 100,
                    seq * 100 + 99,
                    100,
                    data,
                )
            )

    begin = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(1, 9)))
    print(f"{'add_chunk x8':22}{8 * 250 / (time.perf_counter() - begin):9.0f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(f"sqlite:///{folder}/bench.db")
