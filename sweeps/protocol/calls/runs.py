"""The calls about runs: those without a sweep, their lists, series, alerts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sweeps.protocol.wire import Wire, part


class RunCalls(Wire):
    """Runs of any kind: registered, described, listed, read."""

    def register_run(
        self,
        run_id: str,
        uid: str,
        writer: int = 1,
        *,
        project: str = "",
        entity: str = "",
        name: str = "",
        config: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        parent: str | None = None,
        fork_step: int | None = None,
        started: float | None = None,
        resume: str = "",
    ) -> dict[str, Any]:
        """Records a run without a sweep, or that its next attempt has begun; safe to repeat.

        Args:
            uid: of the run folder.
            writer: the folder's attempt, from 1; ship the earlier ones first.
            parent, fork_step: the run that it was forked from, and the last step taken over.
            started: when the script began, seconds since 1970 by the clock of its machine.
            resume: what the script said: allow, must, auto, never or "".

        Returns {id, writer, steps, state, new}: `writer` is the number to use with every other
        call for this attempt of this folder, `steps` the next step. RunExists: the id is another
        folder's, and `resume` does not say to go on with that run; or it is a trial's.
        """
        body = {
            "id": run_id,
            "uid": uid,
            "writer": writer,
            "project": project,
            "entity": entity,
            "name": name,
            "config": dict(config or {}),
            "metadata": dict(metadata or {}),
            "parent": parent,
            "fork_step": fork_step,
            "started": started,
            "resume": resume,
        }
        return self._object("POST", "/api/runs", body=body)

    def describe_run(
        self,
        run_id: str,
        writer: int,
        *,
        config: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        summary: Mapping[str, Any] | None = None,
    ) -> None:
        """What a run (a trial's too) says of itself; safe to repeat.

        Config and metadata are merged into what was there, by top-level key: send only what has
        changed, so that a person's edits stay. Metrics and summary take the place of what was
        there. Fenced: a newer writer has started.
        """
        body = {
            "writer": writer,
            "config": config,
            "metadata": metadata,
            "metrics": metrics,
            "summary": summary,
        }
        self._post(run_id, "describe", body)

    def beat_run(self, run_id: str, writer: int) -> None:
        """A run without a sweep is still alive; one silent for 5 minutes is shown as crashed."""
        self._post(run_id, "beat", {"writer": writer})

    def end_run(
        self,
        run_id: str,
        writer: int,
        exit_code: int | None,
        *,
        state: str | None = None,
        ended: float | None = None,
    ) -> None:
        """How a run without a sweep ended; safe to repeat, the last word counts.

        Args:
            exit_code: None: unknown.
            state: finished, failed or crashed; None: by the exit code (unknown: crashed).
            ended: when, by the clock of its machine; None: now.
        """
        body = {"writer": writer, "exit_code": exit_code, "state": state, "ended": ended}
        self._post(run_id, "end", body)

    def delete_run(self, run_id: str) -> None:
        """Removes a run without a sweep, for good. IllegalTransition: it may not be."""
        self._call("DELETE", f"/api/runs/{part(run_id)}")

    def post_alert(self, run_id: str, writer: int, lane: str, alert: Mapping[str, Any]) -> str:
        """Delivers an alert, {number, time, level, wait_s, title, text}; safe to repeat.

        Returns what becomes of it: due, held (a like one came shortly before), kept (nobody is to
        be told), delivered or failed. Older writers are not fenced.
        """
        body = {**alert, "writer": writer, "lane": lane}
        answer = self._object("POST", f"/api/runs/{part(run_id)}/alerts", body=body)
        return cast("str", answer["state"])

    def alerts(
        self, *, run: str | None = None, project: str | None = None, limit: int = 100
    ) -> dict[str, Any]:
        """{"alerts": the newest first, "delivery": {addresses: how many, problem}}."""
        query = {"run": run, "project": project, "limit": limit}
        return self._object("GET", "/api/alerts", query=query)

    def run(self, run_id: str, project: str | None = None) -> dict[str, Any]:
        """One run, all of it but its history; numbers are exact.

        Args:
            project: its whole name; the id may then be the one that the run has within it. None:
                the id is the server's own.

        Raises NotFoundError, also where another project has a run of this id.
        """
        query = {"exact": "1", "project": project}
        return self._object("GET", f"/api/runs/{part(run_id)}", query=query)

    def runs(
        self,
        *,
        project: str | None = None,
        sweep: str | None = None,
        filters: Mapping[str, Any] | None = None,
        order: str = "",
        search: str = "",
        limit: int = 100,
        after: int = 0,
        columns: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """A page of runs: {"total", "runs", "next"}; with `columns` {"total", "ids", "columns",
        "next"}.

        Args:
            filters: in W&B's MongoDB style, such as {"summary_metrics.loss": {"$lt": 1}}.
            order: such as "-summary_metrics.loss,+created_at"; "": by creation.
            search: words that must be in the name or the id.
            after: the `next` of the page before.
            columns: names such as config.lr, summary.loss, state.
        """
        query = {
            "project": project,
            "sweep": sweep,
            "filters": None if filters is None else json.dumps(filters),
            "order": order or None,
            "search": search or None,
            "limit": limit,
            "after": after or None,
            "columns": None if columns is None else json.dumps(list(columns)),
        }
        return self._object("GET", "/api/runs", query=query)

    def projects(self) -> list[dict[str, Any]]:
        """[{name, runs, created, updated}], by name."""
        return cast("list[dict[str, Any]]", self._object("GET", "/api/projects")["projects"])

    def _post(self, run_id: str, what: str, body: Mapping[str, Any]) -> None:
        given = {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in body.items()
            if value is not None
        }
        self._call("POST", f"/api/runs/{part(run_id)}/{what}", body=json.dumps(given).encode())
