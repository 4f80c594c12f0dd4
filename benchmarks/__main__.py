"""`python -m benchmarks` runs all of them, `python -m benchmarks NAME …` those named; what stands
behind a single name is for that one: `python -m benchmarks search curves --workers 4`."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from itertools import takewhile

import benchmarks

HELPERS = {
    "__main__",
    "demo_data",
    "fake_slots",
    "one_tracker",
    "page_watch",
    "pictures",
    "trackers",
}


def main() -> int:
    known = sorted({m.name for m in pkgutil.iter_modules(benchmarks.__path__)} - HELPERS)
    given = sys.argv[1:]
    names = list(takewhile(known.__contains__, given))
    options = given[len(names) :]
    if options and len(names) != 1:
        print(f"no benchmark {options[0]!r}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = []
    for name in names or known:
        print(f"== {name}", flush=True)
        # A process each: what one imports or leaves warm must not show in another's figures.
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"short of what was aimed at: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
