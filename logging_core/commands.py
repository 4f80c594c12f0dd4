"""Ask another program something: git, nvidia-smi, another Python. Never for long, never too much.

Neighbours: git.py, provenance.py, agent/provenance.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from typing import Mapping, Sequence

LIMIT_S = 10.0
LIMIT_BYTES = 1 << 20


def ask(
    argv: Sequence[str],
    *,
    cwd: str | None = None,
    environ: Mapping[str, str] | None = None,
    limit_s: float = LIMIT_S,
    limit_bytes: int = LIMIT_BYTES,
) -> bytes | None:
    """What `argv` prints; None when it is not there, fails, takes too long or says too much.

    One that hangs is killed, with all that it started; one that cannot be killed is left alone.
    """
    try:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=None if environ is None else dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError):
        return None
    assert process.stdout is not None
    out_of_time = threading.Timer(limit_s, _kill, [process])
    out_of_time.daemon = True
    out_of_time.start()
    try:
        said = process.stdout.read(limit_bytes + 1)
        too_much = len(said) > limit_bytes
        if too_much:
            _kill(process)
        return said if process.wait(limit_s) == 0 and not too_much else None
    except (OSError, subprocess.TimeoutExpired):
        return None
    finally:
        out_of_time.cancel()
        process.stdout.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
