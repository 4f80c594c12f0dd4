"""Media in artifacts: `artifact.add(table, "results")`, and getting it back.

The entry of a table is its own JSON, `<name>.table.json`; that of another object, such as an
image, is a JSON that names its file: `<name>.image-file.json`. As W&B names them. Neighbours:
logging_core/media (what the objects are), artifact contents.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from logging_core.errors import UsageError
from logging_core.values import dumps

_SUFFIX = ".json"


class Written(NamedTuple):
    """The entry of an object, and all files that it takes; paths below the folder."""

    entry: str
    files: list[str]


def write(value: Any, name: str, folder: str) -> Written:
    """Writes an object below `folder`. Raises UsageError: it is none of ours; OSError."""
    from logging_core.media import adopt
    from logging_core.media.place import Place

    known = value if hasattr(value, "_opensweep_log_") else adopt(value)
    if known is None:
        raise UsageError(
            f"Artifact.add() takes a Table, an Image or the like, not {type(value).__name__}: use"
            " add_file() for files"
        )
    files: list[str] = []
    told = known._opensweep_log_(Place(Path(folder), name, 0, files.append))
    kind = str(told.get("_type"))
    if kind in ("table-file", "table"):
        entry = f"{name}.table{_SUFFIX}"
        files.remove(told["path"])
        target = os.path.join(folder, entry)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(os.path.join(folder, told["path"]), target)
    else:
        entry = f"{name}.{kind}{_SUFFIX}"
        target = os.path.join(folder, entry)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "xb") as file:
            file.write(dumps(told))
    return Written(entry, [entry, *files])


def find(name: str, paths: Any) -> str | None:
    """The path of the entry of the object `name`, among these paths."""
    own = name[: -len(_SUFFIX)] if name.endswith(_SUFFIX) else name
    stem, _, kind = own.rpartition(".")
    if name in paths and name.endswith(_SUFFIX) and stem and _is_kind(kind):
        return name
    found = [
        path
        for path in paths
        if path.startswith(name + ".")
        and path.endswith(_SUFFIX)
        and _is_kind(path[len(name) + 1 : -len(_SUFFIX)])
    ]
    return min(found) if found else None


def needed(entry: str, folder: str) -> list[str]:
    """The paths of the other files that an entry, whose JSON is below `folder`, refers to."""
    told = json.loads(Path(folder, entry).read_text("utf-8"))
    return list(dict.fromkeys(path for path in _paths(told) if path != entry))


def _paths(told: Any) -> Iterator[str]:
    if isinstance(told, dict):
        if "_type" in told and isinstance(told.get("path"), str):
            yield told["path"]
        told = list(told.values())
    if isinstance(told, list):
        for value in told:
            yield from _paths(value)


def read(entry: str, folder: str) -> Any:
    """The object whose entry, and files, are below `folder`."""
    from logging_core.media.loading import load

    told = json.loads(Path(folder, entry).read_text("utf-8"))
    if entry.endswith(".table" + _SUFFIX):
        told = {**told, "_type": "table"}
    return load(told, Path(folder))


def _is_kind(text: str) -> bool:
    return text in ("table", "histogram", "classes") or text.endswith("-file")
