"""Starts, stops and buries training processes; the agent's end of the warden.

Why a warden (agent/warden.py): the agent has many threads, and may be killed at any moment. The
small process between it and the training forks safely, notices either end, and leaves nothing
behind. This module keeps one alive, and when one was killed, sweeps up what it watched over.
Must never signal a process by its number: orders go to the warden by the attempt's own number.
Neighbours: `agent.classify` says what an Exit means; `agent.launch` makes argv and environment.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent import kernel
from agent.classify import Exit, classify
from agent.launch import SECRETS
from sweeps.errors import LaunchError

__all__ = [
    "Exit",
    "LaunchError",
    "Process",
    "Supervisor",
    "classify",
    "sweep_stragglers",
]

START_LIMIT_S = 60.0
"""A process that has not come to exec by then hangs in a file system that does not answer."""
_WARDEN = Path(__file__).with_name("warden.py")
_ADVICE = {
    ("fork", None): "this machine gives no more processes: {text}",
    ("console", None): "cannot write its console log {console}: {text}",
    ("cwd", None): "cannot work in the folder {cwd}: {text}",
    ("program", "ENOENT"): "{program}: no such program, or the interpreter that its first line "
    "names is not there",
    ("program", "EACCES"): "{program} may not be executed: chmod +x it, or put ${{interpreter}} "
    "before it in the sweep's `command`",
    ("program", "ENOEXEC"): "{program} is neither a binary nor begins with #!: put "
    "${{interpreter}} before it in the sweep's `command`",
    ("program", "E2BIG"): "the command line is too long for the kernel: pass the parameters as "
    "${{args_json_file}}, or read them from `config`",
    ("program", None): "{program} could not be started: {text}",
}


class Process:
    """A training process that was started. Thread-safe."""

    def __init__(self, warden: _Warden, number: int, marker: str) -> None:
        self.pid = 0
        self._warden = warden
        self._number = number
        self._marker = marker
        self._answered = threading.Event()  # started, or failed to
        self._over = threading.Event()
        self._failure: dict[str, Any] | None = None
        self._exit: Exit | None = None

    def wait(self, timeout: float | None = None) -> Exit | None:
        """The end of the process and of all that it left behind; None after `timeout` seconds."""
        self._over.wait(timeout)
        return self._exit

    def stop(self, grace_s: float) -> None:
        """TERM now, KILL after `grace_s`; returns at once. Asked again: the earlier end counts."""
        self._warden.say({"op": "stop", "id": self._number, "grace": grace_s})

    def kill(self) -> None:
        """KILL now, the whole family; returns at once."""
        self.stop(0.0)

    def signal(self, sig: int) -> None:
        """Sends `sig` to the process group; returns at once."""
        self._warden.say({"op": "signal", "id": self._number, "sig": int(sig)})

    # -- what the warden says of it (reader thread) ---------------------------------------------

    def _hear(self, message: Mapping[str, Any]) -> None:
        if "started" in message:
            self.pid = message["started"]
        elif "failed" in message:
            self._failure = dict(message)
            self._over.set()
        else:
            self._exit = Exit(**message["exit"])
            self._over.set()
        self._answered.set()

    def _lose(self) -> None:
        """The warden is gone. What it had started has died with it, or dies here."""
        if self._over.is_set():
            return
        pid = self.pid
        # A leader that was never heard of can only be found by its marker.
        kernel.end_all(lambda: kernel.family(self._marker, pid or -1, reaped=True), 0.0)
        self._exit = Exit(None, 9, time.time(), 0, lost=True)
        self._over.set()
        self._answered.set()


class Supervisor:
    """Starts training processes, from any thread. One per agent process.

    Args:
        agent_id: unique for each start of `sweep agent`; part of every marker.
        grace_s: between TERM and KILL when the agent has died.
    """

    def __init__(self, agent_id: str, *, grace_s: float = 5.0) -> None:
        self._owner = _owner(os.getpid(), agent_id)
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._warden: _Warden | None = None
        self._closed = False

    def marker(self, trial_id: str, token: int) -> str:
        """The value of OPENSWEEP_ATTEMPT for an attempt: names this very agent process too."""
        return f"{self._owner}/{trial_id}.{token}"

    @property
    def warden_pid(self) -> int | None:
        """The warden's pid; None while there is none."""
        warden = self._warden
        return warden.pid if warden else None

    def start(
        self,
        *,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path | str,
        console: Path | str,
        marker: str,
        keep_fds: Sequence[int] = (),
    ) -> Process:
        """Starts a process in its own session: stdin empty, output appended to `console`.

        Args:
            argv: argv[0] is looked up on the PATH of `env`. Never a shell line.
            env: the whole environment; OPENSWEEP_ATTEMPT is added.
            keep_fds: descriptors (locks) that the process inherits, and that stay open until
                nothing of the attempt lives any more, whatever becomes of this agent.

        Raises LaunchError when exec did not happen, saying why.
        """
        order = {
            "op": "start",
            "argv": [_wire(one) for one in argv],
            "env": {_wire(k): _wire(v) for k, v in {**env, kernel.MARKER: marker}.items()},
            "cwd": _wire(cwd),
            "console": _wire(console),
            "marker": _wire(marker),
        }
        for _ in range(2):  # a warden that was killed is replaced once
            process = self._living_warden().start(order, marker, keep_fds)
            if not process._answered.wait(START_LIMIT_S):
                process.kill()
                raise LaunchError(
                    f"{argv[0]} did not start within {START_LIMIT_S:.0f} s: does the file system "
                    f"of {cwd} answer?"
                )
            if process._failure is not None:
                raise _launch_error(process._failure, argv, cwd, console)
            if process.pid:
                return process
        raise LaunchError(
            "the process that watches over the trials was killed twice while starting "
            f"{argv[0]}: is the machine out of memory?"
        )

    def close(self) -> None:
        """Ends whatever still runs (TERM, the short grace, KILL), then the warden. For good."""
        with self._lock:
            self._closed = True
            warden = self._warden
        if warden is not None:
            warden.close(self._grace_s)

    def _living_warden(self) -> _Warden:
        with self._lock:
            if self._closed:
                raise LaunchError("this agent is ending: it starts no more trials")
            if self._warden is None or self._warden.gone:
                self._warden = _Warden(self._owner, self._grace_s)
            return self._warden


class _Warden:
    """One warden process and the thread that listens to it."""

    def __init__(self, owner: str, grace_s: float) -> None:
        ours, theirs = socket.socketpair()
        self._channel = ours
        self._writing = threading.Lock()
        self._processes: dict[int, Process] = {}
        self._numbers = itertools.count(1)
        self.gone = False
        try:
            self._child = subprocess.Popen(
                # Isolated and without site: quick, and deaf to the user's PYTHON* variables.
                [sys.executable, "-I", "-S", "-X", "utf8", str(_WARDEN),
                 str(theirs.fileno()), str(grace_s)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={**_harmless(os.environ), kernel.WARDEN: owner},
                start_new_session=True,  # Ctrl-C in the terminal is for the agent alone
            )  # fmt: skip
        except OSError as error:
            ours.close()
            raise LaunchError(
                f"the process that watches over the trials could not be started: {error}"
            ) from error
        finally:
            theirs.close()
        self.pid = self._child.pid
        self._reader = threading.Thread(target=self._listen, name="warden", daemon=True)
        self._reader.start()

    def start(self, order: Mapping[str, Any], marker: str, keep_fds: Sequence[int]) -> Process:
        number = next(self._numbers)
        process = Process(self, number, marker)
        self._processes[number] = process
        self.say({**order, "id": number, "fds": len(keep_fds)}, keep_fds)
        if self.gone:  # the listener may have been through before this one was on its list
            process._lose()
        return process

    def say(self, message: Mapping[str, Any], fds: Sequence[int] = ()) -> None:
        data = json.dumps(message).encode()
        frame = memoryview(struct.pack(">I", len(data)) + data)
        # A warden that is gone has ended everything, and the listener says so to who waits.
        with self._writing, contextlib.suppress(OSError):
            sent = socket.send_fds(self._channel, [frame], list(fds)) if fds else 0
            self._channel.sendall(frame[sent:])

    def close(self, grace_s: float) -> None:
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)
        self._reader.join(grace_s + 30.0)
        if self._reader.is_alive():
            self._child.kill()
            self._reader.join()

    def _listen(self) -> None:
        stream = self._channel.makefile("rb")
        try:
            while len(head := stream.read(4)) == 4:
                message = json.loads(stream.read(struct.unpack(">I", head)[0]))
                process = self._processes[message["id"]]
                process._hear(message)
                if process._over.is_set():
                    del self._processes[message["id"]]
        except (OSError, ValueError):
            pass  # killed in mid-frame: the same as an end
        finally:
            self.gone = True
            stream.close()
            self._channel.close()
            self._child.wait()
            for process in list(self._processes.values()):
                process._lose()


def sweep_stragglers(grace_s: float = 2.0) -> list[int]:
    """Ends processes of trials whose agent is dead and whose warden is gone; blocks meanwhile.

    For the start of an agent: something is left only when agent and warden were killed together.
    A marker names the agent process by pid namespace, pid and start time, so that neither a
    living agent's trials nor another container's are ever touched. Ours are the processes of
    this user. Returns their pids.
    """
    here = kernel.pid_namespace()
    table = kernel.processes()
    wardens = {kernel.variable(pid, kernel.WARDEN) for pid in table}
    kin = _ancestors(table)

    def orphaned(pid: int) -> bool:
        owner, slash, _ = (kernel.variable(pid, kernel.MARKER) or "").rpartition("/")
        parts = owner.split("-", 3)
        if not slash or len(parts) != 4 or parts[0] != here or owner in wardens:
            return False
        agent = kernel.entry(int(parts[1])) if parts[1].isdigit() else None
        return agent is None or str(agent.started) != parts[2]

    def find() -> list[kernel.Entry]:
        table = kernel.processes()
        roots = [pid for pid in table if pid not in kin and _ours(pid) and orphaned(pid)]
        found = kernel.descendants(table, roots) - kin
        return [table[pid] for pid in found if pid in table and not table[pid].dead]

    return sorted({one.pid for one in kernel.end_all(find, grace_s)})


def _ancestors(table: Mapping[int, kernel.Entry]) -> set[int]:
    """This process and those above it: an agent may have been started from within a trial."""
    kin: set[int] = set()
    pid = os.getpid()
    while pid in table and pid not in kin:
        kin.add(pid)
        pid = table[pid].parent
    return kin


def _ours(pid: int) -> bool:
    try:
        return os.stat(f"/proc/{pid}").st_uid == os.geteuid()
    except OSError:
        return False


def _owner(pid: int, agent_id: str) -> str:
    me = kernel.entry(pid)
    started = me.started if me else 0
    return f"{kernel.pid_namespace()}-{pid}-{started}-{agent_id}"


def _harmless(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without our secrets: the warden's can be read for as long as it lives."""
    return {name: value for name, value in environ.items() if name not in SECRETS}


def _wire(text: str | Path) -> str:
    return os.fsencode(text).decode("latin-1")


def _launch_error(
    failure: Mapping[str, Any], argv: Sequence[str], cwd: Path | str, console: Path | str
) -> LaunchError:
    stage, code = failure["failed"], errno.errorcode.get(failure["errno"] or 0)
    advice = _ADVICE.get((stage, code)) or _ADVICE.get((stage, None)) or "{text}"
    text = os.strerror(failure["errno"]) if failure["errno"] else failure["text"]
    said = advice.format(program=argv[0], cwd=cwd, console=console, text=text)
    return LaunchError(f"the training process could not be started: {said}")
