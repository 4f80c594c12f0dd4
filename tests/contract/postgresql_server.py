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


@contextmanager
def running_server(binaries: str) -> Iterator[str]:
    """Yields the folder of its socket."""
    folder = tempfile.mkdtemp(prefix="opensweep-pg-")
    account = _account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        log_path = os.path.join(folder, "log")
        with open(log_path, "wb") as log:
            data = os.path.join(folder, "data")
            argv = [f"{binaries}/initdb", "-D", data, "-U", USER, "-A", "trust", "--no-sync"]
            argv += ["-E", "UTF8", "--locale=C"]
            who = _credentials(account)
            subprocess.run(argv, stdout=log, stderr=log, cwd="/", check=True, **who)
            options = {
                "listen_addresses": "",
                "unix_socket_directories": folder,
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "shared_buffers": "32MB",
                "max_connections": "100",
            }
            argv = [f"{binaries}/postgres", "-D", data]
            argv += [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
            server = _start(argv, account, log)
        try:
            _wait_until_ready(server, folder, log_path)
            yield folder
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nobody wants the data
            server.wait(timeout=30)
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


def _wait_until_ready(server, folder: str, log_path: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(host=folder, user=USER, dbname="postgres").close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                with open(log_path, errors="replace") as log:
                    raise RuntimeError(f"PostgreSQL did not start:\n{log.read()}") from None
            time.sleep(0.05)
