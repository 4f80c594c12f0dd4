"""From a sweep's command and a trial's config to argv, environment and folder (signatures first)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Program:
    """What check_program found out: how this machine runs the sweep's command."""

    command: tuple[str, ...]
    program: str | None
    interpreter: str
    cwd: Path


@dataclass(frozen=True)
class Launch:
    """All that Supervisor.start needs of a trial, but its console and marker."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


def check_program(
    command: Sequence[str],
    program: str | None,
    *,
    origin: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Program:
    """Finds program, interpreter and working folder before any trial is taken.

    `origin`: {"host", "cwd", "path"} of `sweep create`. Raises UsageError.
    """
    raise NotImplementedError


def prepare(
    program: Program,
    *,
    config: Mapping[str, Any],
    run_dir: Path,
    sweep_id: str,
    trial_id: str,
    token: int,
    resumed: bool,
    metric: str | None,
    slot_env: Mapping[str, str],
    inject: Path,
    project: str | None = None,
    entity: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Launch:
    """argv and environment of one attempt; writes the W&B config file into `run_dir`."""
    raise NotImplementedError
