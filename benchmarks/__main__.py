"""`python -m benchmarks` runs all of them, `python -m benchmarks NAME …` those named."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

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
    names = sys.argv[1:] or known
    failed = []
    for name in names:
        if name not in known:
            print(f"no benchmark {name!r}; there are: {', '.join(known)}", file=sys.stderr)
            return 2
        print(f"== {name}", flush=True)
        # A process each: what one imports or leaves warm must not show in another's figures.
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"short of what was aimed at: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
