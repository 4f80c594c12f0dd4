"""save, restore and log_code: a script's own files, kept with the run.

What is saved lies in the run's `files/` (a copy, or a link to a file that goes on changing), and a
record names it; whoever ships the folder sends it. Neighbours: reach.py (the methods),
agent/uploads.py (the sending).
"""

from __future__ import annotations

import glob
import os

from logging_core import artifact_calls, terminal
from logging_core.artifacts import staging
from logging_core.artifacts.artifact import Artifact
from logging_core.artifacts.names import check_path, fitting_name
from logging_core.artifacts.source import source_for
from logging_core.errors import NotFoundError, UsageError
from logging_core.hints import IO, Any, Callable, Iterator
from logging_core.records import FileSaved

POLICIES = ("live", "now", "end")
_CODE = (".py", ".ipynb")
_CODE_NAMES = ("requirements.txt", "Dockerfile")
_NO_CODE = ("wandb", "opensweep", ".opensweep", "__pycache__", "node_modules")


def save(
    run: Any,
    glob_str: str | os.PathLike[str],
    base_path: str | os.PathLike[str] | None = None,
    policy: str = "live",
    expand: bool = True,
) -> list[str]:
    """See Run.save; `expand`: its `glob`."""
    if policy not in POLICIES:
        raise UsageError(f"save(policy={policy!r}): expected one of {', '.join(POLICIES)}")
    wanted = os.fsdecode(glob_str)
    if "://" in wanted:
        terminal.warn(f"save({wanted!r}): only files of this machine; an artifact can refer to it")
        return []
    pattern = os.path.abspath(wanted)
    if base_path is not None:
        base = os.path.abspath(os.fsdecode(base_path))
    elif pattern.startswith(os.path.join(run.dir, "")):
        base = run.dir
    elif os.path.isabs(wanted):  # as W&B has it: the last folder is kept
        base = os.path.dirname(os.path.dirname(pattern))
    else:
        base = os.getcwd()
    found = sorted(_files(pattern if expand else glob.escape(pattern)))
    if os.pardir in os.path.relpath(pattern, base).split(os.sep):
        raise UsageError(f"save({wanted!r}): it leads out of {base}; give another base_path")
    if not found:
        terminal.warn(f"save({wanted!r}): there is no such file")
    saved = []
    for path in found:
        name = os.path.relpath(path, base)
        try:
            target = _take_in(run, path, name, policy)
        except OSError as error:
            terminal.warn(f"save(): {path} is not kept: {error}")
            continue
        saved.append(target)
        if not run.disabled:
            run._journal.record(FileSaved(name.replace(os.sep, "/"), policy))
    return saved


def restore(
    run: Any,
    name: str,
    run_path: str | None = None,
    replace: bool = False,
    root: str | None = None,
) -> IO[str] | None:
    """See Run.restore; `run` None: there is no active one, and `run_path` is given."""
    check_path(name)
    run_id = run_path.strip("/").rpartition("/")[2] if run_path else run.id
    folder = root or (os.curdir if run is None else run.dir)
    target = os.path.join(os.path.abspath(folder), *name.split("/"))
    if os.path.exists(target) and not replace:
        return open(target, encoding="utf-8", errors="surrogateescape")
    source = source_for(run)
    path = f"/api/runs/{_segment(run_id)}/files"
    try:
        listed = source.json("GET", path, {"prefix": name, "limit": 1})["files"]
    except NotFoundError:
        if run_path:  # of this very run, the server need not know yet
            raise
        listed = []
    if not listed or listed[0]["path"] != name:
        return None
    (one,) = listed
    source.fetch({one["digest"]: one["size"]})
    os.makedirs(os.path.dirname(target), exist_ok=True)
    staging.clone(source.cache.path(one["digest"]), target)
    return open(target, encoding="utf-8", errors="surrogateescape")


def log_code(
    run: Any,
    root: str | None = ".",
    name: str | None = None,
    include_fn: Callable[..., bool] | None = None,
    exclude_fn: Callable[..., bool] | None = None,
) -> Artifact | None:
    """See Run.log_code. None when there are no such files."""
    top = os.path.abspath(root or ".")
    artifact = Artifact(name or "source-" + fitting_name(run.project), "code")
    for path in sorted(_code(top, include_fn, exclude_fn)):
        artifact.add_file(path, os.path.relpath(path, top))
    if not artifact.manifest.entries:
        terminal.warn(f"log_code(): there are no source files below {top}")
        return None
    return artifact_calls.log_artifact(run, artifact)


def _files(pattern: str) -> Iterator[str]:
    """The files that a glob names, and those below the folders that it names."""
    for path in glob.glob(pattern, recursive=True):
        if os.path.isfile(path):
            yield os.path.normpath(path)
        elif os.path.isdir(path) and not pattern.endswith("**"):
            for folder, _, names in os.walk(path):
                for name in names:
                    if os.path.isfile(os.path.join(folder, name)):
                        yield os.path.normpath(os.path.join(folder, name))


def _take_in(run: Any, path: str, name: str, policy: str) -> str:
    """The file's place in `run.dir`; it is there when this returns. Raises OSError."""
    target = os.path.join(run.dir, name)
    if os.path.realpath(path) == os.path.realpath(target) and not os.path.islink(target):
        return target  # it lies there already
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if policy != "now":
        fresh = staging.fresh_name(os.path.dirname(target))
        try:
            os.symlink(os.path.abspath(path), fresh)
            os.replace(fresh, target)
            return target
        except OSError:
            pass  # a file system without links
    staging.clone(path, target)
    return target


def _code(
    top: str, include: Callable[..., bool] | None, exclude: Callable[..., bool] | None
) -> Iterator[str]:
    for folder, folders, names in os.walk(top):
        folders[:] = [one for one in folders if one not in _NO_CODE and not one.startswith(".")]
        if os.path.exists(os.path.join(folder, "pyvenv.cfg")):  # somebody's virtual environment
            folders[:] = []
            continue
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.isfile(path):
                continue
            if include is not None:
                wanted = _says(include, path, top)
            else:
                wanted = name.endswith(_CODE) or name in _CODE_NAMES
            if wanted and not (exclude is not None and _says(exclude, path, top)):
                yield path


def _says(function: Callable[..., bool], path: str, top: str) -> bool:
    """W&B's functions take the path, or the path and the root."""
    import inspect

    try:
        takes = len(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        takes = 1
    return bool(function(path, top) if takes > 1 else function(path))


def _segment(text: str) -> str:
    from logging_core.api.http import segment

    return segment(text)
