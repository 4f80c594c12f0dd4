"""An environment a peer, made with pip on demand and kept; nothing is installed into this one."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

ENVIRONMENTS = Path("~/.cache/opensweep-benchmark/search").expanduser()
_LIST = Path(__file__).with_name("peers.txt")


class Absent(Exception):
    """A peer cannot be had here; says why."""


def requirements() -> dict[str, list[str]]:
    """What pip installs, by environment."""
    lines = _LIST.read_text("utf-8").splitlines()
    named = (line.partition(":") for line in lines if not line.startswith("#"))
    return {name: wanted.split() for name, _, wanted in named}


def python_of(name: str, folder: Path = ENVIRONMENTS) -> str:
    """The interpreter of an environment, made the first time. Raises Absent."""
    if not name:
        return sys.executable
    wanted = requirements()[name]
    place = folder / f"{name}-{zlib.crc32(' '.join(wanted).encode()):08x}"
    python, ready = place / "bin" / "python", place / ".ready"
    if not ready.exists():
        print(f"installing {' '.join(wanted)} into {place} …", file=sys.stderr, flush=True)
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(place)],
            [str(python), "-m", "pip", "install", "--quiet", "--no-input", *wanted],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
                raise Absent(f"cannot be installed: {said[-1][:200]}")
        ready.touch()
    return str(python)
