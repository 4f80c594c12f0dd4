"""Training processes under the warden: real processes, real signals, and nobody left behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import kernel
from agent.classify import Exit
from agent.supervisor import LaunchError, Process, Supervisor, sweep_stragglers

ROOT = Path(kernel.__file__).parents[1]


def wait_until(condition: Callable[[], Any], what: str, limit_s: float = 20.0) -> Any:
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {limit_s} s in vain until {what}"
        time.sleep(0.01)
    return found


def alive(pid: int) -> bool:
    one = kernel.entry(pid)
    return one is not None and not one.dead


class Box:
    """An agent's place: a supervisor, a working folder, a console log."""

    def __init__(self, folder: Path, supervisor: Supervisor) -> None:
        self.folder = folder
        self.console = folder / "console.log"
        self.supervisor = supervisor

    def start(self, *argv: str, name: str = "s-1", **options: Any) -> Process:
        given = {
            "env": {"PATH": os.environ["PATH"]},
            "cwd": self.folder,
            "console": self.console,
            "marker": self.supervisor.marker(name, 1),
            **options,
        }
        return self.supervisor.start(argv=argv, **given)

    def sh(self, script: str, **options: Any) -> Process:
        return self.start("sh", "-c", script, **options)

    def output(self) -> str:
        return self.console.read_text() if self.console.exists() else ""

    def numbers(self, count: int) -> list[int]:
        """The first `count` numbers (pids) that the script printed, each on a line."""
        lines = wait_until(
            lambda: (n := self.output().split()) and len(n) >= count and n, "pids are printed"
        )
        return [int(line) for line in lines[:count]]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    supervisor = Supervisor("test-agent", grace_s=1.0)
    yield Box(tmp_path, supervisor)
    supervisor.close()


def end_of(process: Process, limit_s: float = 20.0) -> Exit:
    exit = process.wait(limit_s)
    assert exit is not None, f"the process had not ended after {limit_s} s"
    return exit


# -- starting -------------------------------------------------------------------------------------


def test_an_exit_is_reported_with_code_or_signal_and_memory(box: Box) -> None:
    before = time.time()
    exit = end_of(box.sh("echo hello; exit 3"))
    assert (exit.code, exit.signal, exit.stragglers, exit.lost) == (3, None, 0, False)
    assert before <= exit.ended <= time.time()
    assert box.output() == "hello\n"
    exit = end_of(box.sh("kill -SEGV $$"))
    assert (exit.code, exit.signal) == (None, signal.SIGSEGV)
    exit = end_of(box.start(sys.executable, "-S", "-c", "x = b'1' * 100_000_000"))
    assert 95_000 < exit.max_rss_kb < 200_000


def test_both_streams_are_appended_to_the_console_and_stdin_is_empty(box: Box) -> None:
    box.console.write_text("before\n")
    end_of(box.sh("cat; echo out; echo err >&2"))
    assert box.output() == "before\nout\nerr\n"


def test_it_runs_in_its_folder_its_own_session_and_with_clean_signals(box: Box) -> None:
    process = box.sh(
        "pwd; echo $OPENSWEEP_ATTEMPT; cut -d' ' -f1,6 /proc/$$/stat;"
        "grep -E 'SigIgn|SigBlk' /proc/self/status"
    )
    end_of(process)
    folder, marker, ids, *masks = box.output().splitlines()
    assert folder == str(box.folder)
    assert marker == box.supervisor.marker("s-1", 1)
    assert ids == f"{process.pid} {process.pid}"
    # Two signals are the C library's own; programs started by `make` have one of them ignored.
    ours = sum(1 << (number - 1) for number in signal.valid_signals())
    assert [int(mask.split()[1], 16) & ours for mask in masks] == [0, 0]


def test_a_path_with_odd_things_in_it_finds_what_a_shell_finds(box: Box) -> None:
    """A file that may not be run, or a folder that may not be entered, is no program."""
    (box.folder / "true").write_text("not executable")
    (box.folder / "nowhere").write_text("not executable")
    env = {"PATH": f"{box.folder}:{os.environ['PATH']}"}
    assert end_of(box.start("true", env=env)).code == 0
    with pytest.raises(LaunchError, match="too long"):
        box.start("true", "x" * 200_000, env=env)
    with pytest.raises(LaunchError, match="nowhere: no such program"):
        box.start("nowhere", env=env)


def test_nothing_but_what_was_kept_is_inherited(box: Box) -> None:
    with (box.folder / "lock").open("w") as kept, (box.folder / "other").open("w"):
        end_of(box.sh("ls -l /proc/self/fd", keep_fds=[kept.fileno()]))
    links = [line.rpartition(" -> ")[2] for line in box.output().splitlines() if "->" in line]
    expected = ["/dev/null", str(box.console), str(box.console), str(box.folder / "lock")]
    assert sorted(link for link in links if not link.startswith("/proc")) == sorted(expected)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda box: box.start("no-such-program"), "no-such-program: no such program"),
        (lambda box: box.start("./plain.txt"), r"may not be executed: chmod \+x"),
        (lambda box: box.start("./odd"), "neither a binary nor begins with #!"),
        (lambda box: box.start("./lost"), "the interpreter that its first line names"),
        (lambda box: box.sh("true", cwd=box.folder / "gone"), "cannot work in the folder .*gone"),
        (lambda box: box.sh("true", console=box.folder), "cannot write its console log"),
        (lambda box: box.start("true", "x" * 200_000), "command line is too long"),
        (lambda box: box.start("true", "a\0b"), "null byte"),
    ],
)
def test_what_cannot_be_started_says_why(
    box: Box, make: Callable[[Box], Process], says: str
) -> None:
    (box.folder / "plain.txt").write_text("text")
    for name, text in (("odd", "text"), ("lost", "#!/no/such/interpreter\n")):
        (box.folder / name).write_text(text)
        (box.folder / name).chmod(0o755)
    with pytest.raises(LaunchError, match=says):
        make(box)
    # Another one: what bears the mark of the attempt that ended is looked for, and ended, still.
    assert end_of(box.sh("exit 5", name="s-2")).code == 5, "the next trial starts all the same"


def test_arguments_and_environment_survive_as_bytes(box: Box) -> None:
    odd = os.fsdecode(b"\xff\xfe") + "äöü\n'\"$(x)"
    code = "import os, sys; print(ascii(sys.argv[1]), ascii(os.environ['ODD']), len(sys.argv[2]))"
    env = {"PATH": os.environ["PATH"], "ODD": odd, "PYTHONUTF8": "1"}
    end_of(box.start(sys.executable, "-c", code, odd, "x" * 120_000, env=env))
    assert box.output() == f"{odd!a} {odd!a} 120000\n"


def test_many_threads_may_start_at_once(box: Box) -> None:
    exits: list[int | None] = []

    def work(number: int) -> None:
        for _ in range(5):
            exits.append(end_of(box.sh(f"exit {number}", name=f"s-{number}")).code)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(exits) == sorted(number for number in range(8) for _ in range(5))  # type: ignore[type-var]


def test_two_hundred_trials_leave_nothing_behind(box: Box) -> None:
    with (box.folder / "lock").open("w") as lock:

        def state() -> tuple[int, int, int, int]:
            warden = box.supervisor.warden_pid
            table = kernel.processes()
            children = sum(one.parent == warden for one in table.values())
            open_here = len(os.listdir("/proc/self/fd"))
            return (
                open_here, len(os.listdir(f"/proc/{warden}/fd")), children, threading.active_count()
            )  # fmt: skip

        end_of(box.start("true"))
        before = state()
        for _ in range(200):
            assert end_of(box.start("true", keep_fds=[lock.fileno()])).code == 0
        assert state() == before


# -- stopping -------------------------------------------------------------------------------------


def test_a_script_that_hears_term_may_end_cleanly(box: Box) -> None:
    process = box.sh("trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.02; done")
    wait_until(lambda: "ready" in box.output(), "it runs")
    process.stop(20.0)
    assert end_of(process, 10.0).code == 0
    assert box.output().endswith("saved\n")


def test_an_exit_says_whether_the_script_ended_before_it_was_told_to(box: Box) -> None:
    told = box.sh("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done")
    wait_until(lambda: "ready" in box.output(), "it listens")
    told.stop(5.0)
    exit = end_of(told)
    assert (exit.code, exit.by_itself) == (0, False)
    # What it left behind keeps its end from being reported when the order comes.
    late = box.sh("(trap '' TERM; echo left; while :; do sleep 0.01; done) & exit 0")
    wait_until(lambda: "left" in box.output(), "its child runs")
    wait_until(lambda: not alive(late.pid), "it has ended")
    late.stop(0.1)
    exit = end_of(late)
    assert (exit.code, exit.by_itself) == (0, True)


def test_a_script_that_ignores_term_is_killed_after_the_grace(box: Box) -> None:
    process = box.sh("trap '' TERM; echo ready; while :; do sleep 0.02; done")
    wait_until(lambda: "ready" in box.output(), "it runs")
    begun = time.monotonic()
    process.stop(0.5)
    assert process.wait(0.2) is None, "it was killed before its grace was over"
    exit = end_of(process)
    assert exit.signal == signal.SIGKILL
    assert 0.5 <= time.monotonic() - begun < 5.0


def test_the_earlier_of_two_stops_counts_and_kill_is_at_once(box: Box) -> None:
    process = box.sh("trap '' TERM; echo ready; while :; do sleep 0.02; done")
    wait_until(lambda: "ready" in box.output(), "it runs")
    process.stop(600.0)
    process.kill()
    process.stop(600.0)
    assert end_of(process, 10.0).signal == signal.SIGKILL


def test_a_stopped_process_hears_term_too(box: Box) -> None:
    process = box.sh("trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done")
    wait_until(lambda: "ready" in box.output(), "it runs")
    process.signal(signal.SIGSTOP)
    process.stop(20.0)
    assert end_of(process, 10.0).code == 9


def test_a_grandchild_in_its_own_session_dies_with_its_trial(box: Box) -> None:
    process = box.sh("setsid sleep 600 & echo $!; wait")
    (grandchild,) = box.numbers(1)
    assert alive(grandchild)
    process.stop(10.0)
    end_of(process, 5.0)
    assert not alive(grandchild)


def test_what_outlives_a_script_that_ended_by_itself_dies_too(box: Box) -> None:
    process = box.sh(
        "(trap '' TERM; : > deaf; exec setsid sleep 600) & echo $!; sleep 600 & echo $!;"
        "until [ -e deaf ]; do sleep 0.01; done; exit 0"
    )
    deaf, plain = box.numbers(2)
    exit = end_of(process)
    assert (exit.code, exit.stragglers) == (0, 1)
    assert not alive(deaf)
    assert not alive(plain)


def test_a_grandchild_that_cast_off_its_environment_dies_too(box: Box) -> None:
    process = box.sh(
        "env -i setsid sleep 600 & echo $!;"
        "until [ $(cat /proc/$!/comm) = sleep ]; do sleep 0.01; done; exit 0"
    )
    (grandchild,) = box.numbers(1)
    end_of(process)
    assert not alive(grandchild)


def test_the_rest_of_the_grace_is_for_the_child_of_a_shell_that_died_of_term(box: Box) -> None:
    script = (
        "import signal, sys, time\n"
        "def save(*_):\n"
        "    time.sleep(0.3); print('saved', flush=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, save); print('ready', flush=True); time.sleep(600)\n"
    )
    (box.folder / "train.py").write_text(script)
    process = box.sh(f"{sys.executable} -S train.py; echo done")
    wait_until(lambda: "ready" in box.output(), "it runs")
    process.stop(20.0)
    exit = end_of(process, 10.0)
    assert (exit.signal, exit.stragglers) == (signal.SIGTERM, 0)
    assert box.output() == "ready\nsaved\n"


def test_orders_to_what_has_ended_are_harmless(box: Box) -> None:
    process = box.start("true")
    end_of(process)
    process.stop(1.0)
    process.kill()
    process.signal(signal.SIGUSR1)
    assert end_of(box.sh("exit 4")).code == 4


def test_close_ends_what_runs_and_the_warden(box: Box) -> None:
    process = box.sh("trap '' TERM; echo ready; while :; do sleep 0.02; done")
    wait_until(lambda: "ready" in box.output(), "it runs")
    warden = box.supervisor.warden_pid
    assert warden
    box.supervisor.close()
    assert end_of(process).signal == signal.SIGKILL
    assert not alive(warden)
    with pytest.raises(LaunchError, match="is ending"):
        box.start("true")


def test_the_warden_is_deaf_to_what_is_meant_for_the_agent(box: Box) -> None:
    process = box.sh("echo ready; sleep 600")
    wait_until(lambda: "ready" in box.output(), "it runs")
    warden = box.supervisor.warden_pid
    assert warden
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(warden, sig)
    assert end_of(box.sh("exit 6", name="s-2")).code == 6
    assert process.wait(0) is None
    process.kill()
    end_of(process)


# -- when agent or warden are killed --------------------------------------------------------------

AGENT = """
import fcntl, json, os, sys, time
from pathlib import Path
from agent.supervisor import Supervisor
folder, name, script = sys.argv[1:]
lock = open(folder + "/lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
supervisor = Supervisor(name, grace_s=0.5)
process = supervisor.start(
    argv=["sh", "-c", script], env={"PATH": os.environ["PATH"]}, cwd=folder,
    console=folder + "/console.log", marker=supervisor.marker("s-1", 1), keep_fds=[lock.fileno()],
)
lock.close()
print(json.dumps([supervisor.warden_pid, process.pid]), flush=True)
time.sleep(600)
"""


class Agent:
    """A process that plays the agent, to be killed."""

    def __init__(self, folder: Path, name: str, script: str) -> None:
        folder.mkdir()
        self.box = Box(folder, None)  # type: ignore[arg-type]
        self.process = subprocess.Popen(
            [sys.executable, "-c", AGENT, str(folder), name, script],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout
        self.warden, self.leader = json.loads(self.process.stdout.readline())

    def lock_is_free(self) -> bool:
        with (self.box.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def new_agent(tmp_path: Path) -> Iterator[Callable[[str, str], Agent]]:
    made: list[Agent] = []

    def make(name: str, script: str) -> Agent:
        made.append(Agent(tmp_path / name, name, script))
        return made[-1]

    yield make
    for agent in made:
        agent.kill()
        wait_until(lambda agent=agent: not alive(agent.warden), "the warden is gone")


DEAF = "trap '' TERM; (trap '' TERM; exec setsid sleep 600) & echo $!; while :; do sleep 0.02; done"


def test_when_the_agent_is_killed_all_die_and_the_lock_is_held_until_then(
    new_agent: Callable[[str, str], Agent],
) -> None:
    agent = new_agent("a", DEAF)
    (grandchild,) = agent.box.numbers(1)
    assert not agent.lock_is_free()
    begun = time.monotonic()
    agent.kill()
    wait_until(agent.lock_is_free, "the lock is free")
    assert not alive(agent.leader)
    assert not alive(grandchild)
    assert 0.5 <= time.monotonic() - begun < 5.0
    wait_until(lambda: not alive(agent.warden), "the warden has ended")


def test_when_the_warden_is_killed_its_trials_are_lost_and_the_next_ones_start(box: Box) -> None:
    process = box.sh(DEAF)
    (grandchild,) = box.numbers(1)
    warden = box.supervisor.warden_pid
    assert warden
    os.kill(warden, signal.SIGKILL)
    exit = end_of(process)
    assert exit.lost
    assert not alive(process.pid)
    assert not alive(grandchild)
    assert end_of(box.sh("exit 8")).code == 8
    assert box.supervisor.warden_pid != warden


def test_what_is_left_when_both_were_killed_is_swept_and_living_agents_are_left_alone(
    new_agent: Callable[[str, str], Agent],
) -> None:
    dead, living = new_agent("dead", DEAF), new_agent("living", DEAF)
    (orphan,) = dead.box.numbers(1)
    (other,) = living.box.numbers(1)
    # The agent first: its warden must not live to clean up.
    os.kill(dead.warden, signal.SIGSTOP)
    dead.kill()
    assert orphan not in sweep_stragglers(0.0), "a warden that lives does its own work"
    os.kill(dead.warden, signal.SIGKILL)
    wait_until(lambda: not alive(dead.warden) and not alive(dead.leader), "the warden is gone")
    assert alive(orphan), "this test needs a process that escaped"
    assert orphan in sweep_stragglers(0.2)
    assert not alive(orphan)
    assert alive(living.leader)
    assert alive(other)
    assert orphan not in sweep_stragglers(0.0)


def test_a_lock_stays_held_while_the_trial_lives_and_no_longer(box: Box) -> None:
    path = box.folder / "gpu.lock"

    def is_free() -> bool:
        with path.open("w") as probe:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            return False

    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = box.sh("exec sleep 600", keep_fds=[lock.fileno()])
    assert not is_free()
    process.kill()
    end_of(process)
    assert is_free()
