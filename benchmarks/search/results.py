"""What was measured, a JSON object a line, appended to a file outside the repository.

A run is known by its part, method, task, seed, workers and length; for this project's own code
also by its revision, so that figures of different code are never mixed. What is there already is
not measured again. Neighbours: `engine` measures, `report` reads.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

FILE = Path("~/.cache/opensweep-benchmark/search.jsonl").expanduser()
_CODE = Path(__file__).resolve().parents[2] / "sweeps"

Record = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What is measured once.

    Attributes:
        part: "trials" or "curves".
        size: trials, or whole trainings.
        revision: of this project's code; "" for a peer.
    """

    part: str
    method: str
    task: str
    seed: int
    workers: int
    size: int
    revision: str = ""


def revision() -> str:
    """Names what searches and stops: the sources of sweeps/ as they are now."""
    digest = hashlib.sha256()
    for path in sorted(_CODE.rglob("*.py")):
        digest.update(path.relative_to(_CODE).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:10]


class Results:
    """The file, read once and appended to.

    Args:
        path: made when something is first written; None: kept in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.records: dict[Run, Record] = {}
        if path is not None and path.exists():
            for line in path.read_text("utf-8").splitlines():
                with suppress(json.JSONDecodeError):  # of a run that was killed while it wrote
                    record = json.loads(line)
                    self.records[Run(**record.pop("run"))] = record

    def add(self, run: Run, record: Mapping[str, Any]) -> None:
        """A line, whole or not at all, however many write to the file."""
        self.records[run] = dict(record)
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # after what a killed run may have left
            file.write("\n" * (not self._ends_well()))
            file.write(json.dumps({"run": vars(run), **record}) + "\n")

    def _ends_well(self) -> bool:
        assert self._path is not None
        with open(self._path, "rb") as file:
            if not file.seek(0, os.SEEK_END):
                return True
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"

    def of(
        self, part: str, workers: int, size: int, newest: str | None, *, older: bool = False
    ) -> dict[Run, Record]:
        """Of one table.

        Args:
            newest: which revision of our own code; None: the last that was written.
            older: with the other revisions, as methods that are called "ours REVISION".
        """
        found = {
            run: record
            for run, record in self.records.items()
            if (run.part, run.workers, run.size) == (part, workers, size)
        }
        last: dict[str, str] = {}
        for run in found:
            last[run.method] = run.revision
        if newest is not None:
            last = {name: newest if seen else "" for name, seen in last.items()}
        kept = {}
        for run, record in found.items():
            if run.revision == last[run.method]:
                kept[run] = record
            elif older and run.revision:
                kept[replace(run, method=f"{run.method} {run.revision}")] = record
        return kept
