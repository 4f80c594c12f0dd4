"""upsertSweep: W&B's client creates a sweep, changes its file, its state or its name.

What the file says is checked as everywhere (sweeps/spec.py); a complaint goes back as it is, with
key path and what to do. What only W&B's own service has (controllers of one's own, Launch) is
refused in words. Neighbours: fields.py (what is read), controller/record.py (who decides).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from controller import record
from controller.store.records import RunRecord, SweepRecord
from controller.store.run_filters import parse_filters
from controller.store.run_index import RunQuery, Scope
from controller.wandb_api.context import Door, Info, door
from controller.wandb_api.ids import parse_id
from controller.wandb_api.runs.fields import our_filters
from sweeps.errors import IllegalTransition, UsageError
from sweeps.trial import SweepState

_ACTIONS = {
    "RUNNING": "resume",
    "PAUSED": "pause",
    "FINISHED": "stop",
    "STOPPED": "stop",
    "CANCELED": "cancel",
    "CANCELLED": "cancel",
}
_FOREIGN = {
    "controller": "a controller of one's own does not run here: the search runs in the opensweep"
    " server. Leave out `--controller` and wandb.controller(), and start agents.",
    "scheduler": "W&B's schedulers do not run here: the search runs in the opensweep server."
    " Leave out `scheduler`, and start agents.",
    "launchScheduler": "W&B Launch does not run here: start `wandb agent` or `sweep agent` on the"
    " machines that are to work.",
}
_MOST_PRIOR = 10_000


def upsert_sweep(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    here = door(info)
    for name, why in _FOREIGN.items():
        if _said(input.get(name)):
            raise UsageError(f"{name}: {why}")
    if input.get("id"):
        return _change(here, _sweep_id(str(input["id"])), input)
    if not input.get("config"):
        raise UsageError("config: a new sweep needs its file")
    project = here.project(input.get("entityName"), input.get("projectName"))
    sweep, spec = record.create_sweep(
        here.store,
        _text(input["config"]),
        origin={"client": "wandb", "user": here.caller.user},
        project=project,
        prior=_prior(here, project, input.get("priorRunsFilters")),
        runnable=False,
    )
    if input.get("displayName"):
        sweep = here.store.change_sweep(sweep.id, name=str(input["displayName"]))
    here.found.loop.wake()
    return _payload(sweep, inserted=True, warnings=spec.warnings)


def _change(here: Door, sweep_id: str, input: Mapping[str, Any]) -> dict[str, Any]:
    sweep = here.store.get_sweep(sweep_id)
    warnings: tuple[str, ...] = ()
    if input.get("config"):
        sweep, spec = record.update_sweep(
            here.store,
            sweep_id,
            _text(input["config"]),
            prior=_prior(here, sweep.project, input.get("priorRunsFilters")),
            runnable=False,
        )
        warnings = spec.warnings
    if input.get("displayName"):
        sweep = here.store.change_sweep(sweep_id, name=str(input["displayName"]))
    if input.get("state"):
        sweep = _steer(here, sweep, str(input["state"]).upper())
    here.found.loop.wake()
    return _payload(sweep, inserted=False, warnings=warnings)


def _steer(here: Door, sweep: SweepRecord, state: str) -> SweepRecord:
    action = _ACTIONS.get(state)
    if action is None:
        raise UsageError(f"state: expected one of {', '.join(_ACTIONS)}; not {state!r}")
    if action == "stop" and sweep.state in (SweepState.STOPPING, SweepState.FINISHED):
        return sweep
    try:
        return record.change_state(here.store, sweep.id, action)
    except IllegalTransition as error:
        raise IllegalTransition(f"cannot {action} sweep {sweep.id}: {error}") from None


def _sweep_id(given: str) -> str:
    """A client has the global id; a person at hand the short one."""
    return given if len(given) == 8 else parse_id(given, "Sweep")


def _text(config: Any) -> str:
    return config if isinstance(config, str) else json.dumps(config)


def _said(value: Any) -> bool:
    return value not in (None, "", "null", "{}", {})


def _prior(here: Door, project: str, filters: Any) -> list[RunRecord]:
    """The earlier runs that `filters` name, in the sweep's project."""
    if not _said(filters):
        return []
    query = RunQuery(
        scope=Scope(project or None, None),
        filter=parse_filters(our_filters(filters)),
        limit=_MOST_PRIOR,
    )
    found = here.store.get_runs(here.store.find_runs(query).ids)
    if not found:
        raise UsageError(
            "priorRunsFilters: no run of this project fits; `sweep runs` lists those there are"
        )
    return found


def _payload(sweep: SweepRecord, *, inserted: bool, warnings: tuple[str, ...]) -> dict[str, Any]:
    return {"sweep": sweep, "inserted": inserted, "configValidationWarnings": list(warnings)}


RESOLVERS: dict[str, Callable[..., Any]] = {"Mutation.upsertSweep": upsert_sweep}
