"""What the environment tells init(): one place that reads the variables, ours and W&B's.

Ours win over W&B's names. Nothing here is written back to the environment, so a script's own
children are no part of the run unless they inherit what the agent set.
"""

from __future__ import annotations

import os
from typing import Mapping, NamedTuple

# The first one that is set says which process of a distributed job this is. LOCAL_RANK comes
# last: launchers that set it alone (Lightning's own) run on one machine.
RANK_VARIABLES = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID", "LOCAL_RANK")


class Environment(NamedTuple):
    """Empty strings where a variable is absent; `rank` 0 outside a distributed job."""

    run_dir: str  # set by the agent: the folder of this run
    writer: str  # set by the agent: the attempt's token
    resumed: bool  # an earlier attempt wrote to this folder
    metric: str  # the sweep's objective
    run_id: str
    sweep_id: str
    sweep_param_path: str
    mode: str
    console: str
    base_dir: str  # where run folders are made, if the agent made none
    name: str
    project: str
    entity: str
    notes: str
    group: str
    job_type: str
    tags: tuple[str, ...]
    silent: bool
    rank: int


def read(environ: Mapping[str, str] | None = None) -> Environment:
    """The environment as init() needs it; `environ` defaults to this process's."""
    found = os.environ if environ is None else environ

    def first(*names: str) -> str:
        return next((found[name] for name in names if found.get(name)), "")

    wandb_dir = found.get("WANDB_DIR")
    return Environment(
        run_dir=first("OPENSWEEP_RUN_DIR"),
        writer=first("OPENSWEEP_WRITER"),
        resumed=first("OPENSWEEP_RESUMED") == "1",
        metric=first("OPENSWEEP_METRIC"),
        run_id=first("OPENSWEEP_RUN_ID", "WANDB_RUN_ID"),
        sweep_id=first("OPENSWEEP_SWEEP_ID", "WANDB_SWEEP_ID"),
        sweep_param_path=first("WANDB_SWEEP_PARAM_PATH"),
        mode=first("OPENSWEEP_MODE", "WANDB_MODE"),
        console=first("OPENSWEEP_CONSOLE", "WANDB_CONSOLE"),
        base_dir=first("OPENSWEEP_DIR")
        or (os.path.join(wandb_dir, "opensweep") if wandb_dir else ""),
        name=first("OPENSWEEP_NAME", "WANDB_NAME"),
        project=first("OPENSWEEP_PROJECT", "WANDB_PROJECT"),
        entity=first("OPENSWEEP_ENTITY", "WANDB_ENTITY"),
        notes=first("OPENSWEEP_NOTES", "WANDB_NOTES"),
        group=first("OPENSWEEP_RUN_GROUP", "WANDB_RUN_GROUP"),
        job_type=first("OPENSWEEP_JOB_TYPE", "WANDB_JOB_TYPE"),
        tags=tuple(
            tag.strip() for tag in first("OPENSWEEP_TAGS", "WANDB_TAGS").split(",") if tag.strip()
        ),
        silent=first("OPENSWEEP_SILENT", "WANDB_SILENT").lower() in ("1", "true", "yes", "on"),
        rank=_rank(found),
    )


def _rank(environ: Mapping[str, str]) -> int:
    for name in RANK_VARIABLES:
        try:
            return int(environ[name])
        except (KeyError, ValueError):
            continue
    return 0
