"""`make chaos`: rounds of chaos until the time is up; each has the next seed.

    python tests/chaos/run.py [--seconds 300] [--seed N] [--trials 300] [--agents 4] [--pause 1.7]

Ends with 0 when all books balance, with 1 and all that is known at the first that do not. Ctrl-C
ends it, and all that it started.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from adversary import PAUSE_S  # noqa: E402
from rounds import Round, Wrong, run  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="of all rounds together")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--trials", type=int, default=300, help="of one round")
    parser.add_argument("--agents", type=int, default=4, help="boxes with an agent of ours")
    parser.add_argument("--pause", type=float, default=PAUSE_S, help="seconds between two acts")
    given = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # what was started ends with us
    end, seed = time.monotonic() + given.seconds, given.seed
    while (left := end - time.monotonic()) > 0:
        try:
            print(run(Round(seed, left, given.trials, given.agents, given.pause)), flush=True)
        except Wrong as wrong:
            print(wrong, flush=True)
            return 1
        except KeyboardInterrupt:
            return 130
        seed += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
