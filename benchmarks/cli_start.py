"""How long `sweep --help` and `import opensweep` take: the start of an interpreter included.

    python -m benchmarks.cli_start [--rounds N]

Prints the median and the worst of N rounds, each a fresh process, the processor time of a round
(which a busy machine stretches least), and the bare interpreter's own start beside them. The goals:
`sweep --help` under 150 ms, `import opensweep` under 30 ms.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def timed(argv: list[str], rounds: int) -> tuple[list[float], float]:
    """(milliseconds of each round, processor milliseconds of one); a first round, which fills the
    caches, is not counted."""
    times = []
    used = 0.0
    for number in range(rounds + 1):
        if number == 1:
            used = _processor_ms()
        begun = time.perf_counter()
        subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - begun) * 1000)
    return times[1:], (_processor_ms() - used) / rounds


def _processor_ms() -> float:
    """Processor time of all children so far."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (children.ru_utime + children.ru_stime) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    sweep = str(Path(sys.executable).with_name("sweep"))
    for name, argv in (
        ("bare interpreter", [sys.executable, "-c", "pass"]),
        ("sweep --help", [sweep, "--help"]),
        ("import opensweep", [sys.executable, "-c", "import opensweep"]),
    ):
        times, processor = timed(argv, rounds)
        print(
            f"{name:<18} median {statistics.median(times):6.1f} ms   worst {max(times):6.1f} ms   "
            f"processor {processor:6.1f} ms"
        )


if __name__ == "__main__":
    main()
