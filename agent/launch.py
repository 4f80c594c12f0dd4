"""From a sweep's command and a trial's config to argv, environment and working folder.

The macros mean what they mean in W&B. No shell is ever involved: argv is a list from beginning
to end, so a value with spaces or quotes arrives as it is. Nested parameters are passed as W&B
passes them: one argument per top-level name, a nested one as Python writes a dict
(`--optimizer={'lr': 0.1}`); `config` and `${args_json}` carry them as they are.

The training process gets the agent's environment without our secrets, the names by which
`opensweep.init()` (and W&B's client) find their run, and the slot's device.

Where the program is looked for, first found wins; the place becomes the working folder:
  1. the folder in which the agent was started;
  2. on the machine where the sweep was created: the folder in which it was created;
  3. there also: the folder of the sweep file.

Which Python `${interpreter}` is:
  1. $OPENSWEEP_PYTHON, a path or a name on PATH;
  2. `python` (else `python3`) on PATH, when an environment is activated (VIRTUAL_ENV, or a conda
     environment other than base) or opensweep is installed apart (pipx, uv tool);
  3. the Python that runs the agent, when that is a virtual environment: `.venv/bin/sweep agent`
     trains with `.venv/bin/python`;
  4. `python`, else `python3`, on PATH; else the Python that runs the agent.

Must never write outside the run folder. Neighbours: agent/inject.py (PYTHONPATH),
agent/devices.py (the slot's variables), agent/supervisor.py (starts what is made here).
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sweeps.errors import ConfigurationError, UsageError

SECRETS = frozenset(
    {
        *("OPENSWEEP_API_KEY", "OPENSWEEP_REDIS_URL", "OPENSWEEP_DATABASE_URL"),
        *("OPENSWEEP_AGENT_REDIS_URL", "OPENSWEEP_ALERTS"),
    }
)
"""Never handed to a training process. WANDB_API_KEY is the user's own, and stays."""

_OF_ANOTHER_RUN = frozenset(
    {
        # An agent may itself run within a trial.
        "OPENSWEEP_ATTEMPT", "OPENSWEEP_WARDEN", "OPENSWEEP_WRITER", "OPENSWEEP_RESUMED",
        "OPENSWEEP_DETOUR",
        "OPENSWEEP_METRIC", "OPENSWEEP_RUN_URL", "WANDB_SERVICE", "WANDB_RESUME", "WANDB_RUN_ID",
        "WANDB_SWEEP_PARAM_PATH",
        # `srun sweep agent` gives the agent a rank; a trial of it is not rank 3 of anything, and
        # its logger would keep silent if it believed so.
        "RANK", "LOCAL_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE",
        "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS", "SLURM_NPROCS",
        "PMI_RANK", "PMI_SIZE", "PMIX_RANK",
        "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE",
    }
)  # fmt: skip
_WHOLE_MACRO = re.compile(r"\$\{(\w+)\}")
_ENVVAR = re.compile(r"\$\{envvar:([^}]*)\}")
_ARGS = ("args", "args_no_hyphens", "args_no_boolean_flags", "args_no_equals", "args_json",
         "args_json_file", "args_append_hydra", "args_override_hydra")  # fmt: skip
_MACROS = ("env", "interpreter", "program", *_ARGS)
_ENV = "/usr/bin/env"


@dataclass(frozen=True)
class Program:
    """How this machine runs a sweep's command; made by `check_program`.

    Attributes:
        command: as in the sweep file, macros and all.
        program: the sweep's `program`, as the file has it; None when it has none.
        interpreter: what `${interpreter}` stands for here.
        cwd: the working folder of every trial.
    """

    command: tuple[str, ...]
    program: str | None
    interpreter: str
    cwd: Path

    def chosen_python(self, environ: Mapping[str, str]) -> str | None:
        """The Python that `${interpreter}` is, by its path; None: the command names its own."""
        if "${interpreter}" not in self.command:
            return None
        return shutil.which(self.interpreter, path=_path(environ)) or self.interpreter


@dataclass(frozen=True)
class Launch:
    """What Supervisor.start takes of a trial, but for its console and marker."""

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
    """Finds program, interpreter and working folder, before any trial is taken.

    Args:
        command: the sweep's command, macros and all.
        program: the sweep's program; None when the file names none.
        origin: where the sweep was created: {"host", "cwd", "path"}, each may be missing.
        environ: the agent's environment (default: os.environ).
        cwd: the agent's working folder (default: the current one).

    Raises UsageError (and ConfigurationError for $OPENSWEEP_PYTHON) with what to do.
    """
    environ = os.environ if environ is None else environ
    command = tuple(str(part) for part in command)
    if not command:
        raise UsageError("the sweep's `command` is empty: leave it out to get W&B's default")
    for part in command:
        macro = _WHOLE_MACRO.fullmatch(part)
        if macro and macro[1] not in _MACROS:
            known = ", ".join(f"${{{name}}}" for name in _MACROS)
            raise UsageError(f"`command` has an unknown macro {part}; there are {known} and "
                             "${envvar:NAME}")  # fmt: skip
    if "${program}" in command and not program:
        raise UsageError(
            "`command` uses ${program}, but the sweep names none: add `program:` to the sweep file"
        )
    for name in _ENVVAR.findall(" ".join(command)):
        if name in SECRETS:  # an argv is for every user of the machine to read
            raise UsageError(f"`command` asks for ${{envvar:{name}}}, which no trial may see")
    head = _head(command, environ)
    wanted = program if "${program}" in command else head if head and "/" in head else None
    folders = _folders(origin or {}, Path.cwd() if cwd is None else cwd)
    folder = _find(str(wanted), folders) if wanted else folders[0]
    interpreter = (
        _interpreter(environ) if "${interpreter}" in command else sys.executable or "python"
    )
    if head == "${program}":
        _check_executable(str(program), folder)
    elif head is not None and "/" not in head and not shutil.which(head, path=_path(environ)):
        raise UsageError(f"`command` begins with {head}, which is not on this agent's PATH")
    return Program(command, program, interpreter, folder)


def prepare(
    program: Program,
    *,
    config: Mapping[str, Any],
    run_dir: Path,
    sweep_id: str,
    trial_id: str,
    token: int,
    resumed: bool,
    detour: bool,
    metric: str | None,
    slot_env: Mapping[str, str],
    inject: Sequence[Path],
    project: str | None = None,
    entity: str | None = None,
    server_url: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Launch:
    """argv and environment of one attempt; `detour`: the attempt before it ran on another machine,
    and an earlier one on this.

    Writes `sweep-params.yaml` (what WANDB_SWEEP_PARAM_PATH names) and, for `${args_json_file}`,
    `args.json` into `run_dir`, which must exist. Raises OSError when it cannot.
    """
    environ = os.environ if environ is None else environ
    params = run_dir / "sweep-params.yaml"
    _write(params, _wandb_config(config))
    json_file = run_dir / "args.json"
    if "${args_json_file}" in program.command:
        _write(json_file, json.dumps(config))
    ours = {
        "OPENSWEEP_RUN_DIR": str(run_dir),
        "OPENSWEEP_WRITER": str(token),
        "OPENSWEEP_RUN_ID": trial_id,
        "OPENSWEEP_SWEEP_ID": sweep_id,
        "OPENSWEEP_CONSOLE": "agent",
        **({"OPENSWEEP_RESUMED": "1"} if resumed else {}),
        **({"OPENSWEEP_DETOUR": "1"} if detour else {}),
        **({"OPENSWEEP_METRIC": metric} if metric else {}),
        # An address to show, no more: the key stays with the agent.
        **({"OPENSWEEP_RUN_URL": f"{server_url}/runs/{trial_id}"} if server_url else {}),
        "WANDB_SWEEP_ID": sweep_id,
        "WANDB_RUN_ID": trial_id,
        "WANDB_SWEEP_PARAM_PATH": str(params),
        "WANDB_DIR": environ.get("WANDB_DIR") or str(program.cwd),
        **({"WANDB_PROJECT": project} if project else {}),
        **({"WANDB_ENTITY": entity} if entity else {}),
    }
    env = {
        **{k: v for k, v in environ.items() if k not in SECRETS and k not in _OF_ANOTHER_RUN},
        "PYTHONUNBUFFERED": "1",  # what was printed before a kill is in the console log
        "PYTHONPATH": os.pathsep.join(filter(None, [*map(str, inject), environ.get("PYTHONPATH")])),
        **ours,
        **slot_env,
    }
    return Launch(_argv(program, config, json_file, environ), env, program.cwd)


# -- argv -----------------------------------------------------------------------------------------


def _argv(
    program: Program, config: Mapping[str, Any], json_file: Path, environ: Mapping[str, str]
) -> tuple[str, ...]:
    macros = {
        "env": [_ENV],
        "interpreter": [program.interpreter],
        "program": [program.program or ""],
        "args_json_file": [str(json_file)],
        **_arguments(config),
    }
    argv: list[str] = []
    for part in program.command:
        macro = _WHOLE_MACRO.fullmatch(part)
        argv += macros[macro[1]] if macro else [_expand(part, environ)]
    return tuple(argv)


def _arguments(config: Mapping[str, Any]) -> dict[str, list[str]]:
    pairs = [(name, f"{name}={value}", value) for name, value in config.items()]
    return {
        "args": [f"--{pair}" for _, pair, _ in pairs],
        "args_no_hyphens": [pair for _, pair, _ in pairs],
        "args_no_boolean_flags": [
            f"--{name}" if value is True else f"--{pair}"
            for name, pair, value in pairs
            if value is not False
        ],
        "args_no_equals": [part for name, _, value in pairs for part in (f"--{name}", str(value))],
        "args_append_hydra": [f"+{pair}" for _, pair, _ in pairs],
        "args_override_hydra": [f"++{pair}" for _, pair, _ in pairs],
        "args_json": [json.dumps(config)],
    }


def _expand(part: str, environ: Mapping[str, str]) -> str:
    """`${envvar:NAME}` anywhere in a string; a variable that is not set leaves its name (W&B)."""
    return _ENVVAR.sub(lambda match: environ.get(match[1], match[1]), part)


def _wandb_config(config: Mapping[str, Any]) -> str:
    text = "wandb_version: 1"
    if config:
        wrapped = {name: {"value": value} for name, value in config.items()}
        text += "\n\n" + yaml.safe_dump(wrapped, allow_unicode=True, sort_keys=False)
    return text


def _write(path: Path, text: str) -> None:
    """Whole or not at all: the attempt before may still be reading its own."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


# -- finding --------------------------------------------------------------------------------------


def _head(command: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """What is executed first, if that can be said without a config; `${env}` steps aside."""
    rest = [part for part in command if part != "${env}"] or list(command)
    if rest[0] in ("${interpreter}", "${env}") or rest[0][2:-1] in _ARGS:
        return None
    if "${env}" in command[:1] and ("=" in rest[0] or rest[0].startswith("-")):
        return None  # env's own: NAME=value, or an option
    return rest[0] if rest[0] == "${program}" else _expand(rest[0], environ)


def _folders(origin: Mapping[str, Any], cwd: Path) -> list[Path]:
    folders = [cwd]
    if origin.get("cwd") and origin.get("host") == socket.gethostname():
        created = Path(str(origin["cwd"]))
        folders.append(created)
        if origin.get("path"):
            folders.append((created / str(origin["path"])).parent)
    return [one for i, one in enumerate(folders) if one not in folders[:i]]


class NoProgram(UsageError):
    """The file that a trial would run is not where it is looked for."""


def _find(program: str, folders: Sequence[Path]) -> Path:
    for folder in folders:
        if (folder / program).is_file():
            return folder
    if os.path.isabs(program):
        raise NoProgram(f"the sweep's program {program} is not on this machine")
    if (folders[0] / program).is_dir():
        raise NoProgram(f"the sweep's program {program} is a folder: name the file to run")
    raise NoProgram(
        f"the sweep's program {program} is not in {_listed(folders)}{_nearest(program, folders)}: "
        "start the agent in the folder that `program` in the sweep file is relative to"
    )


def _nearest(program: str, folders: Sequence[Path]) -> str:
    """` (did you mean train.py?)`; "" where no file there has a name like it."""
    within = Path(program).parent
    names: set[str] = set()
    for folder in folders:
        with contextlib.suppress(OSError):
            names |= {each.name for each in (folder / within).iterdir() if each.is_file()}
    near = difflib.get_close_matches(Path(program).name, sorted(names), n=1, cutoff=0.7)
    return f" (did you mean {within / near[0]}?)" if near else ""


def _listed(folders: Iterable[Path]) -> str:
    return " nor in ".join(str(folder) for folder in folders)


def _check_executable(program: str, folder: Path) -> None:
    if not os.access(folder / program, os.X_OK):
        raise UsageError(
            f"`command` runs {program} itself, but it is not executable: chmod +x it, or put "
            "${interpreter} before it"
        )


def _path(environ: Mapping[str, str]) -> str:
    return environ.get("PATH") or os.defpath


def _interpreter(environ: Mapping[str, str]) -> str:
    """See the module's docstring. Raises ConfigurationError for a wrong $OPENSWEEP_PYTHON."""
    if wanted := environ.get("OPENSWEEP_PYTHON"):
        found = shutil.which(os.path.expanduser(wanted), path=_path(environ))
        if found is None:
            raise ConfigurationError(
                f"OPENSWEEP_PYTHON is {wanted}, which is no program that can be run here"
            )
        return os.path.abspath(found)
    conda = environ.get("CONDA_PREFIX") and environ.get("CONDA_DEFAULT_ENV") != "base"
    activated = bool(environ.get("VIRTUAL_ENV") or conda)
    in_venv = sys.prefix != sys.base_prefix
    if in_venv and not activated and not _installed_apart():
        return sys.executable
    for name in ("python", "python3"):
        if shutil.which(name, path=_path(environ)):
            return name
    return sys.executable


def _installed_apart() -> bool:
    """pipx and uv leave these in the environments that they make for one tool alone."""
    marks = ("pipx_metadata.json", "uv-receipt.toml")
    return any(os.path.exists(os.path.join(sys.prefix, mark)) for mark in marks)
