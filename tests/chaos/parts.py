"""What a chaos world is made of: processes that can be killed, frozen and started again.

Everything that a world starts carries its id in the environment (`WORLD`), and so do all children:
by that, and never by a name, they are found, signalled and counted. A process is signalled as
`agent.kernel.send` does it, so a number that was given to somebody else is never hit.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import chaos_script
import redis
from drop_proxy import Wires

from agent import kernel
from controller.valkey import find_binary

WORLD = "OPENSWEEP_CHAOS"
SWEEP = Path(sys.executable).with_name("sweep")
GPUS = tuple(f"GPU-{i}{i}{i}{i}0000-0000-0000-0000-000000000000" for i in range(2))


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float) -> Any:
    """Waits until `condition` gives something true, and returns that. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.05)
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def members(world: str) -> list[kernel.Entry]:
    """The living processes of a world."""
    found = [
        one
        for one in kernel.processes().values()
        if not one.dead and kernel.variable(one.pid, WORLD) == world
    ]
    return [one for one in found if one.pid != os.getpid()]


class Part:
    """A process that is kept: started, killed, started again.

    Args:
        argv: of it.
        env: of it; WORLD is in it.
        log: file that its output is appended to.
    """

    def __init__(self, argv: list[str], env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self._argv, self._env, self._cwd, self._log = argv, dict(env), cwd, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self._log, "ab") as log:
            log.write(f"--- {time.strftime('%H:%M:%S')} {' '.join(self._argv)}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                self._argv,
                env=self._env,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def entry(self) -> kernel.Entry | None:
        """The process, while it lives."""
        if self._process is None or self._process.poll() is not None:
            return None
        return kernel.entry(self._process.pid)

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs, or before it was started."""
        return None if self._process is None else self._process.poll()

    def send(self, number: int) -> None:
        if (one := self.entry) is not None:
            kernel.send(one, number)

    def kill(self) -> None:
        """KILL, and waits until it is gone."""
        if self._process is not None:
            self.send(signal.SIGKILL)
            self._process.wait()


class Valkey:
    """The world's Redis: a process, a folder with its append-only file, a port."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder / "valkey"
        self._folder.mkdir()
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        argv = [find_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        argv += ["--appendonly", "yes", "--appendfsync", "everysec", "--dir", str(self._folder)]
        self.part = Part(argv, env, self._folder, folder / "valkey.log")

    def start(self) -> None:
        self.part.start()

    def wipe(self) -> None:
        """Takes the data of one that is dead away."""
        for path in self._folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def forget(self) -> None:
        """Takes the data of one that lives away."""
        with suppress(redis.RedisError), self.connection() as connection:
            connection.flushall()

    def connection(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=2, decode_responses=True)


class Box:
    """A machine with one agent: a home of its own, and a wire each to the server and to Redis.

    Args:
        gpus: whether it has GPUs (two that an nvidia-smi of ours lists); else two CPU slots.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        env: Mapping[str, str],
        wires: Wires,
        ports: tuple[int, int],
        *,
        gpus: bool,
    ) -> None:
        self.name, self.home = name, root / name
        self._world = env[WORLD]
        self.home.mkdir()
        self.http, self.redis = (wires.wire(port) for port in ports)
        self.env = {
            **env,
            chaos_script.BOX: name,
            "OPENSWEEP_HOME": str(self.home),
            "OPENSWEEP_URL": f"http://127.0.0.1:{self.http.port}",
            "OPENSWEEP_REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0",
            "OPENSWEEP_LOCK_DIR": str(self.home / "gpu-locks"),
            "WANDB_AGENT_DISABLE_FLAPPING": "true",
            "WANDB_AGENT_MAX_INITIAL_FAILURES": "0",
            "WANDB_AGENT_KILL_DELAY": "3",
        }
        self._slots = ["--gpus", "none", "--slots", "2"]
        if gpus:
            self._slots = ["--gpus", "all"]
            self._add_gpus()
        self._root = root
        self.agent: Part | None = None
        self.resting_until = 0.0  # time.monotonic(): when the machine is switched on again

    def _add_gpus(self) -> None:
        listing = "".join(f'echo "GPU {i}: Chaos (UUID: {gpu})"\n' for i, gpu in enumerate(GPUS))
        script = self.home / "bin" / "nvidia-smi"
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\ncase "$1" in -L) {listing};; esac\n')
        script.chmod(0o755)
        self.env["PATH"] = f"{script.parent}{os.pathsep}{self.env['PATH']}"

    def start(self, sweep_id: str) -> None:
        log = self._root / f"{self.name}.log"
        argv = [str(SWEEP), "agent", sweep_id, *self._slots]
        self.agent = Part(argv, self.env, self._root, log)
        self.agent.start()

    @property
    def wires(self) -> tuple[Any, Any]:
        return self.http, self.redis

    def members(self) -> list[kernel.Entry]:
        """The agent and all that it started."""
        return [
            one
            for one in members(self._world)
            if kernel.variable(one.pid, chaos_script.BOX) == self.name
        ]

    def wardens(self) -> list[kernel.Entry]:
        return [one for one in self.members() if kernel.variable(one.pid, kernel.WARDEN)]

    def trials(self) -> list[kernel.Entry]:
        """Training processes, and what they started."""
        return [one for one in self.members() if kernel.variable(one.pid, kernel.MARKER)]


class SqliteLock:
    """Locks the database against all who write, as a backup or a sick file system does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def take(self) -> None:
        if self._connection is None and self._path.exists():
            connection = sqlite3.connect(self._path, timeout=1.0, isolation_level=None)
            try:
                connection.execute("BEGIN IMMEDIATE")
                self._connection = connection
            except sqlite3.OperationalError:  # somebody writes just now: locked anyway
                connection.close()

    def release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresLock:
    """The same for PostgreSQL; and `snap`, which ends all connections, as a restart does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None

    def take(self) -> None:
        import psycopg

        if self._connection is None:
            try:
                connection = psycopg.connect(self._url)
            except psycopg.OperationalError:
                return  # it was killed: nothing to lock
            try:
                connection.execute("SET lock_timeout = '2s'")
                connection.execute("LOCK TABLE trials, runs, attempts IN EXCLUSIVE MODE")
                self._connection = connection
            except psycopg.Error:
                connection.close()

    def release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def snap(self) -> None:
        import psycopg

        with (
            suppress(psycopg.OperationalError),
            psycopg.connect(self._url, autocommit=True) as connection,
        ):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
