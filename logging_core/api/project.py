"""A project as `opensweep.Api()` gives it."""

from __future__ import annotations

from typing import Any, Mapping

from logging_core.api.http import Server, segment
from logging_core.api.run import iso_time
from logging_core.api.runs import Runs
from logging_core.api.sweep import Sweep


class Project:
    """A name that runs are gathered under."""

    def __init__(self, server: Server, entity: str, record: Mapping[str, Any]) -> None:
        self._server = server
        self._record = record
        self._whole = str(record["name"])
        theirs, _, self.name = self._whole.rpartition("/")
        self.id, self.entity = self.name, theirs or entity

    def __repr__(self) -> str:
        return f"<Project {'/'.join(self.path)}>"

    @property
    def path(self) -> list[str]:
        return [part for part in (self.entity, self.name) if part]

    @property
    def url(self) -> str:
        return f"{self._server.url}/projects/{segment(self.name)}"

    @property
    def created_at(self) -> str:
        """When its first run began; ISO 8601, UTC."""
        return iso_time(self._record["created"])

    @property
    def runs(self) -> Runs:
        return Runs(self._server, project=self._whole)

    def sweeps(self) -> list[Sweep]:
        """Its sweeps, the newest first."""
        listed = self._server.json("GET", "/api/sweeps")["sweeps"]
        return [
            Sweep(self._server, sweep["id"])
            for sweep in listed
            if (sweep["project"] or "uncategorized") == self._whole
        ]
