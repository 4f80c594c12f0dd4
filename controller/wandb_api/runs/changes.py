"""What is done to runs that are there: taken back to a step, stopped, set to a state, deleted.

Neighbours: buckets.py (what they say of themselves, and edits of it), stopping.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from controller.store.records import RunRecord, RunState
from controller.store.store import Store
from controller.wandb_api.context import Info, door
from controller.wandb_api.ids import parse_id
from controller.wandb_api.runs import writers
from controller.wandb_api.runs.stopping import order_stop
from logging_core.records import MetricDefined
from logging_core.summary import SummaryFold
from sweeps.errors import IllegalTransition, NotFoundError, UsageError

_NOT_FOLDED = ("_step", "_timestamp", "_wandb")


def rewind(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, RunRecord]:
    """Mutation.rewindRun: the run as it was at a step; what came later does not count any more."""
    here = door(info)
    metric, value = input.get("metricName"), input.get("metricValue")
    if metric != "_step" or not isinstance(value, int | float) or value < 0 or value != int(value):
        raise UsageError(f"resume_from: a run goes back to a _step, not to {metric!r} {value!r}")
    project = here.known_project(input.get("entityName"), input.get("projectName"))
    run = here.store.find_run(project, str(input.get("runName") or ""))
    step = int(value)
    if run.steps <= step:
        last = f"its last one is {run.steps - 1}" if run.steps else "it has none yet"
        raise UsageError(f"resume_from: run {run.local_id} has no step {step}: {last}")
    done = here.store.rewind(run.id, writers.rewinding(step))
    summary = _summary(here.store, run)
    here.store.describe_run(run.id, done.writer, summary=summary)
    return {"rewoundRun": here.store.get_run(run.id)}


def _summary(store: Store, run: RunRecord) -> dict[str, Any]:
    """What the run's history comes to, as far as it counts."""
    fold = SummaryFold()
    for each in run.metrics.values():
        fold.define(MetricDefined(**each))
    last: dict[str, Any] = {}
    for name, column in store.history(run.id).columns.items():
        values = column.values.tolist() if hasattr(column.values, "tolist") else column.values
        if name in _NOT_FOLDED or not len(values):
            continue
        if fold.wants_all(name):
            fold.add_column(name, values)
        else:
            last[name] = values[-1]
    fold.add_row(last)
    return fold.summary


def stop(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Mutation.stopRun: its process finds out with its next message, and ends."""
    run = _named(info, input)
    order_stop(door(info).found, run)
    return {"success": True, "run": run, "clientMutationId": input.get("clientMutationId")}


def update_state(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, bool]:
    """Mutation.updateRunState: to pending (for a script that is to come) or failed."""
    run, wanted = _named(info, input), str(input.get("state") or "").lower()
    states = {each.value: each for each in (RunState.PENDING, RunState.FAILED)}
    if wanted not in states:
        raise UsageError(f"state: a run is set to pending or failed, not to {wanted!r}")
    if run.sweep_id is not None:
        raise IllegalTransition(f"run {run.id} is a trial of {run.sweep_id}: its state is its own")
    if run.state is RunState.FINISHED or (run.state.over and wanted == RunState.FAILED):
        raise IllegalTransition(f"run {run.local_id} is {run.state}: it cannot become {wanted}")
    door(info).store.end_run(run.id, run.writer, None, state=states[wanted])
    return {"success": True}


def delete(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Mutation.deleteRun. Artifacts that it made stay, unless `deleteArtifacts` says otherwise."""
    run, store = _named(info, input), door(info).store
    logged = store.artifacts_of_run(run.id, used=False) if input.get("deleteArtifacts") else []
    store.delete_run(run.id)
    for artifact in logged:
        if artifact.run_id != run.id:  # another's, too
            continue
        with suppress(NotFoundError):  # somebody was quicker
            store.delete_artifact(artifact.id, with_aliases=True)
    return {"success": True, "run": run, "clientMutationId": input.get("clientMutationId")}


def _named(info: Info, input: Mapping[str, Any]) -> RunRecord:
    return door(info).store.get_run(parse_id(str(input.get("id") or ""), "Run"))


RESOLVERS = {
    "Mutation.rewindRun": rewind,
    "Mutation.stopRun": stop,
    "Mutation.updateRunState": update_state,
    "Mutation.deleteRun": delete,
}
