"""What a machine and a run's processes use: counters read from /proc, and metrics made of them.

The names and units are W&B's system metrics, behind "system.": megabytes are 1024 x 1024 bytes, and
what a disk or the network has moved is counted from the first sample of a run. "system.cpu" is the
run's own processes, of all cores that it may use. Where there is no /proc (macOS), what cannot be
known is left out.

Counters are read once for all runs of a machine; metrics are a pure function of them. Never raises
for what it cannot read. Neighbours: sampling.py (a run without an agent), agent/sampler.py (all
runs of an agent), gpus.py.
"""

from __future__ import annotations

import os
import re
import time
from typing import Iterable, NamedTuple, Sequence

PREFIX = "system."
_MB = 1 << 20
_GB = 1 << 30
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_SECTOR = 512  # of /proc/diskstats, whatever the disk's own is
# Partitions, and devices made of others, would be counted twice.
_DISK = re.compile(rb"^(sd[a-z]+|hd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+|dasd[a-z]+)$")


class Counters(NamedTuple):
    """The machine at one moment; None for what cannot be known. Bytes, seconds of all cores."""

    time: float  # monotonic, seconds
    cpu_busy: float | None
    cpu_total: float | None
    memory_total: int | None
    memory_available: int | None
    disk_read: int | None
    disk_written: int | None
    sent: int | None
    received: int | None


class Use(NamedTuple):
    """What a tree of processes has used by one moment. Bytes, seconds."""

    time: float  # monotonic, seconds
    cpu: float
    rss: int
    threads: int
    processes: int
    read: int
    written: int


class Moment(NamedTuple):
    """Machine and processes together: what two of make a sample."""

    machine: Counters
    use: Use


def counters() -> Counters:
    """The machine now; a few small reads."""
    busy, total = _cpu()
    memory = _memory()
    read, written = _disks()
    sent, received = _network()
    return Counters(
        time.monotonic(),
        busy,
        total,
        memory.get("MemTotal"),
        memory.get("MemAvailable"),
        read,
        written,
        sent,
        received,
    )


def use(pids: Iterable[int]) -> Use:
    """The sum over these processes; those that are gone count for nothing.

    With the children that each has waited for, so that the sum does not fall when a child ends.
    """
    cpu = 0.0
    rss = threads = processes = read = written = 0
    for pid in pids:
        line = _read(f"/proc/{pid}/stat")
        # The name in parentheses may hold anything, parentheses too: the last one closes it.
        fields = line[line.rfind(b")") + 2 :].split()
        if len(fields) < 22:
            continue
        cpu += sum(map(int, fields[11:15])) / _TICK
        threads += int(fields[17])
        rss += int(fields[21]) * _PAGE
        processes += 1
        moved = _fields(_read(f"/proc/{pid}/io"))
        read += moved.get("read_bytes", 0)
        written += moved.get("write_bytes", 0)
    return Use(time.monotonic(), cpu, rss, threads, processes, read, written)


def family(pid: int) -> list[int]:
    """`pid` and all its living descendants."""
    found = [pid]
    for parent in found:
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            children = _read(f"/proc/{parent}/task/{thread}/children").split()
            found.extend(child for child in map(int, children) if child not in found)
    return found


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def metrics(first: Moment, before: Moment, now: Moment, of_cores: int) -> dict[str, float]:
    """One sample, without disks' room and GPUs.

    Args:
        first: of the run: what was moved is counted from there.
        before: the sample before: rates are between it and `now`.
    """
    found: dict[str, float] = {}
    machine, used = now.machine, now.use
    seconds = used.time - before.use.time
    if used.processes and seconds > 0:
        share = max(0.0, used.cpu - before.use.cpu) / seconds / of_cores
        found["cpu"] = round(100 * share, 2)
    if used.processes:
        found["proc.cpu.threads"] = used.threads
        found["proc.count"] = used.processes
        found["proc.memory.rssMB"] = round(used.rss / _MB, 2)
        found["proc.io.readMB"] = round(max(0, used.read - first.use.read) / _MB, 3)
        found["proc.io.writtenMB"] = round(max(0, used.written - first.use.written) / _MB, 3)
    total, available = machine.memory_total, machine.memory_available
    if total and available is not None:
        found["memory_percent"] = round(100 * (total - available) / total, 2)
        found["proc.memory.availableMB"] = round(available / _MB, 2)
        if used.processes:
            found["proc.memory.percent"] = round(100 * used.rss / total, 2)
    busy, whole = machine.cpu_busy, machine.cpu_total
    if busy is not None and whole is not None and before.machine.cpu_busy is not None:
        passed = whole - (before.machine.cpu_total or 0.0)
        if passed > 0:
            found["cpu.machine"] = round(100 * (busy - before.machine.cpu_busy) / passed, 2)
    for name, unit, then, later in (
        ("disk.in", _MB, first.machine.disk_read, machine.disk_read),
        ("disk.out", _MB, first.machine.disk_written, machine.disk_written),
        ("network.sent", 1, first.machine.sent, machine.sent),
        ("network.recv", 1, first.machine.received, machine.received),
    ):
        if then is not None and later is not None:
            found[name] = round(max(0, later - then) / unit, 3)
    return found


def room(paths: Sequence[str]) -> dict[str, float]:
    """How full the file systems at `paths` are. May block where a network disk hangs."""
    found: dict[str, float] = {}
    for path in paths:
        try:
            at = os.statvfs(path)
        except OSError:
            continue
        used = (at.f_blocks - at.f_bfree) * at.f_frsize
        usable = used + at.f_bavail * at.f_frsize
        if usable:
            found[f"disk.{path}.usagePercent"] = round(100 * used / usable, 2)
            found[f"disk.{path}.usageGB"] = round(used / _GB, 3)
    return found


def mount_point(path: str) -> str:
    """Where the file system that holds `path` is mounted."""
    path = os.path.realpath(path)
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return path


def _cpu() -> tuple[float | None, float | None]:
    fields = _read("/proc/stat").split(b"\n", 1)[0].split()
    if len(fields) < 6:
        return None, None
    ticks = [int(field) / _TICK for field in fields[1:9]]  # guests are in user and nice already
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def _memory() -> dict[str, int]:
    return {name: amount << 10 for name, amount in _fields(_read("/proc/meminfo")).items()}


def _disks() -> tuple[int | None, int | None]:
    read = written = None
    for line in _read("/proc/diskstats").splitlines():
        fields = line.split()
        if len(fields) > 9 and _DISK.match(fields[2]):
            read = (read or 0) + int(fields[5]) * _SECTOR
            written = (written or 0) + int(fields[9]) * _SECTOR
    return read, written


def _network() -> tuple[int | None, int | None]:
    """All interfaces but the machine's way to itself."""
    sent = received = None
    for line in _read("/proc/net/dev").splitlines()[2:]:
        name, _, rest = line.partition(b":")
        fields = rest.split()
        if len(fields) > 8 and name.strip() != b"lo":
            received = (received or 0) + int(fields[0])
            sent = (sent or 0) + int(fields[8])
    return sent, received


def _fields(text: bytes) -> dict[str, int]:
    """Lines of "name: number …"."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(b":")
        number = rest.split()
        if number and number[0].isdigit():
            found[name.decode("ascii", "replace")] = int(number[0])
    return found


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            data: bytes = file.read() or b""
            return data
    except OSError:
        return b""
