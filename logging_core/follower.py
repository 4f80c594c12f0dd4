"""The process that carries this one's run folders to the server while they grow: one a process.

init() starts it where a server is known and opensweep is installed whole, and names each run's
folder to it through a pipe. Only the end of a run waits for it, and not for long: an empty line
says that a run ended; the pipe's end, that this process is gone, however it went. It ends by itself
once all is sent. It is no child of this process (a script that waits for its children does not meet
it) and no part of its terminal.
Neighbours: start.py calls; opensweep/following.py is what runs there.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path

from logging_core import terminal
from logging_core.fate import Fate
from logging_core.folder import RunFolder, WriterName, being_written
from logging_core.hints import Mapping
from logging_core.home import home_folder, known_server

_CODE = "import sys; sys.path.append(sys.argv[1]); from opensweep.following import main; main()"
# The shell puts it into the background and is gone at once: what stays has no parent to surprise.
_SHELL = '"$@" <&3 3<&- >>"$0" 2>&1 &'
_ALONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # NumPy starts no threads

FINISH_WAIT_S = 10.0
"""Seconds that a clean end waits for the server to have all; OPENSWEEP_FINISH_WAIT_S says other."""
_LOOK_S = 0.05  # before the server is looked for; the first time, then ten times as long
_CONNECT_S = 0.4
_ANSWER_S = 2.0

_pipe = -1  # to the follower of this process


def installed() -> bool:
    """Whether this interpreter has all that a follower needs; the logger alone is not enough."""
    if sys.version_info < (3, 11) or not sys.executable:
        return False
    from importlib.machinery import PathFinder

    rooms = Path(__file__).parent.parent
    whole = (rooms / "agent" / "follow.py").exists()
    return whole and all(PathFinder.find_spec(name) for name in ("urllib3", "zstandard"))


def follow(folder: Path) -> bool:
    """Have the folder carried to the server from now on. False, after a warning: it cannot be."""
    _forget_trouble(RunFolder(folder))
    line = (json.dumps({"folder": str(folder)}) + "\n").encode()
    return (_pipe >= 0 and _told(line)) or (_start(folder) and _told(line))


def see_to_the_end(folder: Path, token: int, wait_s: float | None) -> Fate:
    """The run in `folder` is over: should its follower have been killed, another one does the rest.

    `wait_s`: how long to wait until all is sent, while the server is there. None: FINISH_WAIT_S,
    unless other processes still write the run.
    """
    if not (_pipe >= 0 and _told(b"\n")):
        follow(folder)
    run = RunFolder(folder)
    if wait_s is None:
        wait_s = 0.0 if _shared(run, token) else FINISH_WAIT_S
    begun = time.monotonic()
    look_at = begun + _LOOK_S
    while True:
        note = run.read_sync()
        if note.get("error"):
            return Fate("refused" if note.get("refused") else "failed", str(note["error"]))
        if str(token) in note.get("sent", {}):
            return Fate("sent")
        now = time.monotonic()
        if wait_s and now >= look_at:
            silent = _ask_server()
            if silent:
                return Fate(silent, left=_left(run, token))
            look_at = time.monotonic() + 10 * _LOOK_S
        if now - begun >= wait_s:
            return Fate("waited" if wait_s else "under way", left=_left(run, token))
        time.sleep(0.01)


def _shared(run: RunFolder, token: int) -> bool:
    names = filter(None, map(WriterName.parse, run.writers()))
    return any(being_written(run.records(name)) for name in names if name.token == token)


def _ask_server() -> str:
    """ "": the server answers; "away": nobody is there; "waited": somebody is, and says nothing."""
    from http import client  # only here, at the end of a run
    from urllib.parse import urlsplit

    known = known_server()
    if known is None:
        return "away"
    kind = client.HTTPSConnection if known.url.startswith("https:") else client.HTTPConnection
    try:
        connection = kind(urlsplit(known.url).netloc.rpartition("@")[2], timeout=_CONNECT_S)
        with contextlib.closing(connection):
            connection.connect()
            try:
                connection.sock.settimeout(_ANSWER_S)
                connection.request("GET", "/healthz")
                connection.getresponse()
            except (OSError, client.HTTPException):
                return "waited"
    except (OSError, ValueError, client.HTTPException):
        return "away"
    return ""


def _left(run: RunFolder, token: int) -> int:
    """Bytes of an attempt that are not acknowledged; files and artifacts are not counted."""
    left = 0
    for name in filter(None, map(WriterName.parse, run.writers())):
        if name.token != token:
            continue
        try:
            there = json.loads(run.shipped(name).read_text("utf-8"))
        except (OSError, ValueError):
            there = {}
        parts = (("history", run.records), ("console", run.console), ("system", run.system))
        for kind, path in parts:
            with contextlib.suppress(OSError, KeyError, TypeError):
                left += max(0, path(name).stat().st_size - there.get(kind, {"start": 0})["start"])
    return left


def _forget_trouble(run: RunFolder) -> None:
    """What went wrong before is no word on this attempt."""
    note = run.read_sync()
    if note.get("error"):
        with contextlib.suppress(OSError):
            run.write_sync({**note, "error": "", "refused": False})


def _told(line: bytes) -> bool:
    """Whether the follower lives and has the line."""
    try:
        return os.write(_pipe, line) == len(line)
    except BlockingIOError:
        return True  # it lives, and has much to read: what it was told before is enough
    except OSError:
        _drop()
        return False


def _start(folder: Path) -> bool:
    global _pipe
    theirs, ours = os.pipe()
    try:
        if theirs == 3:  # it is to become 3 there, and the same number would stay close-on-exec
            theirs, spare = os.dup(theirs), theirs
            os.close(spare)
        null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
        log = str(folder / "follow.log")
        command = [sys.executable, "-P", "-W", "ignore", "-c", _CODE, home_of_the_package()]
        shell = os.posix_spawn(
            "/bin/sh",
            ["/bin/sh", "-c", _SHELL, log, *command],
            _environment(os.environ),
            file_actions=[*null, (os.POSIX_SPAWN_DUP2, theirs, 3)],
            setsid=True,
        )
    except (OSError, NotImplementedError) as error:
        os.close(ours)
        terminal.warn(f"the run is not sent while it goes on: {error}")
        return False
    finally:
        os.close(theirs)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(shell, 0)
    os.set_blocking(ours, False)
    _pipe = ours
    return True


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {**environ, **dict.fromkeys(_ALONE, "1"), "OPENSWEEP_HOME": str(home_folder(environ))}


def home_of_the_package() -> str:
    """Where `opensweep` is imported from: installed, the rooms lie inside it, else beside it."""
    rooms = Path(__file__).resolve().parent.parent
    return str(rooms.parent.parent if rooms.name == "_rooms" else rooms)


def _drop() -> None:
    global _pipe
    if _pipe >= 0:
        os.close(_pipe)
        _pipe = -1


# A forked child must not hold the pipe open when its parent has died.
os.register_at_fork(after_in_child=_drop)
