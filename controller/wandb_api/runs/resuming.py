"""What a script is told of a run that it goes on with: how far it came, and where to count on from.

Offsets: the client counts the lines of its history, of its machine's metrics and of its console
itself, and begins at what it is told here. Neighbours: fields.py (a run's other fields), writers.py
(as whom the process records then).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from controller.server.wire import spell_out
from controller.store.chunk_records import ChunkKind
from controller.store.records import RunRecord
from controller.wandb_api.context import Info, door
from controller.wandb_api.people.entities import Project
from controller.wandb_api.runs.configs import wandb_config, wandb_part
from controller.wandb_api.runs.stopping import stop_pending
from controller.wandb_api.runs.summaries import runtime_s
from controller.wandb_api.sweeps import attempts
from sweeps.errors import NotFoundError
from sweeps.protocol.columns import Columns


def bucket(
    source: Project,
    info: Info,
    name: str | None = None,
    missingOk: bool | None = None,
    **_: Any,
) -> RunRecord | None:
    """Project.bucket: the run that scripts call `name`. An attempt's run keeps the name it has."""
    try:
        return replace(door(info).store.find_run(source.key, name or ""), local_id=name or "")
    except NotFoundError:
        if missingOk:
            return None
        raise


def history_line_count(run: RunRecord, _: Info) -> int:
    """Where the history's next line goes. Steps are counted, not lines: it is only compared with
    what the same process counts on from it."""
    return run.steps


def events_line_count(run: RunRecord, info: Info) -> int:
    return door(info).store.count_rows(run.id, ChunkKind.SYSTEM)


def log_line_count(run: RunRecord, info: Info) -> int:
    return door(info).store.count_rows(run.id, ChunkKind.CONSOLE)


def history_tail(run: RunRecord, info: Info) -> list[str]:
    """The newest row, as JSON text in a list; [] when there is none."""
    if run.steps == 0:
        return []
    return _last(run, door(info).store.rows(run.id, first=run.steps - 1).rows)


def events_tail(run: RunRecord, info: Info) -> list[str]:
    store = door(info).store
    return _last(run, store.sample(run.id, None, samples=2, kind=ChunkKind.SYSTEM))


def _last(run: RunRecord, rows: Columns) -> list[str]:
    found = list(rows.rows())[-1:]
    runtime = runtime_s(run) or 0.0
    return [
        json.dumps(
            spell_out({"_runtime": runtime, **row, "_step": int(step), "_timestamp": float(time)})
        )
        for step, time, row in found
    ]


def wandb_config_of(run: RunRecord, _: Info, keys: Sequence[str] | None = None) -> dict[str, Any]:
    return wandb_part(run, keys)


def stopped(run: RunRecord, info: Info) -> bool:
    """Run.stopped: whether its script is to end; older clients ask now and then."""
    found = door(info).found
    return attempts.stop_pending(found, run) if run.sweep_id else stop_pending(run)


RESOLVERS = {
    "Project.bucket": bucket,
    "Run.config": lambda run, _: wandb_config(run),
    "Run.rawconfig": lambda run, _: wandb_config(run),
    "Run.historyLineCount": history_line_count,
    "Run.eventsLineCount": events_line_count,
    "Run.logLineCount": log_line_count,
    "Run.historyTail": history_tail,
    "Run.eventsTail": events_tail,
    "Run.wandbConfig": wandb_config_of,
    "Run.stopped": stopped,
    "Run.shouldStop": stopped,
}
