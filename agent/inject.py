"""The folder that puts `import opensweep` into a training environment where nothing is installed.

It goes to the front of the trial's PYTHONPATH and holds one name alone, `opensweep`: the front
door's own file, and the logger in the private folder where the front door looks for it. So our
`agent`, `controller` and `sweeps` never stand before the user's. Standard library inside, for
Python 3.8 and later.

Named by its content: made once per version, and by whichever agent comes first. An old one stays
while a trial that was started with it may still import from it.
Must never import `opensweep` (nothing does); it reads its files.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from logging_core import wandb_module
from sweeps.errors import ConfigurationError

FRONT_DOOR = (
    *("__init__.py", "__init__.pyi", "data_types.py", "errors.py", "plot.py", "py.typed"),
    "util.py",
)
"""Of `opensweep`, what a training script needs; the `sweep` command stays at home."""


def inject_folder(home: Path) -> Path:
    """The folder for PYTHONPATH, below `home`/inject; made if it is not there.

    Safe with several agents at once. Raises ConfigurationError when it cannot be written.
    """
    return _folder(home, _files(), "")


def wandb_folder(home: Path) -> Path:
    """One more, to be put before it: a module `wandb` that is ours. As inject_folder."""
    return _folder(home, wandb_module.files(), "-wandb")


def _folder(home: Path, files: Mapping[str, bytes], suffix: str) -> Path:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    folder = home / "inject" / (digest.hexdigest()[:16] + suffix)
    if _complete(folder, files):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _make(folder, files)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the logger for training scripts to {folder.parent}: "
            f"{error.strerror}. Set OPENSWEEP_HOME to a folder with room that you may write to"
        ) from error
    return folder


def _files() -> dict[str, bytes]:
    """Relative path -> content."""
    files = {}
    door = _package("opensweep")
    for name in FRONT_DOOR:
        if (door / name).is_file():
            files[f"opensweep/{name}"] = (door / name).read_bytes()
    for folder, target in (
        (door / "integration", "opensweep/integration"),
        (_package("logging_core"), "opensweep/_rooms/logging_core"),
    ):
        for path in folder.rglob("*"):
            relative = path.relative_to(folder)
            if path.is_file() and "__pycache__" not in relative.parts:
                files[f"{target}/{relative.as_posix()}"] = path.read_bytes()
    return files


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"opensweep is not installed whole: the package {name} is missing")
    return Path(spec.origin).parent


def _complete(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Nothing was taken away since (a home below /tmp gets cleaned)."""
    try:
        return all((folder / name).stat().st_size == len(data) for name, data in files.items())
    except OSError:
        return False


def _make(folder: Path, files: Mapping[str, bytes]) -> None:
    """Beside it first, then by one rename, so that nobody ever sees half of it."""
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    try:
        os.chmod(fresh, 0o755)  # noqa: S103 mkdtemp's 0700 would hide it from other users
        for name, data in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        while not _complete(folder, files):
            try:
                os.rename(fresh, folder)
            except OSError:
                if not folder.exists():
                    raise
                if not _complete(folder, files):  # what is left of one that was cleaned away
                    with contextlib.suppress(FileNotFoundError):  # another agent was quicker
                        os.rename(folder, f"{fresh}.old")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(f"{fresh}.old", ignore_errors=True)
