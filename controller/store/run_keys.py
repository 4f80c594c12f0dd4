"""Which names the documents of many runs have, how many runs have each, and what kind of values.

Runs of a project mostly have the same names; so what is kept is the *shapes* (sets of names) that
there are and how many runs have each, and a run that changes costs a look at its own document.
Pure. Neighbours: run_index.py (keeps one a document), run_fields.py (how a name finds its value).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_DEEPEST = 6
_MOST = 5000
"""Names of one document that are looked at."""
_PRIVATE = "_wandb"


class Known(NamedTuple):
    """A name below a document, how many runs have it, and of which kinds its values are or were:
    number, text, flag, list, null, object, and media for what a script logged as such."""

    name: str
    runs: int
    kinds: tuple[str, ...]


class RunKeys:
    """The names of one document (config, summary or metadata) of all runs of a table."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, ...], int] = {}
        self._shapes: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._of_row: dict[int, tuple[str, ...]] = {}
        self._kinds: dict[str, set[str]] = {}

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        return 100 * len(self._of_row) + sum(16 * len(shape) for shape in self._counts)

    def take(self, row: int, document: Mapping[str, Any]) -> None:
        """The document of a row, as it is now."""
        names = []
        for name, value in _leaves(document, "", _DEEPEST):
            names.append(name)
            kind = _kind(value)
            known = self._kinds.get(name)
            if known is None:
                self._kinds[sys.intern(name)] = {kind}
            elif kind not in known:
                known.add(kind)
            if len(names) == _MOST:
                break
        shape = tuple(names)
        shape = self._shapes.setdefault(shape, shape)
        if self._of_row.get(row) is shape:
            return
        self.drop(row)
        self._shapes[shape] = self._of_row[row] = shape
        self._counts[shape] = self._counts.get(shape, 0) + 1

    def drop(self, row: int) -> None:
        """The run is gone."""
        shape = self._of_row.pop(row, None)
        if shape is None:
            return
        self._counts[shape] -= 1
        if not self._counts[shape]:
            del self._counts[shape], self._shapes[shape]

    def known(self) -> list[Known]:
        """Every name, by name."""
        counts: Counter[str] = Counter()
        for shape, runs in self._counts.items():
            for name in shape:
                counts[name] += runs
        return [
            Known(name, counts[name], tuple(sorted(self._kinds[name]))) for name in sorted(counts)
        ]


def _leaves(document: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if not prefix and name == _PRIVATE:
            continue
        if type(value) is dict and value and depth and "_type" not in value:
            yield from _leaves(value, f"{prefix}{name}.", depth - 1)
        else:
            yield f"{prefix}{name}", value


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if value is None:
        return "null"
    if isinstance(value, list):
        return "list"
    return "media" if "_type" in value else "object"
