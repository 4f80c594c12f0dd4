"""What a panel shows: the answer to a block of a report, found in the store.

An answer is JSON: {"panel": its fields, "topics": what it follows (static/js/live.js), …}, and by
kind:

    curves      "runs": [{id, name, state}], "total", "series": what to ask POST /api/series for
    table       "runs", "total", "columns": [name], "rows": [[a value for each column]]
    compare     "runs", "total", "documents": [{config, summary}]
    media       "runs", "total", "items": [{run, step, value: as it was logged}]
    number      "value", "count"
    best        "sweep", "trials": as status.py tells them
    the others  "sweep": their charts ask for the rest, as on the sweep's own page

It reads, and changes nothing. Neighbours: blocks.py; controller/server/reports_api.py (who asks).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from controller import record
from controller.reports.blocks import Panel, Runs
from controller.server.status import metric_json, trial_json
from controller.store.records import RunRecord, SweepRecord, TrialRecord
from controller.store.run_fields import MISSING, RunField, run_field, value_at
from controller.store.run_filters import as_filter, parse_order
from controller.store.run_index import RunPage, RunQuery, Scope
from controller.store.store import Store
from sweeps.errors import NotFoundError, SpecError
from sweeps.project import NO_PROJECT

POINTS = 800
"""Points of a curve, unless somebody asks for less."""
_MOST_ITEMS = 200
_SCAN_ROWS = 2_000  # rows of a run that are looked through for media
_FEW = 20
_COLUMNS = 6  # of the config, and of the summary, in a table that names none

_COUNTS: dict[str, Callable[[Any], Any]] = {
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "median": np.median,
    "sum": np.sum,
}


class Panels:
    """Answers panels of one report's project.

    Args:
        project: its whole name.
        entity: the server's own.
    """

    def __init__(self, store: Store, project: str, entity: str, points: int = POINTS) -> None:
        self._store = store
        self._project = project
        self._entity = entity
        self._points = points

    def answer(self, panel: Panel) -> dict[str, Any]:
        """Raises UsageError: the panel names what is not there."""
        given = {"kind": panel.kind, "title": panel.title, "height": panel.height}
        said: dict[str, Any] = {"panel": {**given, **panel.options}}
        project = self._known(panel.project or self._project)
        if "sweep" in panel.options:
            return {**said, **self._of_sweep(panel)}
        if panel.kind == "number":
            return {**said, **self._number(project, panel)}
        ids, total = self._ids(project, panel.runs)
        records = self._store.get_runs(ids)
        said["topics"] = _topics(project, panel.runs, ids)
        said["total"] = total
        said["runs"] = [
            {"id": run.id, "name": run.name, "state": run.state.value} for run in records
        ]
        match panel.kind:
            case "curves":
                return {**said, "series": self._series(panel, ids)}
            case "table":
                return {**said, **self._table(panel, records)}
            case "compare":
                documents = [{"config": run.config, "summary": run.summary} for run in records]
                return {**said, "documents": documents}
        return {**said, "items": self._media(panel.options["key"], ids)}

    def _known(self, project: str) -> str:
        return self._store.known_project(project, own=self._entity) if project else project

    # -- which runs ------------------------------------------------------------------------------

    def _ids(self, project: str, runs: Runs) -> tuple[list[str], int]:
        """The runs, and how many there are where `limit` leaves some out."""
        if runs.ids:
            found = [self._named(project, name) for name in runs.ids]
            return found, len(found)
        if runs.best:
            trials = self._best(self._store.get_sweep(runs.sweep), runs.best)
            return [trial.id for trial in trials], len(trials)
        page = self._find(project, runs, ())
        return page.ids, page.total

    def _named(self, project: str, name: str) -> str:
        if project:
            try:
                return self._store.find_run(project, name).id
            except NotFoundError:
                pass
        return self._store.get_run(name).id

    def _find(self, project: str, runs: Runs, columns: Sequence[RunField]) -> RunPage:
        scope = Scope(None, runs.sweep) if runs.sweep else Scope(project or NO_PROJECT)
        if runs.sweep:
            self._store.get_sweep(runs.sweep)
        return self._store.find_runs(
            RunQuery(
                scope=scope,
                filter=as_filter(dict(runs.filters or {})),
                orders=parse_order(runs.order),
                columns=columns,
                limit=runs.limit or None,
            )
        )

    def _best(self, sweep: SweepRecord, count: int) -> list[TrialRecord]:
        metric = metric_json(record.spec_of(sweep))
        if metric is None:
            raise SpecError(f"sweep {sweep.id} has no metric: nothing is best", key_path="best")
        sign = 1.0 if metric["goal"] == "minimize" else -1.0
        scored = [
            trial
            for trial in self._store.trials(sweep.id)
            if trial.objective is not None and math.isfinite(trial.objective)
        ]
        return sorted(scored, key=lambda trial: sign * (trial.objective or 0.0))[:count]

    # -- what of them ----------------------------------------------------------------------------

    def _of_sweep(self, panel: Panel) -> dict[str, Any]:
        sweep = self._store.get_sweep(panel.options["sweep"])
        said: dict[str, Any] = {
            "topics": [f"sweep/{sweep.id}"],
            "sweep": {
                "id": sweep.id,
                "name": sweep.name,
                "project": sweep.project,
                "created": sweep.created,
                "started": sweep.started,
                "changed": sweep.changed,
                "metric": metric_json(record.spec_of(sweep)),
            },
        }
        if panel.kind == "best":
            trials = self._best(sweep, panel.options["count"])
            said["trials"] = [trial_json(trial) for trial in trials]
        return said

    def _series(self, panel: Panel, ids: list[str]) -> dict[str, Any]:
        keys = list(panel.options["metrics"])
        return {"runs": ids, "keys": keys, "x": panel.options["x"], "points": self._points}

    def _table(self, panel: Panel, records: Sequence[RunRecord]) -> dict[str, Any]:
        names = list(panel.options["columns"]) or _usual_columns(records)
        fields = [_field(name) for name in names]
        rows = [[_value(run, field) for field in fields] for run in records]
        return {"columns": names, "rows": rows}

    def _media(self, key: str, ids: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for run_id in ids:
            rows = self._store.sample(run_id, [key], samples=_SCAN_ROWS).rows()
            for step, _, row in rows:
                if isinstance(row.get(key), dict):
                    found.append({"run": run_id, "step": step, "value": row[key]})
        if len(found) <= _MOST_ITEMS:
            return found
        return [found[round(i * (len(found) - 1) / (_MOST_ITEMS - 1))] for i in range(_MOST_ITEMS)]

    def _number(self, project: str, panel: Panel) -> dict[str, Any]:
        name, show = panel.options["value"], panel.options["show"]
        if not name and show not in ("", "count"):
            raise SpecError(f"the {show} of what? Such as summary.loss", key_path="value")
        fields = [_field(name)] if name else []
        ids: list[str] = []
        if panel.runs.ids or panel.runs.best:
            ids, total = self._ids(project, panel.runs)
            columns = [[_value(run, f) for run in self._store.get_runs(ids)] for f in fields]
        else:
            page = self._find(project, panel.runs, fields)
            total, columns = page.total, page.columns
        said = {"topics": _topics(project, panel.runs, ids), "count": total}
        if not name:
            return {**said, "value": total}
        values = [value for value in columns[0] if _is_number(value)]
        if show == "count":
            return {**said, "value": len(values)}
        count = _COUNTS[show or "max"]
        return {**said, "value": float(count(np.asarray(values))) if values else None}


def _field(name: str) -> RunField:
    """As the listing of runs calls it; but `name` is what people call a run."""
    return run_field({"name": "display_name", "id": "name"}.get(name, name))


def _value(run: RunRecord, field: RunField) -> Any:
    """What a run has in a field; None: nothing."""
    if field.source != "run":
        found = value_at(getattr(run, field.source), field.name)
        return None if found is MISSING else found
    if field.name == "duration":
        until = run.ended or run.heard or run.updated
        return None if run.started is None else max(0.0, until - run.started)
    if field.name == "entity":
        return run.project.rpartition("/")[0]
    return getattr(run, field.name)


def _usual_columns(records: Sequence[RunRecord]) -> list[str]:
    """Of a table that does not say: the first names in config and summary."""
    found = ["name", "state"]
    for document in ("config", "summary"):
        names: dict[str, None] = {}
        for run in records[:_FEW]:
            for name, value in getattr(run, document).items():
                if isinstance(value, int | float | str) and not name.startswith("_"):
                    names[name] = None
        found += [f"{document}.{name}" for name in list(names)[:_COLUMNS]]
    return found


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _topics(project: str, runs: Runs, ids: Sequence[str]) -> list[str]:
    if runs.sweep:
        return [f"sweep/{runs.sweep}"]
    if runs.ids and len(ids) <= _FEW:
        return [f"run/{run_id}" for run_id in ids]
    return [f"project/{project or NO_PROJECT}"]
