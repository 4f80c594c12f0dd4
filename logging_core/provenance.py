"""Where a run comes from: code, command, interpreter and packages, machine, GPUs, environment.

What is captured becomes files of the run (`opensweep-metadata.json`, `requirements.txt`,
`conda-packages.txt`, `diff.patch`), and its main things metadata. The parts are functions, so that
the agent captures what all its trials share only once (agent/provenance.py); a run without an agent
does it all in its helper thread (helper.py). Must never raise into the script.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import sys
import time
from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from logging_core import git, machine, masking
from logging_core.commands import ask
from logging_core.helper import Duties
from logging_core.records import FileSaved, MetadataUpdate, Record

METADATA_FILE = "opensweep-metadata.json"
_SLURM = ("JOB_ID", "ARRAY_JOB_ID", "ARRAY_TASK_ID", "JOB_NAME", "JOB_PARTITION", "JOB_NODELIST",
          "NNODES", "NTASKS", "CLUSTER_NAME", "SUBMIT_DIR", "RESTART_COUNT")  # fmt: skip
_BRIEF = ("host", "os", "python", "executable", "program", "args", "cpu_count", "gpu", "gpu_count",
          "driver", "cuda", "conda", "slurm")  # fmt: skip


class Captured(NamedTuple):
    """`said` goes into the metadata file, `files` beside it."""

    said: dict[str, Any]
    files: dict[str, bytes]

    def with_more(self, **said: Any) -> Captured:
        return self._replace(said={**self.said, **said})

    def brief(self) -> dict[str, Any]:
        """What is shown with the run, and searched for."""
        found = {name: self.said[name] for name in _BRIEF if self.said.get(name)}
        if "git" in self.said:
            found["git"] = self.said["git"]
        if self.said.get("memory"):
            found["memory"] = self.said["memory"]["total"]
        return found

    def write(self, folder: Path) -> list[str]:
        """Makes the files in `folder`; their names. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.said, indent=2, ensure_ascii=False, default=str) + "\n"
        files = {METADATA_FILE: text.encode("utf-8", "backslashreplace"), **self.files}
        for name, data in files.items():
            draft = folder / f".{name}.{os.getpid()}.tmp"
            draft.write_bytes(data)
            os.replace(draft, folder / name)
        return list(files)


def of_machine(environ: Mapping[str, str]) -> dict[str, Any]:
    """The machine: system, cores, memory, disk, GPUs with driver and CUDA version."""
    counters = machine.counters()
    said: dict[str, Any] = {
        "os": platform.platform(),
        "host": os.uname().nodename,
        "cpu_count": machine.cores(),
        "cpu_count_logical": os.cpu_count(),
    }
    if counters.memory_total:
        said["memory"] = {"total": counters.memory_total}
    try:
        disk = os.statvfs("/")
        total = disk.f_blocks * disk.f_frsize
        said["disk"] = {"/": {"total": total, "used": total - disk.f_bfree * disk.f_frsize}}
    except OSError:
        pass
    said.update(_gpus(environ))
    return said


def _gpus(environ: Mapping[str, str]) -> dict[str, Any]:
    query = "--query-gpu=uuid,name,memory.total,driver_version"
    told = ask(["nvidia-smi", query, "--format=csv,noheader,nounits"], environ=environ)
    rows = [line.split(", ") for line in (told or b"").decode("utf-8", "replace").splitlines()]
    rows = [row for row in rows if len(row) == 4 and row[0].startswith("GPU-")]
    if not rows:
        return {}
    found: dict[str, Any] = {
        "gpu": rows[0][1],
        "gpu_count": len(rows),
        "gpu_nvidia": [
            {"uuid": uuid, "name": name, "memoryTotal": int(mb) << 20 if mb.isdigit() else None}
            for uuid, name, mb, _ in rows
        ],
        "driver": rows[0][3],
    }
    header = re.search(rb"CUDA Version\s*:\s*([\d.]+)", ask(["nvidia-smi"], environ=environ) or b"")
    if header:
        found["cuda"] = header[1].decode()
    return found


def of_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Variables (secrets masked), the conda environment, the Slurm job."""
    said: dict[str, Any] = {"environment": masking.environment(environ)}
    if environ.get("CONDA_PREFIX"):
        prefix = environ["CONDA_PREFIX"]
        said["conda"] = environ.get("CONDA_DEFAULT_ENV") or os.path.basename(prefix)
    job = {name.lower(): environ[f"SLURM_{name}"] for name in _SLURM if f"SLURM_{name}" in environ}
    if job:
        said["slurm"] = job
    return said


def of_code(folder: str, environ: Mapping[str, str], *, diff: bool = True) -> Captured:
    """The repository that holds `folder`; empty where there is none. `diff`: patches, too, without
    what lies below the home that `environ` names."""
    found = git.state(folder, environ, diff=diff)
    if found is None:
        return Captured({}, {})
    return Captured({"git": found.brief(), "root": found.root}, found.diffs)


def packages(path: Sequence[str], environ: Mapping[str, str]) -> dict[str, bytes]:
    """What is installed on an interpreter's `sys.path`, by the names of its folders: nothing is
    opened, nothing is imported."""
    found: dict[str, str] = {}
    for folder in path:
        for name in _listed(folder):
            stem, dot, kind = name.rpartition(".")
            if dot and kind in ("dist-info", "egg-info") and "-" in stem:
                package, version = stem.split("-")[:2]
                found.setdefault(package, version)  # as Python does, the first one counts
    files = {}
    if found:
        lines = sorted((f"{name}=={version}" for name, version in found.items()), key=str.lower)
        files["requirements.txt"] = ("\n".join(lines) + "\n").encode("utf-8", "replace")
    if environ.get("CONDA_PREFIX"):
        names = _listed(os.path.join(environ["CONDA_PREFIX"], "conda-meta"))
        parts = [name[: -len(".json")].rsplit("-", 2) for name in names if name.endswith(".json")]
        lines = sorted("=".join(part) for part in parts if len(part) == 3)
        if lines:
            files["conda-packages.txt"] = ("\n".join(lines) + "\n").encode("utf-8", "replace")
    return files


def main_script() -> tuple[str, str]:
    """(program as it is named, its file or ""): of this process."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    file = getattr(main, "__file__", None) or ""
    file = os.path.abspath(file) if os.path.isfile(file) else ""
    if spec is not None and spec.name and file:
        return f"-m {spec.name.rpartition('.__main__')[0] or spec.name}", file
    if not file and os.environ.get("WANDB_NOTEBOOK_NAME"):
        return os.environ["WANDB_NOTEBOOK_NAME"], os.path.abspath(os.environ["WANDB_NOTEBOOK_NAME"])
    return sys.argv[0] if sys.argv else "", file


_of_repository: dict[str, Captured] = {}  # a script that calls init() in a loop asks git once


def of_this_process(duties: Duties) -> Captured:
    """All of it, of the process that runs this."""
    program, file = main_script()
    folder = os.getcwd()
    code = Captured({}, {})
    if duties.git:
        if folder not in _of_repository:
            _of_repository[folder] = of_code(folder, os.environ, diff=duties.diff)
        code = _of_repository[folder]
    said = {
        **of_machine(os.environ),
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "program": program,
        "args": masking.arguments(sys.argv[1:]),
        "codePath": os.path.relpath(file, code.said.get("root") or folder) if file else "",
        "cwd": folder,
        "startedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **code.said,
        **of_environment(os.environ),
    }
    return Captured(said, {**code.files, **packages(sys.path, os.environ)})


def save_script(folder: Path) -> str | None:
    """Copies the main script (or $WANDB_NOTEBOOK_NAME) to `code/` in `folder`: its name there."""
    _, file = main_script()
    if not file or not os.path.isfile(file):
        return None
    root = _of_repository.get(os.getcwd(), Captured({}, {})).said.get("root") or os.getcwd()
    path = os.path.relpath(os.path.realpath(file), os.path.realpath(root))
    name = "code/" + (os.path.basename(file) if path.startswith("..") else path.replace("\\", "/"))
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(Path(file).read_bytes())
    return name


def capture(duties: Duties, files: Path, record: Callable[[Record], None]) -> None:
    """Captures into the run's `files`, and tells `record` what. Never raises: it is about the
    run, no reason to disturb it."""
    with contextlib.suppress(Exception):
        saved: list[str] = []
        if duties.provenance:
            captured = of_this_process(duties)
            saved += captured.write(files)
            record(MetadataUpdate(captured.brief()))
        if duties.script:
            name = save_script(files)
            saved += [name] if name else []
        for name in saved:
            record(FileSaved(name, "now"))


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except OSError:
        return []
