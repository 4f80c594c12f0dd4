"""System metrics of a run without an agent: a sample every few seconds, to `system.<writer>.bin`.

Under an agent there is none: the agent samples. Must never hold up the script, nor its end.
Neighbours: machine.py and gpus.py say what is measured; helper.py runs it.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from logging_core import gpus, machine
from logging_core.records import RecordError, Writer


class SystemSampler:
    """Samples this process, its children, the machine and its GPUs, in the thread of `run`."""

    def __init__(self, path: Path, interval_s: float) -> None:
        self._path = path
        self._interval_s = max(interval_s, 0.1)
        self._pid = os.getpid()
        self._writer: Writer | None = None
        self._smi = gpus.Smi(self._interval_s)

    def run(self, over: threading.Event) -> None:
        """Writes rows until `over` is set, or the disk fails (the journal has said so then)."""
        try:
            self._writer = Writer(self._path, mapped=False)
            self._sample(self._writer, over)
        except (OSError, RecordError):
            pass
        finally:
            self._smi.close()
            if self._writer is not None:
                self._writer.close()

    def forked(self) -> None:
        """In a forked child, where the thread does not run: lets go of the parent's files."""
        if self._writer is not None and not self._writer.closed:
            self._writer.close(truncate=False)
        self._smi.forked()

    def _sample(self, writer: Writer, over: threading.Event) -> None:
        disks = sorted({"/", machine.mount_point(str(self._path.parent))})
        of_cores = machine.cores()
        first = before = self._moment()[1]
        step = 0
        pause = min(1.0, self._interval_s)  # a first row soon: short runs have one, too
        while not over.wait(pause):
            pids, now = self._moment()
            self._smi.poll()
            row = machine.metrics(first, before, now, of_cores)
            row.update(machine.room(disks))
            row.update(
                gpus.metrics(self._smi.visible(os.environ.get("CUDA_VISIBLE_DEVICES")), pids)
            )
            named = {machine.PREFIX + name: value for name, value in row.items()}
            writer.history(step, time.time(), named)
            before, step, pause = now, step + 1, self._interval_s

    def _moment(self) -> tuple[list[int], machine.Moment]:
        pids = machine.family(self._pid)
        return pids, machine.Moment(machine.counters(), machine.use(pids))
