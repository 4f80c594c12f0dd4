"""Runs as W&B's public API shows them: their fields, and lists of them by filter and order.

The source of the GraphQL type Run is `RunRecord`. Neighbours: history.py (what they logged),
people/ (projects and users), buckets.py (how they are recorded), files/, sweeps/.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from controller.store.records import RunRecord
from controller.store.run_filters import parse_filters, parse_order
from controller.store.run_index import RunQuery, Scope
from controller.wandb_api.context import Info, door
from controller.wandb_api.ids import global_id
from controller.wandb_api.paging import connection, offset_of, page_size
from controller.wandb_api.people.entities import Project, User
from controller.wandb_api.runs.summaries import wandb_summary
from sweeps.errors import NotFoundError, UsageError

# A trial's states in W&B's words; a run's own states are the same in both.
STATES = {
    "queued": "pending",
    "stopped": "killed",
    "canceled": "killed",
}
_OURS = {"pending": ["pending", "queued"], "killed": ["stopped", "canceled"]}
_DEEPEST = 50


def shown_state(run: RunRecord) -> str:
    """The run's state in W&B's words."""
    return STATES.get(run.state.value, run.state.value)


# -- finding them ----------------------------------------------------------------------------------


def run(source: Project, info: Info, name: str | None = None) -> RunRecord | None:
    """Project.run: None when there is none of this id."""
    try:
        return door(info).store.find_run(source.key, name or "")
    except NotFoundError:
        return None


def runs(
    source: Project,
    info: Info,
    filters: Any = None,
    order: str | None = None,
    first: int | None = None,
    after: str | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Project.runs: a page of those that fit."""
    return listed_runs(info, Scope(source.key, None), filters, order, first, after)


def listed_runs(
    info: Info,
    scope: Scope,
    filters: Any,
    order: str | None,
    first: int | None,
    after: str | None,
) -> dict[str, Any]:
    """A connection of runs; see run_filters.py for filters (JSON) and orders."""
    store = door(info).store
    query = RunQuery(
        scope=scope,
        filter=parse_filters(our_filters(filters)),
        orders=parse_order(order or "+created_at"),
        offset=offset_of(after),
        limit=page_size(first),
    )
    page = store.find_runs(query)
    return connection(store.get_runs(page.ids), query.offset, page.total)


def run_count(source: Project, info: Info, filters: Any = None) -> int:
    """Project.runCount."""
    query = RunQuery(
        scope=Scope(source.key, None), filter=parse_filters(our_filters(filters)), limit=0
    )
    return door(info).store.find_runs(query).total


def our_filters(filters: Any) -> str:
    """A filter of W&B's as ours has it: the states that only W&B has become ours.

    Raises UsageError when it is no JSON.
    """
    if not filters:
        return ""
    try:
        value = json.loads(filters) if isinstance(filters, str) else filters
        return json.dumps(_with_our_states(value, 0))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"filters: this is no JSON: {error}") from None


def _with_our_states(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise UsageError("filters: nested too deeply")
    if isinstance(value, list):
        return [_with_our_states(each, depth + 1) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _our_state(each) if key == "state" else _with_our_states(each, depth + 1)
        for key, each in value.items()
    }


def _our_state(condition: Any) -> Any:
    if isinstance(condition, str):
        ours = _OURS.get(condition)
        return condition if ours is None else {"$in": ours}
    if not isinstance(condition, dict):
        return condition
    found: dict[str, Any] = {}
    for operator, value in condition.items():
        values = value if isinstance(value, list) else [value]
        ours = [each for one in values for each in _OURS.get(one, [one])]
        if operator in ("$in", "$nin"):
            found[operator] = ours
        elif operator in ("$eq", "$ne") and len(ours) > 1:
            found["$in" if operator == "$eq" else "$nin"] = ours
        else:
            found[operator] = ours[0] if len(ours) == 1 and ours != values else value
    return found


# -- their fields ----------------------------------------------------------------------------------


def user(source: RunRecord, info: Info) -> User:
    """Run.user: who started it, as it says itself; the server's owner when it does not."""
    here = door(info)
    name = source.metadata.get("username")
    return User(here, str(name) if name else here.found.owner, (), admin=False)


def project(source: RunRecord, info: Info) -> Project:
    """Run.project."""
    return Project(door(info), source.project)


def run_info(source: RunRecord, _: Info) -> dict[str, Any]:
    """Run.runInfo: what it says of its machine and its program."""
    said = source.metadata
    git = said.get("git")
    return {
        "program": said.get("program"),
        "args": said.get("args") or [],
        "os": said.get("os"),
        "python": said.get("python"),
        "executable": said.get("executable"),
        "codeSaved": bool(said.get("code")),
        "cpuCount": said.get("cpu_count"),
        "gpuCount": said.get("gpu_count"),
        "gpu": said.get("gpu"),
        "git": git if isinstance(git, Mapping) else None,
    }


def _commit(source: RunRecord, _: Info) -> str | None:
    git = source.metadata.get("git")
    found = git.get("commit") if isinstance(git, Mapping) else None
    return str(found) if found else None


def _said(name: str) -> Any:
    """A field that is what the run says of itself under this name."""
    return lambda source, _: source.metadata.get(name)


def _seconds(source: RunRecord, _: Info) -> int:
    until = source.ended or source.heard
    return int(max(0.0, until - source.started)) if source.started and until else 0


RESOLVERS = {
    "Project.run": run,
    "Project.runs": runs,
    "Project.runCount": run_count,
    "Run.id": lambda source, _: global_id("Run", source.id),
    "Run.name": lambda source, _: source.local_id,
    "Run.displayName": lambda source, _: source.name,
    "Run.project": project,
    "Run.projectId": lambda source, info: project(source, info).number,
    "Run.state": lambda source, _: shown_state(source),
    "Run.summaryMetrics": lambda source, _: wandb_summary(source),
    "Run.tags": lambda source, _: list(source.metadata.get("tags") or ()),
    "Run.notes": _said("notes"),
    "Run.group": _said("group"),
    "Run.groupName": _said("group"),
    "Run.jobType": _said("job_type"),
    "Run.host": _said("host"),
    "Run.commit": _commit,
    "Run.readOnly": lambda *_: False,
    "Run.createdAt": lambda source, _: source.created,
    "Run.updatedAt": lambda source, _: source.updated,
    "Run.heartbeatAt": lambda source, _: source.heard or source.updated,
    "Run.sweepName": lambda source, _: source.sweep_id,
    "Run.user": user,
    "Run.runInfo": run_info,
    "Run.computeSeconds": _seconds,
    "Run.exitCode": lambda source, _: source.exit_code,
    "Run.exitcode": lambda source, _: source.exit_code,
    "Run.program": _said("program"),
    "Run.failed": lambda source, _: source.state.value in ("failed", "crashed"),
    "Run.running": lambda source, _: source.state.value == "running",
}
