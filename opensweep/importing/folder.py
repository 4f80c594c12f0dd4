"""A found run as a run folder of ours, which `sweep sync` then sends.

A folder is made whole or not at all, and made anew when its source has grown: importing twice
gives the same run once. Every value goes through the logger's own record writer.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from logging_core.folder import RunFolder
from logging_core.records import ConfigUpdate, FileSaved, Finished, History, MetadataUpdate, Writer
from logging_core.values import plain
from opensweep.importing.found import FileFound, FoundRun, Printed, SystemRow

_WRITER = "1"


def write_folder(found: FoundRun, base: Path, *, project: str | None = None) -> Path:
    """Writes the run below `base` and returns its folder; one of the same content is left alone.

    Args:
        found: the run.
        base: where run folders are made.
        project: instead of the one that the run names.

    Raises ImportFailed for a source that cannot be read, and OSError.
    """
    name = re.sub(r"[^\w.-]", "_", found.id).strip(".") or "run"
    uid = hashlib.sha256(f"{found.source}\0{found.id}".encode()).hexdigest()[:16]
    target = base / f"{name}-{uid[:6]}"
    fresh = base / f".{target.name}.{os.getpid()}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _fill(found, fresh, uid, project)
        if _same(fresh, target):
            return target
        shutil.rmtree(target, ignore_errors=True)
        os.rename(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _fill(found: FoundRun, path: Path, uid: str, project: str | None) -> None:
    said = {name: value for name, value in found.metadata.items() if value is not None}
    name = found.name or found.id
    owner = project or found.project or "imported"
    metadata = {**said, "project": owner, "name": name, "uid": uid, "imported_from": found.source}
    folder = RunFolder.create(path, run_id=found.id, config={}, locked=False, metadata=metadata)
    records = Writer(folder.records(_WRITER))
    system: Writer | None = None
    try:
        records.add(MetadataUpdate({key: metadata[key] for key in ("project", "name", *said)}))
        end: Finished | None = None
        with open(folder.console(_WRITER), "wb") as console:
            for item in found.items():
                if isinstance(item, SystemRow):
                    if system is None:
                        system, rows = Writer(path / f"system.{_WRITER}.bin"), 0
                    system.add(History(rows, item.time, dict(item.row)))
                    rows += 1
                elif isinstance(item, Printed):
                    console.write(item.data)
                elif isinstance(item, FileFound):
                    _keep(item, folder, records)
                elif isinstance(item, Finished):
                    end = item
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


def _same(fresh: Path, old: Path) -> bool:
    """Whether `old` is there and was made from the same records."""
    names = [f"records.{_WRITER}.bin", f"console.{_WRITER}.log", f"system.{_WRITER}.bin"]
    try:
        return all(_bytes(fresh / name) == _bytes(old / name) for name in names)
    except OSError:
        return False


def _bytes(path: Path) -> bytes:
    """A digest: these files may be large."""
    if not path.exists():
        return b""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
