"""What the environment tells init(): one place that reads the variables, ours and W&B's.

Ours win over W&B's names. Nothing here is written back to the environment, so a script's own
children are no part of the run unless they inherit what the agent set.
"""

from __future__ import annotations

import os

from logging_core.hints import Mapping, NamedTuple

# The first one that is set says which process of a distributed job this is. LOCAL_RANK comes
# last: launchers that set it alone (Lightning's own) run on one machine.
RANK_VARIABLES = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID", "LOCAL_RANK")


class Environment(NamedTuple):
    """Empty strings where a variable is absent; `rank` 0 outside a distributed job."""

    run_dir: str  # set by the agent: the folder of this run
    writer: str  # set by the agent: the attempt's token
    resumed: bool  # an earlier attempt wrote to this folder
    detour: bool  # set by the agent: the last attempt ran elsewhere, and the server has its rows
    metric: str  # the sweep's objective
    run_url: str  # set by the agent: where the run is shown
    run_id: str
    sweep_id: str
    sweep_param_path: str
    mode: str
    resume: str
    resume_from: str
    fork_from: str
    label: str  # of this process, where several record one run (W&B's x_label)
    primary: bool  # W&B's x_primary
    config_paths: tuple[str, ...]  # files whose values go before the script's
    console: str
    base_dir: str  # where run folders are made, if the agent made none
    name: str
    project: str
    entity: str
    username: str  # whose account it is
    notes: str
    group: str
    job_type: str
    tags: tuple[str, ...]
    silent: bool
    save_code: bool
    system_interval_s: float  # between two samples of the machine; 0: none
    without: frozenset[str]  # of meta, git, code, stats: what shall not be recorded
    finish_wait_s: float | None  # how long any end waits until all is sent; None: nothing is said
    rank: int


def read(environ: Mapping[str, str] | None = None) -> Environment:
    """The environment as init() needs it; `environ` defaults to this process's."""
    found = os.environ if environ is None else environ

    def first(*names: str) -> str:
        return next((found[name] for name in names if found.get(name)), "")

    def flag(*names: str) -> bool:
        return first(*names).lower() in ("1", "true", "yes", "on", "t", "y")

    def several(*names: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in first(*names).split(",") if part.strip())

    wandb_dir = found.get("WANDB_DIR")
    off = flag("WANDB_DISABLED")  # its users set it, and so do Hugging Face's
    waits = first("OPENSWEEP_FINISH_WAIT_S")
    return Environment(
        run_dir=first("OPENSWEEP_RUN_DIR"),
        writer=first("OPENSWEEP_WRITER"),
        resumed=first("OPENSWEEP_RESUMED") == "1",
        detour=first("OPENSWEEP_DETOUR") == "1",
        metric=first("OPENSWEEP_METRIC"),
        run_url=first("OPENSWEEP_RUN_URL"),
        run_id=first("OPENSWEEP_RUN_ID", "WANDB_RUN_ID"),
        sweep_id=first("OPENSWEEP_SWEEP_ID", "WANDB_SWEEP_ID"),
        sweep_param_path=first("WANDB_SWEEP_PARAM_PATH"),
        mode=first("OPENSWEEP_MODE") or ("disabled" if off else first("WANDB_MODE")),
        resume=first("OPENSWEEP_RESUME", "WANDB_RESUME"),
        resume_from=first("OPENSWEEP_RESUME_FROM", "WANDB_RESUME_FROM"),
        fork_from=first("OPENSWEEP_FORK_FROM", "WANDB_FORK_FROM"),
        label=first("OPENSWEEP_LABEL", "WANDB_X_LABEL"),
        primary=first("OPENSWEEP_PRIMARY", "WANDB_X_PRIMARY").lower() not in ("0", "false", "no"),
        config_paths=several("OPENSWEEP_CONFIG_PATHS", "WANDB_CONFIG_PATHS"),
        console=first("OPENSWEEP_CONSOLE", "WANDB_CONSOLE"),
        base_dir=first("OPENSWEEP_DIR")
        or (os.path.join(wandb_dir, "opensweep") if wandb_dir else ""),
        name=first("OPENSWEEP_NAME", "WANDB_NAME", "WANDB_RUN_NAME"),
        project=first("OPENSWEEP_PROJECT", "WANDB_PROJECT"),
        entity=first("OPENSWEEP_ENTITY", "WANDB_ENTITY"),
        username=first("WANDB_USERNAME", "USER", "LOGNAME"),
        notes=first("OPENSWEEP_NOTES", "WANDB_NOTES"),
        group=first("OPENSWEEP_RUN_GROUP", "WANDB_RUN_GROUP"),
        job_type=first("OPENSWEEP_JOB_TYPE", "WANDB_JOB_TYPE"),
        tags=several("OPENSWEEP_TAGS", "WANDB_TAGS"),
        silent=flag("OPENSWEEP_SILENT") or flag("WANDB_SILENT") or flag("WANDB_QUIET"),
        save_code=flag("OPENSWEEP_SAVE_CODE", "WANDB_SAVE_CODE"),
        system_interval_s=_seconds(first("OPENSWEEP_SYSTEM_INTERVAL"), 10.0),
        without=frozenset(name for name, names in _WITHOUT.items() if any(map(flag, names))),
        # The first process of a container takes every other with it.
        finish_wait_s=_seconds(waits, 30.0) if waits or os.getpid() == 1 else None,
        rank=_rank(found),
    )


_WITHOUT = {
    "meta": ("WANDB_X_DISABLE_META", "WANDB__DISABLE_META"),
    "git": ("WANDB_DISABLE_GIT",),
    "code": ("WANDB_DISABLE_CODE",),
    "stats": ("WANDB_X_DISABLE_STATS", "WANDB__DISABLE_STATS"),
}


def _seconds(text: str, default: float) -> float:
    try:
        return max(0.0, float(text)) if text else default
    except ValueError:
        return default


def _rank(environ: Mapping[str, str]) -> int:
    for name in RANK_VARIABLES:
        try:
            return int(environ[name])
        except (KeyError, ValueError):
            continue
    return 0
