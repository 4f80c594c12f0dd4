"""How long `sweep --help` and `import opensweep` take: the start of an interpreter included.

    python -m benchmarks.cli_start [--rounds N]

Prints the median and the worst of N rounds, each a fresh process, and the bare interpreter's own
start beside them. The goals: `sweep --help` under 150 ms, `import opensweep` under 30 ms beyond
the interpreter.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def timed(argv: list[str], rounds: int) -> list[float]:
    """Milliseconds of each round; a first one, which fills the caches, is not counted."""
    times = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - begun) * 1000)
    return times[1:]


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
        times = timed(argv, rounds)
        print(f"{name:<18} median {statistics.median(times):6.1f} ms   worst {max(times):6.1f} ms")


if __name__ == "__main__":
    main()
