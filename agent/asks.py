"""The errand that answers a script: artifacts and files of other runs, brought by the agent.

A training process has no key (SECURITY.md). It leaves questions in its run folder
(logging_core/artifacts/asking.py); here they are looked at, asked of the server if they are of the
few kinds that a script may ask, and answered. A thread of its own, from the first question on, so
that no upload makes a script wait. Neighbours: errands.py (who starts it).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.listening import Listener
from logging_core import errors
from logging_core.api.http import Server, ServerAddress
from logging_core.artifacts.asking import may_be_asked
from logging_core.artifacts.names import check_digest
from logging_core.artifacts.source import HttpSource
from logging_core.artifacts.staging import fresh_name
from logging_core.folder import RunFolder
from logging_core.records import Record
from sweeps.protocol.client import Client

POLL_S = 0.05
_ANSWER = ".answer.json"


class AskErrand:
    """The questions of one run."""

    def __init__(
        self, client: Client, folder: RunFolder, run_id: str, writer: int, listener: Listener
    ) -> None:
        del writer
        self._client = client
        self._asks = folder.asks
        self._run_id, self._listener = run_id, listener
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, record: Record) -> None:
        del record

    def work(self, *, final: bool) -> bool:
        if final:  # nobody waits for an answer any more
            self._over.set()
        elif self._thread is None and self._asks.is_dir():
            self._thread = threading.Thread(
                target=self._answer_all, name=f"asks {self._run_id}", daemon=True
            )
            self._thread.start()
        return True

    def _answer_all(self) -> None:
        def address() -> ServerAddress:
            return ServerAddress(self._client.url, self._client.key)

        server = Server(*address(), again=address)  # it may move
        source = HttpSource(server)
        while not self._over.wait(POLL_S):
            for question in self._questions():
                with suppress(OSError):  # the folder is gone: so is who asked
                    self._answer(source, question)
        server.close()

    def _questions(self) -> list[Path]:
        try:
            names = set(os.listdir(self._asks))
        except OSError:
            return []
        open_ones = [
            name
            for name in names
            if name.endswith(".json")
            and not name.endswith(_ANSWER)
            and not name.startswith(".")
            and name.removesuffix(".json") + _ANSWER not in names
        ]
        return [self._asks / name for name in sorted(open_ones)]

    def _answer(self, source: HttpSource, question: Path) -> None:
        taken = question.with_suffix(".taken")
        taken.touch()
        source = HttpSource(source.server, source.cache, alive=taken.touch)
        try:
            asked = json.loads(question.read_text("utf-8"))
            answer: dict[str, Any] = {"value": self._reply(source, asked)}
        except FileNotFoundError:
            return  # it was taken back
        except errors.Error as error:
            answer = {"error": {"kind": type(error).__name__, "message": str(error)}}
        except (OSError, ValueError, KeyError, TypeError) as error:
            answer = {"error": {"kind": "CommError", "message": f"it cannot be answered: {error}"}}
        except Exception as error:
            self._listener.warn(f"{self._run_id}: a question was not answered: {error!r}")
            answer = {"error": {"kind": "CommError", "message": f"the agent failed: {error!r}"}}
        fresh = Path(fresh_name(str(self._asks)))
        fresh.write_text(json.dumps(answer), "utf-8")
        fresh.replace(question.with_name(question.name.removesuffix(".json") + _ANSWER))

    def _reply(self, source: HttpSource, asked: Mapping[str, Any]) -> Any:
        if "blobs" in asked:
            source.fetch({check_digest(digest): int(n) for digest, n in asked["blobs"].items()})
            return {"cache": source.cache.folder}
        method, path, query, body = asked["json"]
        if not may_be_asked(method, path):
            raise errors.UsageError(f"{method} {path} is nothing that a script may ask for")
        return source.json(method, path, query, body)
