"""One server's folder: its lock, its identity, and the note of where it answers.

The lock (flock on server.lock) is the truth of whether a server lives here: the kernel lets go of
it however the server ends. server.json only says where it answers, and is believed only while the
lock is held. Never deletes server.lock: two servers could then each hold "the" lock. Neighbours:
process.py (holds the lock), opensweep/local.py (finds, starts and stops servers by it).
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import time
from pathlib import Path
from typing import Any

from controller.private import home_folder, kept_text, write_private
from sweeps.errors import ConfigurationError, HomeInUse

DEFAULT_PORT = 8080
_PATIENCE_S = 0.5  # others hold the lock for a moment when they look whether a server lives


class Home:
    """The files of one server; see the module. Nothing is made before `prepare`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock_file = folder / "server.lock"
        self.note_file = folder / "server.json"
        self.log_file = folder / "server.log"
        self.key_file = folder / "api_key"
        self.signing_file = folder / "signing_key"
        self.broker_folder = folder / "broker"
        self.database_file = folder / "opensweep.db"
        self._descriptor: int | None = None

    def prepare(self) -> None:
        """Makes the folder. Raises ConfigurationError when it cannot be."""
        home_folder(self.folder)

    def server_id(self) -> str:
        """Names the server of this folder on this machine; the same after every restart."""
        path = self.folder / "server_id"
        text = kept_text(path)
        if text is None:
            text = secrets.token_hex(6)
            write_private(path, text + "\n")
        return f"{text}@{socket.gethostname()}"

    def usual_port(self) -> int:
        """Where the last server of this folder answered; the first one takes `DEFAULT_PORT`."""
        text = kept_text(self.folder / "port")
        return int(text) if text and text.isdigit() and 0 < int(text) < 65536 else DEFAULT_PORT

    def keep_port(self, port: int) -> None:
        write_private(self.folder / "port", f"{port}\n")

    # -- the server's side -------------------------------------------------------------------

    def acquire(self) -> None:
        """Takes the lock for as long as this process lives, or until `release`.

        Raises HomeInUse, naming the other server, when there is one.
        """
        descriptor = self._open_lock()
        deadline = time.monotonic() + _PATIENCE_S
        while not self._try_lock(descriptor):
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise HomeInUse(self._who_holds())
            time.sleep(0.02)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        self.note_file.unlink(missing_ok=True)  # of a server that was killed

    def release(self) -> None:
        if self._descriptor is not None:
            self.note_file.unlink(missing_ok=True)
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def publish(self, note: dict[str, Any]) -> None:
        """Writes where the server answers: {pid, url, host, started, version, server_id, idle_s}.

        idle_s: after how many idle seconds it ends by itself; None: it stays.
        """
        write_private(self.note_file, json.dumps(note) + "\n")

    # -- everybody else's --------------------------------------------------------------------

    def server_lives(self) -> bool:
        """Whether a process holds the lock (it may still be starting)."""
        if not self.lock_file.exists():
            return False
        descriptor = self._open_lock()
        try:
            return not self._try_lock(descriptor)
        finally:
            os.close(descriptor)

    def server_pid(self) -> int | None:
        """Of the process that holds the lock; only meaningful while `server_lives`."""
        try:
            text = self.lock_file.read_text().strip()
        except OSError:
            return None
        return int(text) if text.isdigit() else None

    def note(self) -> dict[str, Any] | None:
        """What the server published; None when it has not (yet), or it is dead."""
        try:
            note = json.loads(self.note_file.read_text())
        except (OSError, ValueError):
            return None
        if not isinstance(note, dict) or not isinstance(note.get("url"), str):
            return None
        return note if note.get("pid") == self.server_pid() else None

    def key(self) -> str | None:
        """The API key that the server made; None when there is none yet."""
        return kept_text(self.key_file)

    def _open_lock(self) -> int:
        try:
            return os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"{self.lock_file} cannot be used: {error.strerror} (OPENSWEEP_HOME)."
            ) from error

    def _try_lock(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise ConfigurationError(
                f"{self.lock_file} cannot be locked: {error.strerror}. Set OPENSWEEP_HOME to a "
                "folder on a local disk."
            ) from error
        return True

    def _who_holds(self) -> str:
        pid, note = self.server_pid(), self.note()
        at = f" at {note['url']}" if note else ", which is just starting"
        return (
            f"another opensweep server (pid {pid}{at}) already works on {self.folder}. "
            "Use that one, end it with `sweep server stop`, or set OPENSWEEP_HOME to another "
            "folder."
        )
