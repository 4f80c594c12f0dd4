"""What tests of the pages fill a server with, and how they look at it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

from controller.store import Chunk, ChunkKind, NewRun, Store, open_store
from logging_core.artifacts.manifest import Entry, Manifest
from sweeps.protocol.chunks import encode

KEY = "b" * 40
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
STARTED = 1_750_000_000.0


class Watched:
    """A page, with the errors that it met; `errors` must be empty at the test's end.

    A test that means an error takes it out (`errors.clear()`).
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(f"{error.name}: {error.message}"))
        page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.request.method} {response.url}")


class Site:
    """A server and its database, which this process may write, too (SQLite)."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.home = home
        self._http = urllib3.PoolManager(headers={"Authorization": f"Bearer {KEY}"})

    def __enter__(self) -> Site:
        self.store: Store = open_store(f"sqlite:///{self.home / 'opensweep.db'}")
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer of the API, asked with the owner's key."""
        answer = self._http.request(method, self.url + path, json=body)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.data[:500]!r}"
        return answer.json() if answer.data else None

    def log_in(self, context: BrowserContext) -> None:
        """Gives a browser's window the session that /login would."""
        answer = context.request.post(f"{self.url}/api/session", data={"key": KEY})
        assert answer.ok, answer.text()

    def sweep(self, yaml: str) -> str:
        """Records a sweep; its id. No agent works on it unless the test starts one."""
        return str(self.ask("POST", "/api/sweeps", {"yaml": yaml})["id"])

    def run(
        self,
        run_id: str,
        project: str,
        rows: Sequence[Mapping[str, Any]] = (),
        *,
        seconds_a_row: float = 1.0,
        ended: int | None = 0,
        **given: Any,
    ) -> None:
        """A run of its own with a row a step; `ended`: its exit code, None: it still runs."""
        self.store.register_run(
            NewRun(run_id, f"uid-{run_id}", project=project, started=STARTED, **given)
        )
        if rows:
            timed = [(i, STARTED + seconds_a_row * i, dict(row)) for i, row in enumerate(rows)]
            self.store.add_chunk(
                Chunk(run_id, 1, ChunkKind.HISTORY, 0, 0, len(rows) - 1, len(rows), encode(timed))
            )
        if ended is not None:
            self.store.end_run(run_id, 1, ended)

    def blob(self, content: bytes) -> str:
        """Sends bytes; their digest."""
        digest = hashlib.sha256(content).hexdigest()
        url = f"{self.url}/api/blobs/{digest}?offset=0&size={len(content)}"
        answer = self._http.request("PUT", url, body=content)
        assert answer.status == 200, answer.data[:500]
        return digest

    def save(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Files of a run, by path."""
        listed = [{"path": path, "digest": self.blob(data)} for path, data in files.items()]
        self.ask("POST", f"/api/runs/{run_id}/files", {"writer": 1, "files": listed})

    def artifact(self, project: str, name: str, files: Mapping[str, bytes], **given: Any) -> str:
        """A version of an artifact; its id."""
        entries = [Entry(path, self.blob(data), len(data)) for path, data in files.items()]
        manifest = self.blob(json.dumps(Manifest(entries).to_json()).encode())
        told = {"project": project, "type": "data", "name": name, "manifest": manifest, **given}
        return str(self.ask("POST", "/api/artifacts", told)["artifact"]["id"])


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Waits until `condition` gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
    return value
