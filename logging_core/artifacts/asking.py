"""Questions of a training process to whoever ships its run folder, and the answers.

    asks/<n>.json         {"json": [method, path, query, body]} or {"blobs": {digest: size}}
    asks/<n>.taken        touched while somebody works on it
    asks/<n>.answer.json  {"value": …} or {"error": {"kind", "message"}}

A training process holds no key and opens no connection; the agent beside it does both, and answers
no more than `may_be_asked` lets through. Bytes come into the shared cache. A question is whole when
it has its name (it is linked there), and so is an answer. The answering side: agent/asks.py.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from typing import Any, Mapping

from logging_core import errors
from logging_core.artifacts import staging
from logging_core.artifacts.cache import Cache
from logging_core.artifacts.source import Source, remove
from logging_core.errors import CommError, UsageError

SILENT_S = 60.0
"""After so many seconds without a sign of life, nobody answers."""
_ABSENT_S = 15.0
_POLL_S = 0.02

_MAY = re.compile(r"/api/(artifacts?|artifact-types|artifact-collections)(/.*)?")
_MAY_OF_RUNS = re.compile(r"/api/runs/[^/]+/(files|artifacts|uses)(/.*)?")


def may_be_asked(method: str, path: str) -> bool:
    """Whether the shipper asks this of the server for a script: artifacts and files, no more."""
    if ".." in path.split("/") or "//" in path:
        return False
    if _MAY.fullmatch(path):
        return method in ("GET", "POST", "DELETE")
    return bool(_MAY_OF_RUNS.fullmatch(path)) and (method == "GET" or path.endswith("/uses"))


class AskSource(Source):
    """By questions in a run folder."""

    def __init__(self, folder: str) -> None:
        self.cache = Cache.from_environment()
        self._lock = os.path.join(folder, "shipping.lock")
        self._asks = os.path.join(folder, "asks")

    def json(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Any:
        return self._ask({"json": [method, path, dict(query or {}), body]})

    def fetch(self, blobs: Mapping[str, int]) -> None:
        absent = {
            digest: size for digest, size in blobs.items() if not self.cache.has(digest, size)
        }
        if absent:
            # The agent's own cache folder, whatever this process's environment says.
            self.cache = Cache(self._ask({"blobs": absent})["cache"])

    def _ask(self, question: Mapping[str, Any]) -> Any:
        """The answer's value. Raises UsageError and CommError."""
        try:
            name = self._put(question)
        except OSError as error:
            raise CommError(f"the run folder cannot be written: {error}") from error
        answer = name[: -len(".json")] + ".answer.json"
        try:
            self._wait(name, answer)
            with open(answer, encoding="utf-8") as file:
                said = json.load(file)
        except (OSError, ValueError) as error:
            raise CommError(f"the answer cannot be read: {error}") from error
        finally:
            for path in (name, answer, name[: -len(".json")] + ".taken"):
                remove(path)
        if "error" in said:
            kind = getattr(errors, str(said["error"].get("kind")), CommError)
            fits = isinstance(kind, type) and issubclass(kind, errors.Error)
            raise (kind if fits else CommError)(str(said["error"].get("message")))
        return said.get("value")

    def _put(self, question: Mapping[str, Any]) -> str:
        os.makedirs(self._asks, exist_ok=True)
        fresh = staging.fresh_name(self._asks)
        with open(fresh, "x", encoding="utf-8") as file:
            json.dump(question, file)
        number = 0
        try:
            while True:
                number += 1
                name = os.path.join(self._asks, f"{number}.json")
                try:
                    os.link(fresh, name)  # fails when another process has the number
                except FileExistsError:
                    continue
                return name
        finally:
            remove(fresh)

    def _wait(self, name: str, answer: str) -> None:
        taken = name[: -len(".json")] + ".taken"
        begun = time.time()
        while not os.path.exists(answer):
            try:
                sign = os.stat(taken).st_mtime
            except OSError:
                sign = begun
            silent = time.time() - sign
            if silent > SILENT_S or (silent > _ABSENT_S and not self._shipped()):
                raise UsageError(
                    "nobody answers: artifacts and files of other runs come by the agent that"
                    " started this script (or by the process that ships its run), and it is gone"
                    " or cannot reach the server"
                )
            time.sleep(_POLL_S)

    def _shipped(self) -> bool:
        """Whether a process ships this folder."""
        return locked(self._lock)


def locked(path: str) -> bool:
    """Whether a live process holds the lock of this file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
