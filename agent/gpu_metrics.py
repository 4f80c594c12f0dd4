"""What the GPUs of this agent's slots do, as of a moment ago; never waits for a driver.

A process of its own reads them (gpu_probe.py). What it said last counts for a while; when it falls
silent, because the driver hangs or it died, there are simply no GPU metrics. It is started again a
few times. Neighbour: sampler.py asks.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.devices import Gpu
from agent.launch import SECRETS
from logging_core.gpus import Reading

_PROBE = Path(__file__).with_name("gpu_probe.py")
_STARTS = 5
_LAST_WORDS_S = 1.0


class GpuReader:
    """Reads `gpus` every `interval_s`, from `start` to `close`.

    Args:
        environ: the agent's environment.
    """

    def __init__(
        self, gpus: Sequence[Gpu], interval_s: float, environ: Mapping[str, str] | None = None
    ) -> None:
        unique = {gpu.uuid: gpu for gpu in gpus}
        self._devices = [f"{gpu.uuid}={gpu.parent}" for gpu in unique.values()]
        self._interval_s = interval_s
        self._environ = {
            name: value
            for name, value in (os.environ if environ is None else environ).items()
            if name not in SECRETS
        }
        self._lock = threading.Lock()
        self._latest: dict[str, Reading] = {}
        self._heard = float("-inf")
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()

    def start(self) -> None:
        """Does nothing where there is nothing to read."""
        if self._devices:
            threading.Thread(target=self._keep, name="gpu metrics", daemon=True).start()

    def latest(self, uuid: str) -> Reading | None:
        """None: nothing is known of it now."""
        with self._lock:
            fresh = time.monotonic() - self._heard < 2.5 * self._interval_s + 1.0
            return self._latest.get(uuid) if fresh else None

    def close(self) -> None:
        """Ends the process; one that hangs in the driver is left to the kernel."""
        self._over.set()
        with self._lock:
            process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LAST_WORDS_S)

    def _keep(self) -> None:
        for _ in range(_STARTS):
            if not self._listen() or self._over.wait(self._interval_s):
                return  # it never said a word: there is no driver to ask

    def _listen(self) -> bool:
        """Starts the process and hears it to its end; False: it said nothing."""
        argv = [sys.executable, "-I", str(_PROBE), str(self._interval_s), *self._devices]
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                start_new_session=True,
            )
        except OSError:
            return False
        with self._lock:
            self._process = process
        if self._over.is_set():
            self.close()
        said = False
        for line in process.stdout or ():
            with contextlib.suppress(ValueError, TypeError, AttributeError):
                found = {uuid: _reading(told) for uuid, told in json.loads(line).items()}
                with self._lock:
                    self._latest, self._heard = found, time.monotonic()
                said = True
        if process.stdout is not None:
            process.stdout.close()
        process.wait()
        return said


def _reading(told: Mapping[str, object]) -> Reading:
    reading = Reading(**told)  # type: ignore[arg-type]
    # JSON has no whole numbers as names.
    return reading._replace(processes={int(pid): held for pid, held in reading.processes.items()})
