"""Many runs: a list that is fetched page by page as it is gone through."""

from __future__ import annotations

import json
from typing import Any, Iterator, Mapping, Sequence, overload

from logging_core.api import rows
from logging_core.api.http import Server
from logging_core.api.run import Run
from logging_core.errors import NotFoundError

_LARGEST = 1000  # runs that the server gives at once


class Runs(Sequence[Run]):
    """The runs of a project that fit, sorted. `len()`, an index, a slice and a loop each fetch the
    pages that they need, and raise NotFoundError (a CommError) for a project that has no runs."""

    def __init__(
        self,
        server: Server,
        *,
        project: str | None = None,
        sweep: str | None = None,
        filters: Mapping[str, Any] | None = None,
        order: str = "",
        per_page: int = 50,
    ) -> None:
        self._server = server
        self._project = project
        self._query = {
            "project": project,
            "sweep": sweep,
            "filters": json.dumps(filters) if filters else None,
            "order": order or None,
            "limit": max(1, min(per_page, _LARGEST)),
            "exact": "1",
        }
        self._runs: list[Run] = []
        self._total: int | None = None
        self._next: int | None = 0

    def __repr__(self) -> str:
        return f"<Runs {self._project or ''}>"

    def __len__(self) -> int:
        if self._total is None:
            self._fetch()
        return self._total or 0

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> list[Run]: ...
    def __getitem__(self, index: int | slice) -> Run | list[Run]:
        if isinstance(index, slice):
            begin, end, _ = index.indices(len(self))
            self._fetch_to(max(begin, end))
        else:
            self._fetch_to(index + 1 if index >= 0 else len(self))
        return self._runs[index]

    def __iter__(self) -> Iterator[Run]:
        place = 0
        while self._fetch_to(place + 1):
            yield self._runs[place]
            place += 1

    @property
    def objects(self) -> list[Run]:
        """Those that were fetched so far."""
        return self._runs

    @property
    def length(self) -> int:
        return len(self)

    @property
    def more(self) -> bool:
        """Whether there are more than were fetched."""
        return self._next is not None

    def histories(
        self,
        samples: int = 500,
        keys: Sequence[str] | None = None,
        x_axis: str = "_step",
        format: str = "default",
        stream: str = "default",
    ) -> Any:
        """The sampled histories of all of them, one below the other, with a `run_id` in each row;
        the arguments are those of `Run.history`."""
        found = [
            {**row, "run_id": run.id}
            for run in self
            for row in run.history(samples, keys, x_axis, stream=stream, format="default")
        ]
        return rows.framed(found, format)

    def to_pandas(self) -> Any:
        """A pandas DataFrame with a row for each run: id, name, state, created_at, config.NAME and
        summary.NAME. Raises UsageError where pandas is not installed."""
        return rows.framed([_flat(run) for run in self], "pandas")

    def to_polars(self) -> Any:
        """The same as a Polars DataFrame."""
        return rows.framed([_flat(run) for run in self], "polars")

    def _fetch_to(self, count: int) -> bool:
        """Whether there are so many."""
        while len(self._runs) < count and self._next is not None:
            self._fetch()
        return len(self._runs) >= count

    def _fetch(self) -> None:
        page = self._server.json("GET", "/api/runs", {**self._query, "after": self._next or None})
        self._runs += [Run(self._server, record) for record in page["runs"]]
        if not page["total"] and self._project:
            self._check_project(self._project)
        self._total, self._next = page["total"], page["next"]

    def _check_project(self, project: str) -> None:
        listed = self._server.json("GET", "/api/projects")["projects"]
        names = [str(each["name"]) for each in listed]
        name = project.rpartition("/")[2]  # an entity may be left out, or be W&B's
        if not any(name == whole.rpartition("/")[2] for whole in names):
            there = f"there are {', '.join(names)}" if names else "nothing is recorded yet"
            raise NotFoundError(f"there is no project {project!r}: {there}")


def _flat(run: Run) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "created_at": run.created_at,
    }
    _flatten("config", run.config, row)
    _flatten("summary", run.summary_metrics, row)
    return row


def _flatten(name: str, value: Any, row: dict[str, Any]) -> None:
    if isinstance(value, Mapping) and "_type" not in value:
        for key, item in value.items():
            _flatten(f"{name}.{key}", item, row)
    else:
        row[name] = value
