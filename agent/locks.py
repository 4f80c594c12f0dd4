"""Who holds a GPU: a file per UUID under flock, which the trials inherit.

The kernel drops such a lock when the last process that has its descriptor is gone. A trial (and
the warden, until nothing of the trial lives) has it too, so a GPU is free exactly when nothing of
ours runs on it, whoever was killed. A second agent that wants it waits, and says so.

The folder is one for all users of the machine: $OPENSWEEP_LOCK_DIR, else /run/lock/opensweep where
everybody may write, else /tmp/opensweep-locks. (Containers that do not share the folder do not see
each other's locks.) So what lies there may be anybody's: links are not followed, and what is read
is cleaned before it is shown.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from sweeps.errors import DeviceError


class DeviceLock:
    """One agent's claim on the GPUs of a group, against every other agent on the machine.

    Thread-safe: the slots that share the group share the lock, and it counts them.

    Args:
        gpus: UUID -> label, of the whole group.
        owner: who we are, for whoever has to wait.
        folder: from `lock_folder`.
    """

    def __init__(self, gpus: Mapping[str, str], owner: str, folder: Path) -> None:
        self._gpus = dict(sorted(gpus.items()))  # all agents lock in one order
        self._owner = owner
        self._folder = folder
        self._mutex = threading.Lock()
        self._fds: tuple[int, ...] = ()
        self._users = 0

    @property
    def fds(self) -> tuple[int, ...]:
        """To be handed to the trial (Supervisor.start, keep_fds); () while not held."""
        return self._fds

    def try_acquire(self) -> bool:
        """True: all GPUs of the group are ours now. Each True wants one release().

        Raises DeviceError when the lock folder cannot be used.
        """
        with self._mutex:
            if not self._users:
                fds: list[int] = []
                try:
                    for uuid in self._gpus:
                        fd = self._lock(uuid)
                        if fd is None:
                            break
                        fds.append(fd)
                finally:
                    if len(fds) < len(self._gpus):
                        for fd in fds:
                            os.close(fd)
                if len(fds) < len(self._gpus):
                    return False
                self._fds = tuple(fds)
            self._users += 1
            return True

    def acquire(self, stop: threading.Event, say: Callable[[str], None]) -> bool:
        """Waits until the group is free, saying once who has it. False: `stop` was set first."""
        said = False
        while not self.try_acquire():
            if not said:
                names = ", ".join(self._gpus.values())
                say(f"GPU {names} is in use by {self.holder()}; waiting until it is free")
                said = True
            if stop.wait(0.5):
                return False
        return True

    def release(self) -> None:
        """Lets go. A trial that still has the descriptors goes on holding the GPUs."""
        with self._mutex:
            if not self._users:
                return
            self._users -= 1
            if not self._users:
                # Never LOCK_UN: it would take the lock from the trial too.
                for fd in self._fds:
                    os.close(fd)
                self._fds = ()

    def holder(self) -> str:
        """Who wrote last into a lock of the group, for a person."""
        for uuid in self._gpus:
            with contextlib.suppress(OSError), open(self._path(uuid), "rb") as file:
                # Anybody may write there: it is shown, so it is cleaned.
                text = file.read(200).decode("utf-8", "replace")
                if said := "".join(char for char in text if char.isprintable()).strip():
                    return said
        return "another agent, or a trial that it left"

    def _path(self, uuid: str) -> Path:
        return self._folder / (uuid.replace("/", "_") + ".lock")  # old MIG names have slashes

    def _lock(self, uuid: str) -> int | None:
        path = self._path(uuid)
        try:
            while True:
                fd = _open_shared(path)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    held, named = os.fstat(fd), os.stat(path)
                except BlockingIOError:
                    os.close(fd)
                    return None
                except FileNotFoundError:  # a cleaner of /tmp took the file away
                    os.close(fd)
                    continue
                if held.st_ino == named.st_ino:
                    break
                os.close(fd)
            with contextlib.suppress(OSError):  # another user's file may be read-only for us
                os.ftruncate(fd, 0)
                os.pwrite(fd, self._owner.encode()[:200], 0)
            return fd
        except OSError as error:
            raise DeviceError(
                f"cannot lock GPU {self._gpus[uuid]} by {path}: {error.strerror}. Set "
                "OPENSWEEP_LOCK_DIR to a folder that every agent on this machine may write to"
            ) from error


def lock_folder(environ: Mapping[str, str]) -> Path:
    """The folder of the lock files; made if need be. Raises DeviceError."""
    if named := environ.get("OPENSWEEP_LOCK_DIR"):
        folder = Path(named)
    elif os.path.isdir("/run/lock") and os.stat("/run/lock").st_mode & stat.S_IWOTH:
        folder = Path("/run/lock/opensweep")  # judged by its mode: all users decide alike
    else:
        folder = Path("/tmp/opensweep-locks")  # noqa: S108 as /tmp/.X11-unix: for all, sticky
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.stat(folder).st_uid == os.geteuid() and not named:
            os.chmod(folder, 0o1777)  # noqa: S103 as /tmp itself
    except OSError as error:
        raise DeviceError(
            f"cannot make {folder} for the GPU locks: {error.strerror}. Set OPENSWEEP_LOCK_DIR to "
            "a folder that every agent on this machine may write to"
        ) from error
    return folder


def _open_shared(path: Path) -> int:
    """Opens a file that several users lock; makes it, writable for all, when it is not there.

    Linux refuses O_CREAT on another's file in a sticky folder (fs.protected_regular), so an
    existing one is opened without.
    """
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        try:
            return os.open(path, flags | os.O_RDWR)
        except FileNotFoundError:
            pass
        except PermissionError:
            return os.open(path, flags | os.O_RDONLY)  # a lock needs no more
        try:
            fd = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        os.fchmod(fd, 0o666)  # past the umask
        return fd
