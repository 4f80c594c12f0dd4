"""How long a slot is empty: from a trial's exit to the next one's start, from create to start.

Real server, agent and processes. What the interpreter itself needs to start is measured in the
same run and taken off the turn-around. Aims: a turn-around of 100 ms at the median (W&B's agent
polls: about 5 s); from `sweep run` to the first trial's process 3 s with the start of server and
agent, 0.5 s with the server there already. `python -m benchmarks turnaround`.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIALS = 60
AIMS_S = {"turn-around": 0.1, "cold": 3.0, "warm": 0.5}
SCRIPT = """
import sys, time
began = time.time()
with open(sys.argv[1], "a") as f:
    f.write(f"{began} {time.time()}\\n")
"""
SWEEP = Path(sys.executable).with_name("sweep")


def sweep(home: Path, *args: str, **more: str) -> str:
    env = {**os.environ, "OPENSWEEP_HOME": str(home), "OPENSWEEP_PYTHON": sys.executable, **more}
    done = subprocess.run(
        [SWEEP, *args], cwd=home, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sweep_file(home: Path, name: str, trials: int, log: Path) -> str:
    path = home / f"{name}.yaml"
    path.write_text(
        "program: train.py\nmethod: grid\n"
        f'command: ["${{interpreter}}", "${{program}}", "{log}"]\n'
        f"parameters: {{x: {{values: {list(range(trials))}}}}}\n"
    )
    return str(path)


def spans(log: Path) -> list[tuple[float, float]]:
    return sorted(tuple(map(float, line.split())) for line in log.read_text().splitlines())  # type: ignore[misc]


def interpreter_start(home: Path) -> float:
    """Seconds from starting the interpreter to the script's first line."""
    log = home / "interpreter.log"
    delays = []
    for _ in range(15):
        log.unlink(missing_ok=True)
        before = time.time()
        subprocess.run([sys.executable, home / "train.py", log], check=True)
        delays.append(spans(log)[0][0] - before)
    return statistics.median(delays)


def main(trials: int = TRIALS) -> dict[str, float]:
    """Prints the figures; returns those that have an aim, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "train.py").write_text(SCRIPT)
        try:
            cold_log, warm_log, log = (home / f"{n}.log" for n in ("cold", "warm", "many"))
            before = time.time()
            sweep(home, "run", sweep_file(home, "cold", 1, cold_log))
            cold = spans(cold_log)[0][0] - before
            before = time.time()
            sweep(home, "run", sweep_file(home, "warm", 1, warm_log))
            warm = spans(warm_log)[0][0] - before

            sweep(home, "run", sweep_file(home, "many", trials, log))
            runs = spans(log)
            assert len(runs) == trials
            own = interpreter_start(home)
            gaps = sorted(later[0] - earlier[1] for earlier, later in itertools.pairwise(runs))
        finally:
            sweep(home, "server", "stop")
    median = statistics.median(gaps) - own
    print(f"interpreter's own start                 {own * 1e3:7.0f} ms")
    print(f"turn-around beyond it, median of {len(gaps)}     {median * 1e3:7.0f} ms   (aim < 100)")
    slow = gaps[int(0.95 * len(gaps))] - own
    print(f"                        95 in 100 under {slow * 1e3:7.0f} ms")
    print(f"`sweep run` to first process, cold      {cold * 1e3:7.0f} ms   (aim < 3000)")
    print(f"`sweep run` to first process, warm      {warm * 1e3:7.0f} ms   (aim < 500)")
    return {"turn-around": median, "cold": cold, "warm": warm}


if __name__ == "__main__":
    figures = main()
    assert all(figures[name] < aim for name, aim in AIMS_S.items())
