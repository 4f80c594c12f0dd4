"""A found run as a run folder of ours, which `sweep sync` then sends.

A folder is made whole or not at all. Importing again gives the same run: what has not changed is
left alone, and what has (its source grew) is written as the run's next writer, whose rows replace
the earlier ones wherever it is sent. Every value goes through the logger's own record writer.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from logging_core.folder import RunFolder
from logging_core.records import ConfigUpdate, FileSaved, Finished, History, MetadataUpdate, Writer
from logging_core.values import plain
from opensweep.importing.found import FileFound, FoundRun, LeftOut, Printed, SystemRow

_NOTE = "import.json"

Tell = Callable[[str], None]  # takes a sentence for the user


def _nobody(_sentence: str) -> None:
    return


class _Note(NamedTuple):
    """What a folder was made from: a digest of the records, and the writer that they were."""

    digest: str
    writer: int


def write_folder(
    found: FoundRun, base: Path, *, project: str | None = None, tell: Tell = _nobody
) -> Path:
    """Writes the run below `base` and returns its folder; one of the same content is left alone.

    Args:
        found: the run.
        base: where run folders are made.
        project: instead of the one that the run names.
        tell: hears what does not come along.

    Raises ImportFailed for a source that cannot be read, and OSError.
    """
    name = re.sub(r"[^\w.-]", "_", found.id).strip(".") or "run"
    uid = hashlib.sha256(f"{found.source}\0{found.id}".encode()).hexdigest()[:16]
    target = base / f"{name}-{uid[:6]}"
    fresh = base / f".{target.name}.{os.getpid()}.new"
    old = _read_note(target)
    writer = old.writer + 1 if old else 1
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _fill(found, RunFolder(fresh), uid, project, writer, tell)
        note = _Note(_digest(RunFolder(fresh), writer), writer)
        if old is not None and old.digest == note.digest:
            return target
        (fresh / _NOTE).write_text(json.dumps(note._asdict()))
        shutil.rmtree(target, ignore_errors=True)
        os.rename(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _fill(
    found: FoundRun, folder: RunFolder, uid: str, project: str | None, writer: int, tell: Tell
) -> None:
    said = {name: value for name, value in found.metadata.items() if value is not None}
    owner = project or found.project or "imported"
    said |= {"project": owner, "name": found.name or found.id, "imported_from": found.source}
    RunFolder.create(
        folder.path, run_id=found.id, config={}, locked=False, metadata={**said, "uid": uid}
    )
    records = Writer(folder.records(writer))
    system: Writer | None = None
    samples = 0
    end: Finished | None = None
    try:
        records.add(MetadataUpdate(said))
        with open(folder.console(writer), "wb") as console:
            for item in found.items():
                if isinstance(item, SystemRow):
                    system = system or Writer(folder.system(writer))
                    system.add(History(samples, item.time, dict(item.row)))
                    samples += 1
                elif isinstance(item, Printed):
                    console.write(item.data)
                elif isinstance(item, FileFound):
                    _keep(item, folder, records)
                elif isinstance(item, LeftOut):
                    tell(item.why)
                elif isinstance(item, Finished):
                    end = item  # the files come after it, and belong to the run
                else:
                    records.add(_own(item, owner))
        if end is not None:
            records.add(end)
    finally:
        records.close()
        if system is not None:
            system.close()


def _own(item: Any, project: str) -> Any:
    """A record whose values are what our format holds, under the project asked for."""
    if isinstance(item, History):
        return History(item.step, item.time, plain(item.row))
    if isinstance(item, ConfigUpdate):
        return ConfigUpdate(plain(item.values))
    if isinstance(item, MetadataUpdate):
        said = {**item.values, "project": project} if "project" in item.values else item.values
        return MetadataUpdate(plain(said))
    return item


def _keep(file: FileFound, folder: RunFolder, records: Writer) -> None:
    parts = PurePosixPath(file.path).parts
    if not parts or ".." in parts or parts[0] == "/":
        return
    target = folder.files.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(file.content, Path):
        shutil.copyfile(file.content, target)
    else:
        target.write_bytes(file.content)
    records.add(FileSaved(file.path, "now"))


def _read_note(folder: Path) -> _Note | None:
    try:
        return _Note(**json.loads((folder / _NOTE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _digest(folder: RunFolder, writer: int) -> str:
    """Of all that is recorded, and of the files by their names and sizes."""
    digest = hashlib.sha256()
    for path in (folder.records(writer), folder.console(writer), folder.system(writer)):
        if path.exists():
            with open(path, "rb") as file:  # these may be large
                digest.update(hashlib.file_digest(file, "sha256").digest())
    for path in sorted(path for path in folder.files.rglob("*") if path.is_file()):
        name = path.relative_to(folder.files).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
    return digest.hexdigest()
