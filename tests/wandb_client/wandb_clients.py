"""The real `wandb` client, versions old and new, each in an environment of its own.

Environments are made once, under .venv-wandb/ at the root of the tree, and kept. Where one cannot
be made (no network), its tests are skipped and say so; under CI=true they fail instead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from sweeps.protocol.client import Client

ROOT = Path(__file__).parents[2]

# What pip must be told beside the version: what the old ones need was once the newest there was.
VERSIONS: dict[str, tuple[str, ...]] = {
    "0.31.0": ("numpy",),
    "0.28.2": ("numpy",),
    "0.22.3": ("numpy",),
    "0.19.11": ("numpy<2",),
    "0.16.6": ("numpy<2", "setuptools<81"),
    "0.13.11": ("numpy<2", "setuptools<81", "protobuf<4", "urllib3<2"),
}
NEWEST = "0.31.0"
OLD = "0.16.6"
"""All Python: it looks at the schema before it speaks, and records without the Go process."""

ALL = os.environ.get("OPENSWEEP_TEST_WANDB") == "all"
"""`make test-wandb` runs every version with everything; the everyday suite the newest one, and with
the most telling tests an old one."""

TRIED = tuple(VERSIONS) if ALL else (NEWEST,)
TRIED_OLD_TOO = tuple(VERSIONS) if ALL else (NEWEST, OLD)

_PICTURES = "pillow<13"
"""What media need, the same for all (clients up to 0.22 know no newer one)."""

FRAMEWORKS = {
    "boosting": ("lightgbm", "pandas", "scikit-learn", "xgboost-cpu"),
    "tensorflow": ("tensorflow-cpu",),  # in one process with PyTorch it can crash
}
"""What an environment may have beside the client."""

KEY = "0123456789abcdef0123456789abcdef01234567"
"""Old clients take a key of 40 characters and no other."""


@dataclass(frozen=True)
class WandbServer:
    """A running server.

    Attributes:
        url, key: what a client is told.
        home: its folder, with its log.
    """

    url: str
    key: str
    home: Path

    def client(self) -> Client:
        """Our own client, to look at what was recorded."""
        return Client(self.url, self.key)


@dataclass(frozen=True)
class Finished:
    """A process that has ended: its exit code, and what it said (stdout and stderr in one)."""

    code: int
    output: str


Script = Callable[..., Finished]


@cache
def client_python(version: str, beside: str = "") -> Path:
    """The interpreter of an environment with that version; skips the test where there is none.

    Args:
        beside: one of FRAMEWORKS.
    """
    folder = ROOT / ".venv-wandb" / (f"{version}-{beside}" if beside else version)
    python = folder / "bin" / "python"
    folder.parent.mkdir(exist_ok=True)
    with open(folder.parent / f"{folder.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".ready").exists():
            _make(folder, python, version, FRAMEWORKS.get(beside, ()))
    return python


def _make(folder: Path, python: Path, version: str, more: tuple[str, ...]) -> None:
    base = shutil.which("python3.11")
    if base is None and "numpy<2" in VERSIONS[version] and sys.version_info >= (3, 13):
        pytest.skip(f"wandb {version} is too old for this Python, and there is no python3.11")
    base = base or sys.executable
    wanted = [f"wandb=={version}", *VERSIONS[version], _PICTURES, *more]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([base, "-m", "venv", str(folder)], [*pip, "--retries", "1", *wanted]):
        made = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if made.returncode != 0:
            said = made.stderr.strip()[-300:]
            why = f"no wandb {folder.name}: {' '.join(command[:4])} … said {said}"
            if os.environ.get("CI") == "true":
                pytest.fail(why)
            pytest.skip(why)
    (folder / ".ready").touch()


def run_to_end(
    command: list[str], environment: dict[str, str], folder: Path, timeout_s: float
) -> Finished:
    """Runs `command` in `folder` until it ends; fails the test, with what it said, if it does not.

    What it leaves running (an agent's scripts) is killed with it.
    """
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        pytest.fail(f"still running after {timeout_s:.0f} s: {' '.join(command)}\n{output}")
    return Finished(process.returncode, output)
