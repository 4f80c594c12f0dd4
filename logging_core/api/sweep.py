"""One sweep as `opensweep.Api()` gives it."""

from __future__ import annotations

from typing import Any

from logging_core.api.http import Server, segment
from logging_core.api.run import Run
from logging_core.api.runs import Runs


class Sweep:
    """A sweep, and the runs of its trials."""

    def __init__(self, server: Server, sweep_id: str) -> None:
        self._server = server
        self._path = "/api/sweeps/" + segment(sweep_id)
        self._config: dict[str, Any] | None = None
        self.load()

    def __repr__(self) -> str:
        return f"<Sweep {'/'.join(self.path)} ({self.state})>"

    @property
    def id(self) -> str:
        return str(self._status["id"])

    @property
    def name(self) -> str:
        return str(self._status["name"])

    @property
    def project(self) -> str:
        return str(self._status["project"]).rpartition("/")[2] or "uncategorized"

    @property
    def entity(self) -> str:
        return str(self.config.get("entity") or "")

    @property
    def path(self) -> list[str]:
        return [part for part in (self.entity, self.project, self.id) if part]

    @property
    def url(self) -> str:
        return f"{self._server.url}/sweeps/{segment(self.id)}"

    @property
    def state(self) -> str:
        """PENDING, RUNNING, PAUSED, STOPPING, FINISHED, CANCELED or FAILED, as W&B writes it."""
        return str(self._status["state"]).upper()

    @property
    def config(self) -> dict[str, Any]:
        """The sweep file."""
        if self._config is None:
            self._config = dict(self._server.json("GET", self._path + "/spec")["spec"])
        return self._config

    @property
    def order(self) -> str | None:
        """What `best_run` would sort by; None without a metric."""
        metric = self._status["metric"]
        if metric is None:
            return None
        sign = "-" if metric["goal"] == "maximize" else "+"
        return f"{sign}summary_metrics.{metric['name']}"

    @property
    def expected_run_count(self) -> int | None:
        """How many trials it will have in all; None: it never ends by itself."""
        total: int | None = self._status["total"]
        return total

    @property
    def runs(self) -> Runs:
        return Runs(self._server, sweep=self.id, per_page=50)

    def best_run(self, order: str | None = None) -> Run | None:
        """The run of its best trial, as `sweep best` has it (by all values that it logged); with
        an order the first by that. None when there is none."""
        if order is not None:
            return next(iter(Runs(self._server, sweep=self.id, order=order, per_page=1)), None)
        best = self._server.json("GET", self._path + "/best")["trial"]
        if best is None:
            return None
        return Run(
            self._server,
            self._server.json("GET", "/api/runs/" + segment(best["id"]), {"exact": "1"}),
        )

    def load(self, force: bool = True) -> dict[str, Any]:
        """Reads it again from the server."""
        if force:
            self._status = self._server.json("GET", self._path)
        return dict(self._status)
