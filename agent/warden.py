"""The warden: a small process that starts the training processes and outlives the agent.

It is started by `agent.supervisor` by its path, and speaks with it over a socket pair. Because it
has one thread, it may fork and run code before exec; because it is no agent, it survives the
agent's kill -9 long enough to stop what runs. When the warden itself is killed, the kernel kills
its children (PDEATHSIG), and the agent sweeps up the rest.

Frames, each way: 4 bytes of length (big-endian), then JSON. Strings that are paths, arguments or
environment travel as Latin-1, one character a byte, so that any bytes survive.
  to it:   {op: start, id, argv, env, cwd, console, marker, fds: n} with n descriptors attached,
           {op: stop, id, grace}, {op: signal, id, sig}
  from it: {id, started: pid} | {id, failed: stage, errno, text} | {id, exit: {…}}
End of stream means that the agent is gone, or wants to be: everything ends by the ladder.

The ladder: TERM to the process group; after the grace KILL to the whole family (group, session,
whoever carries the attempt's marker, and their children). What outlives its script gets TERM, a
little time, and KILL too. An exit is reported when nothing of the attempt lives any more, and
until then the warden keeps the attempt's locks open.

Must never: import anything outside the standard library (it starts with -I -S), touch the user's
files itself (they may hang: the forked child does), or block.
"""

from __future__ import annotations

import array
import contextlib
import errno
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections import deque
from typing import Any

# Started by path and isolated, the folder that holds the package `agent` has to be named.
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from agent import kernel

STRAGGLER_GRACE_S = 2.0
"""What a process gets between TERM and KILL when its script has ended by itself."""
UNDYING_S = 10.0
"""After so long since the first KILL an exit is reported although something still lives."""


class Attempt:
    """One training process and what belongs to it."""

    def __init__(self, number: int, marker: str, pid: int, fds: list[int], oom_kills: int) -> None:
        self.number = number
        self.marker = marker
        self.pid = pid
        self.fds = fds
        self.failed = -1  # the pipe on which the child says why it could not exec
        self.oom_kills = oom_kills
        self.deadline: float | None = None  # KILL from here on
        self.disturbed = False  # a signal was sent to it while it lived
        self.exit: dict[str, Any] | None = None  # the leader has been reaped
        self.reported = False
        self.known: set[tuple[int, int]] = set()  # all that were ever seen to belong to it
        self.asked: set[tuple[int, int]] = set()  # those that had their TERM
        self.killed: set[tuple[int, int]] = set()
        self.next_look = 0.0
        self.pause = 0.005


class Warden:
    def __init__(self, channel: socket.socket, grace_s: float) -> None:
        self._channel = channel
        self._grace_s = grace_s
        self._attempts: dict[int, Attempt] = {}  # by leader's pid
        self._inbox = bytearray()
        self._descriptors: deque[int] = deque()
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ, self._hear)
        self._closing = False
        self._oom_kills = kernel.out_of_memory_counter()
        wake, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._selector.register(wake, selectors.EVENT_READ, lambda: os.read(wake, 4096))

    def run(self) -> None:
        while not self._closing or self._attempts:
            looks = [one.next_look for one in self._attempts.values() if one.next_look]
            wait = max(0.0, min(looks) - time.monotonic()) if looks else None
            for key, _ in self._selector.select(wait):
                key.data()
            self._reap()
            for attempt in list(self._attempts.values()):
                self._advance(attempt)

    # -- what the agent says --------------------------------------------------------------------

    def _hear(self) -> None:
        if not self._receive():
            self._selector.unregister(self._channel)
            self._closing = True
            for attempt in self._attempts.values():
                self._stop(attempt, self._grace_s)
            return
        while len(self._inbox) >= 4:
            (length,) = struct.unpack_from(">I", self._inbox)
            if len(self._inbox) < 4 + length:
                return
            message = json.loads(self._inbox[4 : 4 + length])
            del self._inbox[: 4 + length]
            self._obey(message)

    def _receive(self) -> bool:
        """Takes in what has come; descriptors come with the first byte of their frame."""
        try:
            data, extra, _, _ = self._channel.recvmsg(
                1 << 16, socket.CMSG_SPACE(253 * 4), socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionError:
            return False
        for level, kind, payload in extra:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
                self._descriptors.extend(numbers)
        self._inbox += data
        return bool(data)

    def _obey(self, message: dict[str, Any]) -> None:
        if message["op"] == "start":
            fds = [self._descriptors.popleft() for _ in range(message["fds"])]
            self._start(message, fds)
            return
        for attempt in self._attempts.values():
            if attempt.number == message["id"] and attempt.exit is None:
                if message["op"] == "stop":
                    self._stop(attempt, message["grace"])
                else:
                    self._signal(attempt, message["sig"])

    def _say(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        with contextlib.suppress(OSError):  # nobody listens any more: end of stream follows
            self._channel.sendall(struct.pack(">I", len(data)) + data)

    # -- starting -------------------------------------------------------------------------------

    def _start(self, message: dict[str, Any], fds: list[int]) -> None:
        number = message["id"]
        pipe: tuple[int, ...] = ()
        before = self._oom_kills()
        parent = os.getpid()
        # No signal may find the child with the warden's own dispositions.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pipe = os.pipe2(os.O_CLOEXEC)
            pid = os.fork()
        except OSError as error:  # no descriptors, processes or memory left
            self._say({"id": number, "failed": "fork", "errno": error.errno, "text": str(error)})
            for fd in (*pipe, *fds):
                os.close(fd)
            return
        else:
            if pid == 0:
                become(message, fds, parent, pipe[1])  # does not return
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.close(pipe[1])
        attempt = Attempt(number, _bytes(message["marker"]).decode(), pid, fds, before)
        attempt.failed = pipe[0]
        self._attempts[pid] = attempt
        self._selector.register(pipe[0], selectors.EVENT_READ, lambda: self._settle(attempt))

    def _settle(self, attempt: Attempt) -> None:
        """The pipe to the child has closed: exec has happened, or the child said why not."""
        if attempt.failed < 0:
            return
        self._selector.unregister(attempt.failed)
        with open(attempt.failed, "rb") as file:
            reason = file.read()
        attempt.failed = -1
        if reason:
            self._say({"id": attempt.number, **json.loads(reason)})
            attempt.reported = True
        else:
            self._say({"id": attempt.number, "started": attempt.pid})

    # -- stopping -------------------------------------------------------------------------------

    def _stop(self, attempt: Attempt, grace_s: float) -> None:
        deadline = time.monotonic() + grace_s
        if attempt.deadline is None:
            if attempt.exit is None and grace_s > 0:
                self._signal(attempt, signal.SIGTERM)
                self._signal(attempt, signal.SIGCONT)
                for one in self._family(attempt):
                    if one.group == attempt.pid:  # a second TERM might cut its clean end short
                        attempt.asked.add((one.pid, one.started))
            attempt.deadline = deadline
        attempt.deadline = min(attempt.deadline, deadline)
        attempt.next_look = attempt.deadline if attempt.exit is None else time.monotonic()

    def _signal(self, attempt: Attempt, sig: int) -> None:
        """To the group of a leader that is not reaped yet: neither number can be anyone else's."""
        attempt.disturbed = attempt.disturbed or not _has_ended(attempt.pid)
        with contextlib.suppress(PermissionError):  # a setuid program
            try:
                os.killpg(attempt.pid, sig)
            except ProcessLookupError:  # it has not come to setsid() yet
                os.kill(attempt.pid, sig)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            attempt = self._attempts.get(pid)
            if attempt is None:  # an orphan that was adopted
                continue
            code = os.waitstatus_to_exitcode(status)
            attempt.exit = {
                "code": code if code >= 0 else None,
                "signal": -code if code < 0 else None,
                "ended": time.time(),
                "max_rss_kb": usage.ru_maxrss,
                "oom_kills": max(0, self._oom_kills() - attempt.oom_kills),
                "by_itself": not attempt.disturbed,
            }
            attempt.next_look = time.monotonic()

    def _family(self, attempt: Attempt) -> list[kernel.Entry]:
        """The living processes of an attempt.

        An orphan that cast off its environment and its session cannot be told from another
        attempt's; the last attempt that ends takes all of these with it.
        """
        if attempt.exit is not None and len(self._attempts) == 1 and _has_children():
            orphans = [one for one in kernel.processes().values() if one.parent == os.getpid()]
            attempt.known.update((one.pid, one.started) for one in orphans)
        living = kernel.family(
            attempt.marker, attempt.pid, reaped=attempt.exit is not None, known=attempt.known
        )
        attempt.known.update((one.pid, one.started) for one in living)
        return living

    def _advance(self, attempt: Attempt) -> None:
        """The next rung, when it is time for it."""
        now = time.monotonic()
        if not attempt.next_look or now < attempt.next_look:
            return
        living = self._family(attempt)
        if attempt.exit is not None and not living:
            self._bury(attempt)
            return
        if attempt.deadline is None:
            attempt.deadline = now + STRAGGLER_GRACE_S
        attempt.disturbed = attempt.disturbed or attempt.exit is None
        for one in living:
            key = (one.pid, one.started)
            if now >= attempt.deadline:
                kernel.send(one, signal.SIGKILL)
                attempt.killed.add(key)
            elif key not in attempt.asked:
                kernel.terminate(one)
                attempt.asked.add(key)
        if now > attempt.deadline + UNDYING_S:
            self._report(attempt)
            attempt.pause = 1.0
            if self._closing:  # it waits for a device, or for a disk: nothing more can be done
                self._bury(attempt)
        attempt.next_look = now + attempt.pause
        attempt.pause = min(attempt.pause * 2, max(0.1, attempt.pause))

    def _bury(self, attempt: Attempt) -> None:
        del self._attempts[attempt.pid]
        for fd in attempt.fds:
            os.close(fd)
        self._report(attempt)

    def _report(self, attempt: Attempt) -> None:
        self._settle(attempt)
        if attempt.reported:
            return
        attempt.reported = True
        killed = {pid for pid, _ in attempt.killed} - {attempt.pid}
        exit_ = attempt.exit or {
            "code": None, "signal": int(signal.SIGKILL), "ended": time.time(), "max_rss_kb": 0,
            "oom_kills": 0,
        }  # fmt: skip
        self._say({"id": attempt.number, "exit": {**exit_, "stragglers": len(killed)}})


def _has_ended(pid: int) -> bool:
    """Whether a child that is not reaped yet lives no more."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def become(message: dict[str, Any], fds: list[int], parent: int, failed: int) -> None:
    """In the forked child: turns into the training process, or writes to `failed` why not."""
    stage = "prepare"
    try:
        os.setsid()
        kernel.die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        for sig in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(sig, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        stage = "console"
        console = os.open(_bytes(message["console"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(console, 1)
        os.dup2(console, 2)
        for fd in fds:
            os.set_inheritable(fd, True)
        stage = "cwd"
        os.chdir(_bytes(message["cwd"]))
        stage = "program"
        argv = [_bytes(one) for one in message["argv"]]
        env = {_bytes(key): _bytes(value) for key, value in message["env"].items()}
        os.execve(_found(argv[0], env), argv, env)  # noqa: S606 no shell is what is wanted
    except BaseException as error:
        number = error.errno if isinstance(error, OSError) else None
        reason = {"failed": stage, "errno": number, "text": str(error)}
        os.write(failed, json.dumps(reason).encode())
    os._exit(127)


def _found(program: bytes, env: dict[bytes, bytes]) -> bytes:
    """The file that a shell would run. (os.execvpe, whose PATH leads through a folder that may not
    be entered, or by a file of that name that may not be run, blames that for whatever comes.)"""
    if b"/" in program:
        return program
    for folder in env.get(b"PATH", os.fsencode(os.defpath)).split(b":"):
        file = os.path.join(folder or b".", program)
        if os.path.isfile(file) and os.access(file, os.X_OK):
            return file
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def main() -> None:
    # A whole cgroup or group gets TERM when a machine shuts down; the agent decides then, and
    # the warden stays until the agent has ended.
    for sig in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler, or the wake-up pipe stays silent
    kernel.adopt_orphans()
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    Warden(channel, float(sys.argv[2])).run()


if __name__ == "__main__":
    main()
