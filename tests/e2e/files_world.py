"""A real server with a real store for tests of files and artifacts: over HTTP, and restartable.

Loop, broker and Redis are absent: files have nothing to do with them. Runs are registered by the
real client, and their folders are carried by the agent's own courier.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.follow import Courier
from controller.blobs import Blobs, open_blobs
from controller.server.process import make_http
from controller.server.services import Services
from controller.store.store import Store, open_store
from logging_core.api.http import Server
from logging_core.folder import RunFolder
from sweeps.errors import OpensweepError
from sweeps.protocol.client import Client

ROOT = Path(__file__).parents[2]
KEY = "a-key-for-tests"


class _Absent:
    conflict = None

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_kwargs: None


class Listener:
    """Remembers what was warned about."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def server_away(self, error: OpensweepError) -> None: ...
    def server_back(self) -> None: ...

    def warn(self, message: str) -> None:
        self.warnings.append(message)


class FilesWorld:
    """A server in this process, and what a test needs around it."""

    def __init__(self, folder: Path, artifacts_url: str | None = None) -> None:
        self.folder = folder
        self.store: Store = open_store(f"sqlite:///{folder / 'test.db'}")
        self.blobs: Blobs = open_blobs(folder / "artifacts", artifacts_url)
        self.services = Services(
            store=self.store,
            live=_Absent(),  # type: ignore[arg-type]
            loop=_Absent(),  # type: ignore[arg-type]
            broker=_Absent(),  # type: ignore[arg-type]
            key=KEY,
            server_id="server-of-test",
            version="1.2.3",
            blobs=self.blobs,
            signing_secret="a-secret-for-tests",
        )
        self.listener = Listener()
        self.port = 0
        self._server: Server | None = None

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen()
            self.port = listener.getsockname()[1]
            ready = threading.Event()
            server = make_http(self.services, ready.set)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                assert ready.wait(20)
                yield
            finally:
                if self._server is not None:
                    self._server.close()
                server.should_exit = True
                thread.join(20)
                assert not thread.is_alive()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Client:
        return Client(self.url, KEY)

    def server(self) -> Server:
        """The standard library's client."""
        if self._server is None:
            self._server = Server(self.url, KEY)
        return self._server

    def environ(self, **more: str) -> dict[str, str]:
        """Of a script that knows the server."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "OPENSWEEP_"))}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "OPENSWEEP_HOME": str(self.folder / "home"),
            "OPENSWEEP_CACHE_DIR": str(self.folder / "cache"),
            "OPENSWEEP_DIR": str(self.folder / "runs"),
            "OPENSWEEP_URL": self.url,
            "OPENSWEEP_API_KEY": KEY,
            "OPENSWEEP_SILENT": "1",
            **more,
        }

    def script(self, code: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Runs a training script to its end; its run is carried nowhere meanwhile."""
        head = "import os, sys, pathlib\nimport opensweep\n"
        return subprocess.run(
            [sys.executable, "-c", head + code],
            env=self.environ(OPENSWEEP_MODE="offline", **environ),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def run(self, code: str, run_id: str, **environ: str) -> str:
        """A script that ends well, whose run then is carried to the server; what it printed."""
        done = self.script(code, OPENSWEEP_RUN_ID=run_id, **environ)
        assert done.returncode == 0, done.stderr
        self.carry(run_id)
        return done.stdout

    def carry(self, run_id: str) -> None:
        folder = RunFolder(self.folder / "runs" / run_id)
        with self.client() as client:
            courier = Courier(client, "server-of-test", self.listener, threading.Event())
            assert courier.carry(folder).complete

    def fetch(self, path: str, **headers: str) -> tuple[int, bytes]:
        """GET, as any program could: (status, body)."""
        with self.server().open("GET", path, None, None, headers) as answer:
            return answer.status, answer.read()

    def files(self, run_id: str) -> dict[str, int]:
        return {one.path: one.size for one in self.store.files(run_id)}

    def bytes_kept(self) -> int:
        """How many whole blobs lie in the server's folder."""
        kept = [path for path in self.blobs_folder.rglob("*") if path.is_file()]
        return len([path for path in kept if path.parent.name != "incoming"])

    @property
    def blobs_folder(self) -> Path:
        return self.folder / "artifacts"


@contextlib.contextmanager
def files_world(folder: Path, artifacts_url: str | None = None) -> Iterator[FilesWorld]:
    world = FilesWorld(folder, artifacts_url)
    try:
        with world.serving():
            yield world
    finally:
        world.store.close()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
