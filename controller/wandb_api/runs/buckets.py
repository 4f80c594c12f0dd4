"""Runs as W&B's client introduces, describes and edits them: upsertBucket (a bucket is a run).

The one mutation stands for many things. With an `id` and no `name` a person edits a run that is on
record. With a name a script speaks: it begins a run, goes on with it, or tells what is new; which
process that is, writers.py knows. A run that a sweep's agent was given is the trial's. Neighbours:
configs.py and summaries.py (documents), metadata.py (names of metadata), resuming.py (what a script
is told before), endings.py, sweeps/attempts.py.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.store.records import NewRun, RunRecord, RunState
from controller.wandb_api.context import Door, Info, door
from controller.wandb_api.ids import parse_id
from controller.wandb_api.runs import writers
from controller.wandb_api.runs.configs import INTERNAL, Said, parse_object, read_config
from controller.wandb_api.runs.metadata import our_metadata
from controller.wandb_api.runs.naming import draw_name
from controller.wandb_api.runs.summaries import NESTED, nested_names, plain_summary
from controller.wandb_api.sweeps import attempts
from sweeps.errors import Fenced, NotFoundError, UsageError

log = logging.getLogger(__name__)

_NAME = re.compile(r"[^/\\#?%:\x00-\x1f\x7f]{1,128}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_METADATA = {
    "displayName": "name",
    "notes": "notes",
    "tags": "tags",
    "groupName": "group",
    "jobType": "job_type",
    "host": "host",
    "jobProgram": "program",
}
"""What of the input is metadata of ours."""
_ENDS = {state.value: state for state in RunState if state.over}


def upsert_bucket(_root: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Mutation.upsertBucket. Repeats change nothing."""
    here = door(info)
    if input.get("id") and not input.get("name"):
        run = here.store.get_run(parse_id(str(input["id"]), "Run"))
        edit(here, run, input)
        return _answer(here, run.id, run.local_id, inserted=False)
    name = _checked_name(input.get("name"))
    project = here.project(input.get("entityName"), input.get("modelName"))
    trial = _trial(here, project, name, input.get("sweep"))
    if trial is not None:
        _describe_trial(here, trial, name, input)
        return _answer(here, trial.id, name, inserted=False)
    run_id, inserted = _register(here, project, name, input)
    return _answer(here, run_id, name, inserted=inserted)


def _answer(here: Door, run_id: str, name: str, *, inserted: bool) -> dict[str, Any]:
    """The client takes the run's name from here on from the answer: it must be the one it gave."""
    run = replace(here.store.get_run(run_id), local_id=name)
    settings: dict[str, Any] = {"serverMessages": []}
    return {"bucket": run, "inserted": inserted, "serverSettings": settings}


def _checked_name(name: Any) -> str:
    if name is None or name == "":
        return "".join(secrets.choice(_LETTERS) for _ in range(8))
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.strip(" .") == "":
        raise UsageError(
            f"{name!r} cannot be a run's id: 1 to 128 characters, none of them one of / \\ # ? % :"
        )
    return name


# -- runs of their own -----------------------------------------------------------------------------


def _register(here: Door, project: str, name: str, given: Mapping[str, Any]) -> tuple[str, bool]:
    """(the run's key, whether it is new)."""
    said = read_config(given.get("config"))
    who = writers.told(given, said.wandb, here.client)
    state = _state(given.get("state"))
    run_id = here.store.run_key(project, name)
    metadata = {**_metadata(given), **_surroundings(said), **said.metadata}
    if who.introduces:
        metadata["username"] = here.caller.user
    if given.get("sweep"):
        metadata["sweep_id"] = _sweep_id(given["sweep"])
    if state is RunState.PENDING and _exists(here, run_id):
        return run_id, False  # a repeat, or somebody records it already
    parent, fork_step = _branch(here, project, name, said)
    done = here.store.register_process(
        NewRun(
            run_id,
            uid="",
            project=project,
            name=str(metadata.get("name") or _draw(here, project, name)),
            config=said.config,
            metadata=metadata,
            parent=parent,
            fork_step=fork_step,
            local_id=name,
        ),
        writers.recognise(who),
        metrics=said.metrics if said.wandb.get("m") is not None else None,
        state=RunState.PENDING if state is RunState.PENDING else RunState.RUNNING,
        beside=bool(here.client),
    )
    if done.new and given.get("sweep"):
        log.warning(
            "run %s says that it belongs to sweep %s, and no agent was given it: it is recorded "
            "as a run of its own",
            run_id,
            given["sweep"],
        )
    if given.get("summaryMetrics") is not None:
        _tell(here, run_id, done.writer, **_summary(given))
    if state is not None and state.over:
        here.store.end_run(run_id, done.writer, None, state=state)
    return run_id, done.new


def _state(value: Any) -> RunState | None:
    return RunState.PENDING if value == RunState.PENDING else _ENDS.get(value)


def _exists(here: Door, run_id: str) -> bool:
    return bool(here.store.get_runs([run_id]))


def _branch(here: Door, project: str, name: str, said: Said) -> tuple[str | None, int | None]:
    """(the run's parent, the last step taken over), for one that was forked."""
    point = said.wandb.get("branch_point")
    if not isinstance(point, dict) or point.get("run_id") in (None, name):
        return None, None
    step = point.get("step")
    if not isinstance(step, int | float) or step < 0:
        raise UsageError(f"fork_from: {step!r} is no step")
    return here.store.find_run(project, str(point["run_id"])).id, int(step)


def _draw(here: Door, project: str, name: str) -> str:
    known = here.store.find_project(project)
    return draw_name(f"{project}/{name}", 1 + (known.runs if known else 0))


# -- runs of trials --------------------------------------------------------------------------------


def _trial(here: Door, project: str, name: str, sweep: Any) -> RunRecord | None:
    """The run of the trial that an agent was given, if the script means one."""
    if sweep:
        return attempts.trial_run(here.store, _sweep_id(sweep), name)
    try:
        run = here.store.find_run(project, name)
    except NotFoundError:
        return None
    return run if run.sweep_id is not None else None


def _describe_trial(here: Door, trial: RunRecord, name: str, given: Mapping[str, Any]) -> None:
    token = attempts.token_of(here.store, trial, name)
    attempts.registered(here.found, trial.id, token)
    if here.client:
        here.store.name_process(trial.id, token, writers.shared_name(here.client))
    said = read_config(given.get("config"))
    metadata = {**_metadata(given), **_surroundings(said), **said.metadata}
    if writers.told(given, said.wandb, here.client).introduces:
        metadata["username"] = here.caller.user
    _tell(
        here,
        trial.id,
        token,
        config=said.config,
        metadata=metadata,
        metrics=said.metrics or None,
    )
    if given.get("summaryMetrics") is not None:
        _tell(here, trial.id, token, **_summary(given))


def _tell(here: Door, run_id: str, writer: int, **said: Mapping[str, Any] | None) -> None:
    try:
        here.store.describe_run(run_id, writer, **said)
    except Fenced:
        log.info("an earlier process of run %s still speaks; it is not recorded", run_id)


def _sweep_id(sweep: Any) -> str:
    return str(sweep).rpartition("/")[2]


# -- edits -----------------------------------------------------------------------------------------


def edit(here: Door, run: RunRecord, given: Mapping[str, Any]) -> None:
    """What a person changes of a run. Config and summary come whole: what is not in them goes."""
    config = summary = None
    gone_config: list[str] = []
    gone: list[str] = []
    if given.get("config") is not None:
        said = read_config(given["config"])
        config = said.config
        gone_config = [key for key in run.config if key not in config and key != INTERNAL]
    metadata = _metadata(given)
    if given.get("summaryMetrics") is not None:
        said_of = _summary(given)
        summary = said_of["summary"]
        metadata |= said_of["metadata"]
        gone = [key for key in run.summary if key not in summary]
    about = given.get("description")
    if "notes" in metadata and metadata["notes"] == run.metadata.get("notes") and about:
        metadata["notes"] = about
    here.store.edit_run(
        run.id,
        config=config,
        metadata=metadata or None,
        summary=summary,
        removed=gone,
        removed_config=gone_config,
    )
    state = _state(given.get("state"))
    if state is not None and state.over and run.sweep_id is None:
        here.store.end_run(run.id, run.writer, None, state=state)


# -- documents -------------------------------------------------------------------------------------


def _metadata(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the input says in fields of its own. What is null in it stays as it is."""
    found = {ours: given[theirs] for theirs, ours in _METADATA.items() if _is_said(given, theirs)}
    if given.get("description") and "notes" not in found:
        found["notes"] = given["description"]
    git = {"remote": given.get("jobRepo"), "commit": given.get("commit")}
    if any(git.values()):
        found["git"] = {name: value for name, value in git.items() if value}
    if not found.get("name", True):
        del found["name"]
    return found


def _is_said(given: Mapping[str, Any], name: str) -> bool:
    return given.get(name) is not None


def _surroundings(said: Said) -> dict[str, Any]:
    """What the newest of the processes in the config says of its machine."""
    processes = said.wandb.get("e")
    if not isinstance(processes, dict) or not processes:
        return {}
    newest = list(processes.values())[-1]
    return our_metadata(newest) if isinstance(newest, dict) else {}


def _summary(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{"summary", "metadata"} of a whole summary: what it says, and which names are dicts in it."""
    document = parse_object("summaryMetrics", given["summaryMetrics"])
    return {
        "summary": plain_summary(document),
        "metadata": {NESTED: sorted(nested_names(document))},
    }


RESOLVERS = {"Mutation.upsertBucket": upsert_bucket}
