"""A private PostgreSQL server for the tests: the machine's own binaries, a throw-away folder, a
unix socket and no port. Ends with the test process, however that ends."""

from __future__ import annotations

import ctypes
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

USER = "opensweep"
_PR_SET_PDEATHSIG = 1


def find_binaries() -> str | None:
    """The folder with `initdb` and `postgres`: from PATH, or where Debian keeps them."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    for folder in folders:
        if all(os.access(os.path.join(folder, name), os.X_OK) for name in ("initdb", "postgres")):
            return folder
    return None


class Postgres:
    """A server in a folder; its tests may kill it and start it again.

    Attributes:
        folder: of its socket, and of its data.
    """

    def __init__(self, binaries: str, folder: str, *, durable: bool) -> None:
        self.folder = folder
        self._binaries = binaries
        self._account = _account()
        self._durable = durable
        self._log_path = os.path.join(folder, "log")
        self._data = os.path.join(folder, "data")
        self._server: subprocess.Popen[bytes] | None = None
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        argv = [f"{binaries}/initdb", "-D", self._data, "-U", USER, "-A", "trust", "--no-sync"]
        argv += ["-E", "UTF8", "--locale=C"]
        with open(self._log_path, "wb") as log:
            who = _credentials(self._account)
            subprocess.run(argv, stdout=log, stderr=log, cwd="/", check=True, **who)

    @property
    def url(self) -> str:
        """Of its first database."""
        return f"postgresql://{USER}@/postgres?host={self.folder}"

    def start(self) -> None:
        """Until it answers; nothing where it runs. After a kill the old one's children may still
        be there for a moment: then once more."""
        if self._server is not None:
            return
        options = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "synchronous_commit": "on" if self._durable else "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": "100",
        }
        argv = [f"{self._binaries}/postgres", "-D", self._data]
        argv += [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        deadline = time.monotonic() + 60
        while True:
            with open(self._log_path, "ab") as log:
                self._server = _start(argv, self._account, log)
            if self._answers(self._server, deadline):
                return
            self._end(signal.SIGKILL)
            if time.monotonic() > deadline:
                with open(self._log_path, errors="replace") as log:
                    raise RuntimeError(f"PostgreSQL did not start:\n{log.read()}")
            time.sleep(0.1)

    def kill(self) -> None:
        """As a machine that loses its power does to it; what was committed stays (`durable`)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """At once: nobody wants the data."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        if self._server is not None:
            self._server.send_signal(number)
            self._server.wait(timeout=30)
            self._server = None

    def _answers(self, server: subprocess.Popen[bytes], deadline: float) -> bool:
        while server.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(host=self.folder, user=USER, dbname="postgres").close()
                return True
            except psycopg.OperationalError:
                time.sleep(0.05)
        return False


@contextmanager
def running_server(binaries: str, *, durable: bool = False) -> Iterator[Postgres]:
    """A server for the tests; `durable`: what is committed outlives a kill."""
    folder = tempfile.mkdtemp(prefix="opensweep-pg-")
    try:
        server = Postgres(binaries, folder, durable=durable)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _account() -> pwd.struct_passwd | None:
    """Whom to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is no other user here")


def _start(argv, account, log):
    libc = ctypes.CDLL(None)

    def die_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)

    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        preexec_fn=die_with_parent,
        **_credentials(account),
    )


def _credentials(account):
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
