"""What lies in one folder of a long list of paths. Pure.

Files of runs and artifacts are recorded by their paths alone; people walk through folders. A folder
with 100,000 files in it is told a page at a time. Neighbours: server/{files,artifacts}_api.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Folder(NamedTuple):
    """A folder within another one: its name, and all that is below it."""

    name: str
    files: int
    size: int


def look_into(
    prefix: str, paths: Iterable[tuple[str, int, T]], *, after: str = "", limit: int = 1000
) -> tuple[list[Folder], list[T], bool]:
    """(folders, files, whether there are more files) right below `prefix`, by name.

    Args:
        prefix: "" or a path that ends in "/".
        paths: (path, size, what stands for it), in any order.
        after: only files whose names come behind this one; then no folders.
    """
    folders: dict[str, list[int]] = {}
    files: list[tuple[str, T]] = []
    for path, size, one in paths:
        if not path.startswith(prefix):
            continue
        name, slash, _ = path[len(prefix) :].partition("/")
        if not slash:
            files.append((name, one))
            continue
        known = folders.setdefault(name, [0, 0])
        known[0] += 1
        known[1] += size
    files = sorted((each for each in files if each[0] > after), key=lambda each: each[0])
    shown = [one for _, one in files[:limit]]
    found = [] if after else [Folder(name, *folders[name]) for name in sorted(folders)]
    return found, shown, len(files) > limit
