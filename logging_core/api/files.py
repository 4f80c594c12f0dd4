"""The files of a run, as `opensweep.Api().run(…).files()` gives them.

Neighbours: run.py (whose files), artifacts/source.py (how bytes come).
"""

from __future__ import annotations

import datetime
import os
import re
from typing import IO, Any, Mapping

from logging_core.api.http import Server, segment
from logging_core.artifacts import staging
from logging_core.artifacts.names import check_path
from logging_core.artifacts.source import HttpSource
from logging_core.errors import CommError, NotFoundError

_PAGE = 1000


class File:
    """A file that a run saved.

    Attributes:
        name: its path, with slashes.
        size: in bytes.
        digest: its SHA-256.
        mimetype: guessed by its name.
        updated_at: ISO 8601, UTC.
    """

    def __init__(self, server: Server, run_id: str, told: Mapping[str, Any]) -> None:
        self._server = server
        self._run = "/api/runs/" + segment(run_id)
        self.name = check_path(told["path"])
        self.size = int(told["size"])
        self.digest = str(told["digest"])
        self.mimetype = str(told["type"])
        when = datetime.datetime.fromtimestamp(told["updated"], datetime.timezone.utc)
        self.updated_at = when.isoformat()

    def __repr__(self) -> str:
        return f"<File {self.name} ({self.size} bytes)>"

    @property
    def url(self) -> str:
        """Where the server has it; asking needs the key."""
        return f"{self._server.url}{self._run}/files/" + "/".join(
            segment(part) for part in self.name.split("/")
        )

    def download(
        self,
        root: str = ".",
        replace: bool = False,
        exist_ok: bool = False,
        api: Any = None,
    ) -> IO[str]:
        """Bring it to `root`, under its own path; an open text file. CommError when there is one
        already and neither `replace` (over it) nor `exist_ok` (that one) is set."""
        del api
        target = os.path.join(os.path.abspath(root), *self.name.split("/"))
        if not os.path.exists(target) or replace:
            source = HttpSource(self._server)
            source.fetch({self.digest: self.size})
            os.makedirs(os.path.dirname(target), exist_ok=True)
            staging.clone(source.cache.path(self.digest), target)
        elif not exist_ok:
            raise CommError(f"{target} is there already: replace=True or exist_ok=True")
        return open(target, encoding="utf-8", errors="surrogateescape")

    def delete(self) -> None:
        """Remove it from the run."""
        self._server.json("DELETE", self._run + "/file", {"path": self.name})


def like(pattern: str) -> str:
    """A regular expression of a pattern of SQL's LIKE: % is any text, _ any letter."""
    parts = {"%": ".*", "_": "."}
    return "".join(parts.get(letter) or re.escape(letter) for letter in pattern)


def files(server: Server, run_id: str) -> list[File]:
    """All files of a run, by path."""
    found: list[File] = []
    after = ""
    while True:
        query = {"after": after, "limit": _PAGE}
        page = server.json("GET", f"/api/runs/{segment(run_id)}/files", query)["files"]
        found += [File(server, run_id, told) for told in page]
        if len(page) < _PAGE:
            return found
        after = page[-1]["path"]


def file(server: Server, run_id: str, name: str) -> File:
    """One of its files. Raises NotFoundError."""
    query = {"prefix": check_path(name), "limit": 1}
    page = server.json("GET", f"/api/runs/{segment(run_id)}/files", query)["files"]
    if not page or page[0]["path"] != name:
        raise NotFoundError(f"run {run_id!r} has no file {name!r}")
    return File(server, run_id, page[0])
