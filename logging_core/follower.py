"""The process that carries this one's run folders to the server while they grow: one a process.

init() starts it where a server is known and opensweep is installed whole, and names each run's
folder to it through a pipe. Nothing here waits for it: the pipe's end tells it that this process
is gone, however it went, and it ends by itself once all is sent. It is no child of this process
(a script that waits for its children does not meet it) and no part of its terminal.
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
from logging_core.folder import RunFolder
from logging_core.hints import Mapping
from logging_core.home import home_folder

_CODE = "import sys; sys.path.append(sys.argv[1]); from opensweep.following import main; main()"
# The shell puts it into the background and is gone at once: what stays has no parent to surprise.
_SHELL = '"$@" <&3 3<&- >>"$0" 2>&1 &'
_ALONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # NumPy starts no threads

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
    line = (json.dumps({"folder": str(folder)}) + "\n").encode()
    return (_pipe >= 0 and _told(line)) or (_start(folder) and _told(line))


def see_to_the_end(folder: Path, token: int, wait_s: float) -> None:
    """The run in `folder` is over: should its follower have been killed, another one does the rest.

    `wait_s`: how long to wait until all is sent; for a process whose end takes all others with it.
    """
    if not (_pipe >= 0 and _told(b"\n")):
        follow(folder)
    patience = time.monotonic() + wait_s
    run = RunFolder(folder)
    while time.monotonic() < patience:
        note = run.read_sync()
        if str(token) in note.get("sent", {}) or note.get("error"):
            return
        time.sleep(0.05)


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
