"""System metrics of every trial that runs on this agent: one thread, whatever the number of slots.

Each run's samples go to `system.<writer>.bin` of its folder, which the shipper carries like its
history. A trial gets its first row after a second, then one every interval. Must never hold up a
trial, its shipping or the agent's end: a disk that hangs holds up this thread alone.
Neighbours: logging_core/machine.py (names and units), gpu_metrics.py; attempt.py says what runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from agent import kernel
from agent.devices import Gpu
from agent.gpu_metrics import GpuReader
from logging_core import environment, gpus, machine
from logging_core.helper import INTERVAL_S
from logging_core.records import RecordError, Writer
from sweeps.errors import ConfigurationError

_FIRST_AFTER_S = 1.0
_LEAST_S = 0.1


def interval_from(environ: Mapping[str, str]) -> float:
    """$OPENSWEEP_SYSTEM_INTERVAL in seconds; 0: no system metrics. Raises ConfigurationError."""
    if "stats" in environment.read(environ).without:
        return 0.0
    text = environ.get("OPENSWEEP_SYSTEM_INTERVAL") or str(INTERVAL_S)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ConfigurationError(
            f"OPENSWEEP_SYSTEM_INTERVAL is {text!r}: give seconds, or 0 for no system metrics"
        )
    return seconds if seconds == 0 else max(seconds, _LEAST_S)


class _Watch:
    """One run that is sampled."""

    def __init__(self, pid: int, path: Path, devices: Sequence[Gpu], now: machine.Moment) -> None:
        self.pid, self.devices = pid, devices
        self.path = path
        self.disks = sorted({"/", machine.mount_point(str(path.parent))})
        self.first = self.before = now
        self.due = now.use.time + _FIRST_AFTER_S
        self.step = 0
        self.writer: Writer | None = None
        self.over = False


class Sampler:
    """Samples what is watched, from `start` to `close`. Thread-safe.

    Args:
        interval_s: between two samples; 0: none are taken.
        devices: all GPUs that trials may run on.
        environ: the agent's environment.
    """

    def __init__(
        self,
        interval_s: float,
        devices: Sequence[Gpu] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._interval_s = interval_s
        self._reader = GpuReader(devices if interval_s > 0 else (), interval_s, environ)
        self._changed = threading.Condition()
        self._asked: list[tuple[int, Path, Sequence[Gpu]]] = []
        self._watches: dict[int, _Watch] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="system metrics", daemon=True)

    def start(self) -> None:
        if self._interval_s > 0:
            self._reader.start()
            self._thread.start()

    def close(self) -> None:
        """Ends it; does not wait for a sample that hangs."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(1.0)
            self._reader.close()

    def watch(self, pid: int, path: Path, devices: Sequence[Gpu] = ()) -> None:
        """Samples the process `pid` and its family into the record file `path`; returns at once."""
        with self._changed:
            self._asked.append((pid, path, devices))
            self._changed.notify()

    def forget(self, pid: int) -> None:
        """The process has ended; returns at once."""
        with self._changed:
            self._asked = [asked for asked in self._asked if asked[0] != pid]
            watch = self._watches.get(pid)
            if watch is not None:
                watch.over = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._asked and self._wait_s() > 0:
                    wait_s = self._wait_s()
                    self._changed.wait(None if wait_s == float("inf") else wait_s)
                asked, self._asked = self._asked, []
                if self._closed:
                    break
            self._begin(asked)
            try:
                self._take()
            except Exception:  # a fault of ours, or of /proc: one sample less
                for watch in self._watches.values():
                    watch.due = time.monotonic() + self._interval_s
        for watch in self._watches.values():
            _close(watch)

    def _wait_s(self) -> float:
        dues = [0.0 if watch.over else watch.due for watch in self._watches.values()]
        return min(dues) - time.monotonic() if dues else float("inf")

    def _begin(self, asked: Sequence[tuple[int, Path, Sequence[Gpu]]]) -> None:
        for pid, path, devices in asked:
            with suppress(Exception):  # not this one, then
                now = machine.Moment(machine.counters(), machine.use([pid]))
                watch = _Watch(pid, path, devices, now)
                with self._changed:
                    last, self._watches[pid] = self._watches.get(pid), watch
                if last is not None:  # it had ended, and its number was given away again
                    _close(last)

    def _take(self) -> None:
        now = time.monotonic()
        due = [watch for watch in self._watches.values() if watch.over or watch.due <= now]
        table = kernel.processes() if any(not watch.over for watch in due) else {}
        counters = machine.counters() if table else None
        for watch in due:
            if not watch.over and counters is not None:
                watch.due = now + self._interval_s
                roots = {one.pid for one in table.values() if one.session == watch.pid}
                pids = kernel.descendants(table, roots | {watch.pid})
                self._write(watch, pids, machine.Moment(counters, machine.use(pids)))
            if watch.over:
                _close(watch)
                with self._changed:
                    self._watches.pop(watch.pid, None)

    def _write(self, watch: _Watch, pids: set[int], now: machine.Moment) -> None:
        row = machine.metrics(watch.first, watch.before, now, machine.cores())
        row.update(machine.room(watch.disks))
        readings = [self._reader.latest(gpu.uuid) for gpu in watch.devices]
        row.update(gpus.metrics(readings, pids))
        try:
            if watch.writer is None:
                watch.writer = Writer(watch.path, mapped=False)
            named = {machine.PREFIX + name: value for name, value in row.items()}
            watch.writer.history(watch.step, time.time(), named)
        except (OSError, RecordError):  # the disk is full, or the folder is gone: no more of it
            watch.over = True
        watch.before, watch.step = now, watch.step + 1


def _close(watch: _Watch) -> None:
    with suppress(OSError):
        if watch.writer is not None:
            watch.writer.close()
