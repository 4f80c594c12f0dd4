"""Sweeps as W&B's client reads them.

The source of the GraphQL type Sweep is `SweepRecord`. Neighbours: changes.py (upsertSweep),
agents.py (the protocol of agents), agent_lists.py, runs/.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller import record
from controller.server.status import total_trials
from controller.store.records import RunRecord, SweepRecord
from controller.store.run_index import Scope
from controller.wandb_api.context import Door, Info, door
from controller.wandb_api.ids import global_id, parse_id
from controller.wandb_api.paging import connection, offset_of, page_size, paged
from controller.wandb_api.people.entities import Project
from controller.wandb_api.runs.fields import listed_runs
from sweeps.errors import NotFoundError, UsageError
from sweeps.project import NO_PROJECT
from sweeps.trial import SweepState

STATES = {
    SweepState.PENDING: "PENDING",
    SweepState.RUNNING: "RUNNING",
    SweepState.PAUSED: "PAUSED",
    SweepState.STOPPING: "FINISHED",  # W&B's is finished while the last runs still go on
    SweepState.FINISHED: "FINISHED",
    SweepState.CANCELED: "CANCELED",
    SweepState.FAILED: "FAILED",
}


# -- finding them ----------------------------------------------------------------------------------


def find_sweep(
    here: Door, entity: str | None, project: str | None, name: str
) -> SweepRecord | None:
    """The sweep that a client means by its id and what it knows of its project.

    Ids are unique within the server: who names no project, or W&B's default one, means any.
    """
    return _in_project(here, here.known_project(entity, project) if project else "", name)


def _in_project(here: Door, key: str, sweep_id: str) -> SweepRecord | None:
    try:
        found = here.store.get_sweep(sweep_id)
    except NotFoundError:
        return None
    anywhere = key in ("", NO_PROJECT)
    return found if anywhere or found.project == key else None


def sweep(
    source: Project, info: Info, sweepName: str | None = None, id: str | None = None
) -> SweepRecord | None:
    sweep_id = parse_id(id, "Sweep") if id else (sweepName or "")
    return _in_project(door(info), source.key, sweep_id)


def sweeps(
    source: Project,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    filters: Any = None,
    order: str | None = None,
) -> dict[str, Any]:
    """A project's sweeps, the newest first."""
    if filters not in (None, "", "{}", {}):
        raise UsageError("filters: sweeps are not filtered here; list them all")
    return paged(_all(source, info), first, after)


def total_sweeps(source: Project, info: Info) -> int:
    return len(_all(source, info))


def _all(source: Project, info: Info) -> list[SweepRecord]:
    keys = ("", NO_PROJECT) if source.key in ("", NO_PROJECT) else (source.key,)
    return [each for each in door(info).store.list_sweeps() if each.project in keys]


def sweep_of_run(source: RunRecord, info: Info) -> SweepRecord | None:
    return None if source.sweep_id is None else door(info).store.get_sweep(source.sweep_id)


# -- their fields ----------------------------------------------------------------------------------


def best_loss(source: SweepRecord, info: Info) -> float | None:
    metric = record.spec_of(source).metric
    if metric is None:
        return None
    best = door(info).store.best_trial(source.id, metric.goal.value)
    return None if best is None else best.objective


def runs(
    source: SweepRecord,
    info: Info,
    filters: Any = None,
    order: str | None = None,
    first: int | None = None,
    after: str | None = None,
    **_: Any,
) -> dict[str, Any]:
    scope = Scope(None, source.id)
    return listed_runs(info, scope, filters, order, first, after)


def prior_runs(
    source: SweepRecord, info: Info, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    """The runs whose results the search began with, as far as they are still there."""
    ids = [str(each["run"]) for each in source.prior]
    offset = offset_of(after)
    page = door(info).store.get_runs(ids[offset : offset + page_size(first)])
    return connection(page, offset, len(ids))


def project(source: SweepRecord, info: Info) -> Project:
    return Project(door(info), source.project)


RESOLVERS: dict[str, Callable[..., Any]] = {
    "Project.sweep": sweep,
    "Project.sweeps": sweeps,
    "Project.totalSweeps": total_sweeps,
    "Run.sweep": sweep_of_run,
    "Sweep.id": lambda source, _: global_id("Sweep", source.id),
    "Sweep.name": lambda source, _: source.id,
    "Sweep.displayName": lambda source, _: source.name,
    "Sweep.method": lambda source, _: record.spec_of(source).method.value,
    "Sweep.state": lambda source, _: STATES[source.state],
    "Sweep.description": lambda source, _: record.spec_of(source).description,
    "Sweep.config": lambda source, _: source.yaml,
    "Sweep.controller": lambda _source, _: None,
    "Sweep.scheduler": lambda _source, _: None,
    "Sweep.createdAt": lambda source, _: source.created,
    "Sweep.updatedAt": lambda source, _: source.ended or source.changed or source.started,
    "Sweep.heartbeatAt": lambda source, _: source.ended or source.started,
    "Sweep.earlyStopJobRunning": lambda _source, _: False,
    "Sweep.bestLoss": best_loss,
    "Sweep.runCount": lambda source, _: source.next_number - 1,
    "Sweep.runCountExpected": lambda source, info: total_trials(door(info).store, source),
    "Sweep.project": project,
    "Sweep.runs": runs,
    "Sweep.priorRuns": prior_runs,
}
