"""What the Linux kernel says about processes, and how to signal exactly the one that is meant.

Read from /proc: who is whose child, in which session, with which attempt's marker in its
environment. Used by the warden (single-threaded) and by the supervisor (when a warden was killed,
and for what a dead agent left). Standard library only: the warden starts without site-packages.
Must never signal a process by a bare number that it has not just made sure of: pids are reused.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

MARKER = "OPENSWEEP_ATTEMPT"
"""The environment variable that every process of an attempt inherits."""
WARDEN = "OPENSWEEP_WARDEN"
"""The environment variable of a warden: which agent process it works for."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class Entry(NamedTuple):
    """One process; `started` (clock ticks since boot) tells it from a later one of that pid."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    started: int

    @property
    def dead(self) -> bool:
        return self.state in "ZX"


def entry(pid: int) -> Entry | None:
    """The process `pid`; None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            line = file.read()
    except OSError:
        return None
    # The name in parentheses may hold anything, parentheses too: the last one closes it.
    rest = line[line.rindex(b")") + 2 :].split()
    numbers = (int(rest[1]), int(rest[2]), int(rest[3]), int(rest[19]))
    return Entry(pid, rest[0].decode(), *numbers)


def processes() -> dict[int, Entry]:
    """All processes that this one can see."""
    found = (entry(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {one.pid: one for one in found if one is not None}


def variable(pid: int, name: str) -> str | None:
    """A variable of the environment that `pid` was started with; None: not there, or not ours."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            data = b"\0" + file.read()
    except OSError:
        return None
    _, found, rest = data.partition(f"\0{name}=".encode())
    return os.fsdecode(rest.partition(b"\0")[0]) if found else None


def descendants(table: dict[int, Entry], roots: Iterable[int]) -> set[int]:
    """`roots` and all their children's children."""
    children: dict[int, list[int]] = {}
    for one in table.values():
        children.setdefault(one.parent, []).append(one.pid)
    seen: set[int] = set()
    queue = list(roots)
    while queue:
        pid = queue.pop()
        if pid not in seen:
            seen.add(pid)
            queue.extend(children.get(pid, ()))
    return seen


def family(
    marker: str, leader: int, *, reaped: bool, known: Collection[tuple[int, int]] = ()
) -> list[Entry]:
    """The living processes of an attempt, wherever they have gone.

    The marker finds those in sessions of their own. A process that overwrites its environment
    (setproctitle does) is found by its session, as the child of one that was found, or because
    it was found so before.

    Args:
        marker: the attempt's value of OPENSWEEP_ATTEMPT.
        leader: pid of the attempt's first process, which is its session's number too.
        reaped: the leader is dead and its pid may belong to somebody else by now.
        known: (pid, started) of processes that were found to belong to it earlier.
    """
    table = processes()
    roots = {pid for pid in table if variable(pid, MARKER) == marker}
    # The kernel gives a number away again only when no session uses it: a live process under
    # the pid of a leader that is dead means that its session is empty.
    if not (reaped and leader in table and not table[leader].dead):
        roots |= {one.pid for one in table.values() if leader in (one.session, one.group)}
    roots |= {pid for pid, started in known if pid in table and table[pid].started == started}
    living = descendants(table, roots) - {os.getpid()}
    return [table[pid] for pid in living if pid in table and not table[pid].dead]


def send(target: Entry, sig: int) -> bool:
    """Signals exactly that process. False: it is gone, or not ours."""
    handle = None
    try:
        handle = os.pidfd_open(target.pid)
    except ProcessLookupError:
        return False
    except (OSError, AttributeError):
        pass  # a kernel before 5.3, a sandbox, or a Python built for such: as near as one can
    try:
        now = entry(target.pid)  # the handle pins the pid: what is checked here is what is hit
        if now is None or now.started != target.started:
            return False
        if handle is None:
            os.kill(target.pid, sig)
        else:
            signal.pidfd_send_signal(handle, sig)
    except OSError:
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def terminate(target: Entry) -> bool:
    """Asks a process to end; CONT wakes a stopped one, which could not hear otherwise."""
    return send(target, signal.SIGTERM) and send(target, signal.SIGCONT)


def end_all(
    find: Callable[[], list[Entry]], grace_s: float, patience_s: float = 10.0
) -> list[Entry]:
    """TERM, wait `grace_s`, then KILL until `find` finds no more; blocks.

    Gives up `patience_s` after the first KILL (a process that waits for a device cannot die).
    Returns all that were found.
    """
    begun = time.monotonic()
    seen: dict[tuple[int, int], Entry] = {}
    pause = 0.005
    while living := find():
        now = time.monotonic() - begun
        if now > grace_s + patience_s:
            break
        for one in living:
            if now >= grace_s:
                send(one, signal.SIGKILL)
            elif (one.pid, one.started) not in seen:
                terminate(one)
            seen[one.pid, one.started] = one
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
    return list(seen.values())


def die_with_parent(parent: int) -> None:
    """This process gets KILL when the thread that forked it ends. Call between fork and exec.

    Kept over exec, but for setuid programs. Raises ProcessLookupError when it is too late.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise ProcessLookupError("the parent is gone")


def adopt_orphans() -> None:
    """Orphaned descendants become children of this process instead of init's."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def pid_namespace() -> str:
    """Which pids are meant: the number of this process's pid namespace."""
    return os.readlink("/proc/self/ns/pid").strip("pid:[]")


def out_of_memory_counter() -> Callable[[], int]:
    """Counts the processes that the kernel killed for want of memory.

    Of this process's cgroup (version 2, then 1) where that can be read; else of the machine.
    """
    for path in _counters():
        if _count(path) is not None:
            return lambda path=path: _count(path) or 0  # type: ignore[misc]
    return lambda: 0


def _counters() -> Iterable[str]:
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        lines = []
    for _, controllers, path in lines:
        if controllers == "":
            # In a container the path may be the host's: its own is mounted at the root then.
            yield f"/sys/fs/cgroup{path.rstrip('/')}/memory.events"
            yield "/sys/fs/cgroup/memory.events"
        elif "memory" in controllers.split(","):
            yield f"/sys/fs/cgroup/memory{path.rstrip('/')}/memory.oom_control"
            yield "/sys/fs/cgroup/memory/memory.oom_control"
    yield "/proc/vmstat"


def _count(path: str) -> int | None:
    """The line "oom_kill N" of a kernel file; None when it cannot be had."""
    try:
        with open(path, "rb") as file:
            for line in file:
                name, _, value = line.partition(b" ")
                if name == b"oom_kill":
                    return int(value)
    except (OSError, ValueError):
        pass
    return None
