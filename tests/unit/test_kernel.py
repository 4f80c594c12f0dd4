"""What /proc says of processes, and that a signal hits the one that is meant or none."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import kernel


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"], env={kernel.MARKER: "m-1", "OTHER": "m-2"})
    yield process
    process.kill()
    process.wait()


def found(pid: int) -> kernel.Entry:
    one = kernel.entry(pid)
    assert one is not None
    return one


def without_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, flags: int = 0) -> int:
        raise OSError(errno.ENOSYS, "not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)


@pytest.mark.parametrize("old_kernel", [False, True])
def test_a_process_gets_its_signal(
    sleeper: subprocess.Popen[bytes], old_kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if old_kernel:
        without_pidfd(monkeypatch)
    assert kernel.send(found(sleeper.pid), signal.SIGTERM)
    assert sleeper.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("old_kernel", [False, True])
def test_a_later_process_of_the_same_pid_gets_none(
    sleeper: subprocess.Popen[bytes], old_kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if old_kernel:
        without_pidfd(monkeypatch)
    earlier = found(sleeper.pid)._replace(started=1)
    assert not kernel.send(earlier, signal.SIGKILL)
    assert sleeper.poll() is None


def test_a_name_with_parentheses_and_spaces_does_not_confuse(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "600"]) as process:
        one = found(process.pid)
        process.kill()
    assert (one.pid, one.parent) == (process.pid, os.getpid())


def test_a_variable_is_matched_by_its_whole_name(sleeper: subprocess.Popen[bytes]) -> None:
    assert kernel.variable(sleeper.pid, kernel.MARKER) == "m-1"
    assert kernel.variable(sleeper.pid, "OTHER") == "m-2"
    assert kernel.variable(sleeper.pid, "THER") is None
    assert kernel.variable(2**22 + 1, kernel.MARKER) is None


def test_a_family_is_found_by_marker_and_no_further(sleeper: subprocess.Popen[bytes]) -> None:
    assert [one.pid for one in kernel.family("m-1", -1, reaped=True)] == [sleeper.pid]
    assert kernel.family("m-", -1, reaped=True) == []
    assert kernel.family("m-2", -1, reaped=True) == []


def test_descendants_are_found_down_to_the_last() -> None:
    table = {
        pid: kernel.Entry(pid, "S", parent, 0, 0, 0)
        for pid, parent in [(1, 0), (2, 1), (3, 2), (4, 3), (5, 1)]
    }
    assert kernel.descendants(table, [2]) == {2, 3, 4}


def test_kills_for_memory_are_counted_where_the_cgroup_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = tmp_path / "memory.events"
    monkeypatch.setattr(kernel, "_counters", lambda: [str(tmp_path / "missing"), str(events)])
    events.write_text("low 0\noom 9\noom_kill 2\noom_group_kill 0\n")
    count = kernel.out_of_memory_counter()
    assert count() == 2
    events.write_text("oom_kill 3\n")
    assert count() == 3
    events.unlink()
    assert count() == 0
    assert kernel.out_of_memory_counter()() == 0


def test_it_needs_nothing_but_the_standard_library() -> None:
    """The warden starts without site-packages."""
    code = "import sys; sys.path.append(sys.argv[1]); import agent.warden"
    root = str(Path(kernel.__file__).parents[1])
    subprocess.run([sys.executable, "-I", "-S", "-c", code, root], check=True)
