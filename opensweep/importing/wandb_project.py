"""The runs of a project on a W&B server, as found runs that folder.py writes.

Asks for no more than W&B's own client does, so that servers of any age answer. History comes in
windows of steps, never the whole of a run at once. Neighbours: wandb_server.py (the wire),
wandb_artifacts.py, commands/import_wandb.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from controller.wandb_api.runs.configs import read_config
from controller.wandb_api.runs.metadata import FILE as METADATA_FILE
from controller.wandb_api.runs.metadata import our_metadata
from logging_core.records import (
    ConfigUpdate,
    Finished,
    History,
    MetadataUpdate,
    MetricDefined,
    SummaryUpdate,
)
from logging_core.values import flatten
from opensweep.importing.found import FileFound, FoundRun, Item, LeftOut, Printed, SystemRow
from opensweep.importing.wandb_server import WandbServer, within
from sweeps.errors import ImportFailed

CONSOLE_FILE = "output.log"
_WINDOW = 1000
"""Steps that are asked for at a time."""
_WIDEST = 1_000_000
_SYSTEM_ROWS = 10_000
_OPEN = ("running", "pending", "preempting")
_INTERNAL = ("_step", "_timestamp", "_wandb")
_BARE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}

_RUNS = """
query ImportedRuns($entity: String!, $project: String!, $cursor: String, $perPage: Int = 50,
                   $order: String) {
  project(name: $project, entityName: $entity) {
    runs(after: $cursor, first: $perPage, order: $order) {
      edges { node {
        id name displayName sweepName state config group jobType commit createdAt heartbeatAt
        notes tags summaryMetrics historyLineCount historyKeys user { username }
      } cursor }
      pageInfo { endCursor hasNextPage }
    }
  }
}"""

_HISTORY = """
query ImportedHistory($entity: String!, $project: String!, $run: String!, $minStep: Int64!,
                      $maxStep: Int64!, $pageSize: Int!) {
  project(name: $project, entityName: $entity) {
    run(name: $run) { history(minStep: $minStep, maxStep: $maxStep, samples: $pageSize) }
  }
}"""

_EVENTS = """
query ImportedEvents($entity: String!, $project: String!, $run: String!, $samples: Int) {
  project(name: $project, entityName: $entity) { run(name: $run) { events(samples: $samples) } }
}"""

_FILES = """
query ImportedFiles($entity: String!, $project: String!, $run: String!, $cursor: String,
                    $perPage: Int = 100) {
  project(name: $project, entityName: $entity) {
    run(name: $run) {
      files(after: $cursor, first: $perPage) {
        edges { node { id name directUrl sizeBytes md5 } cursor }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
}"""


@dataclass(frozen=True)
class SourceRun:
    """A run as the server tells of it.

    Attributes:
        name: what clients call its id.
        state: running, finished, failed, crashed, killed, …
        sweep: of which sweep; "" for none.
        mark: changes whenever something of the run does.
        node: all that was answered.
    """

    name: str
    state: str
    sweep: str
    mark: str
    node: Mapping[str, Any] = field(repr=False)

    @property
    def open(self) -> bool:
        return self.state in _OPEN


@dataclass(frozen=True)
class SourceProject:
    """A project of a server.

    Attributes:
        server, entity, name: where it is.
        downloads: a folder for files on their way.
        files: whether files of runs come along.
    """

    server: WandbServer
    entity: str
    name: str
    downloads: Path
    files: bool = True

    @property
    def place(self) -> dict[str, Any]:
        """The variables that every question has."""
        return {"entity": self.entity, "project": self.name}

    @property
    def address(self) -> str:
        return f"{self.server.url}/{self.entity}/{self.name}"

    def runs(self) -> Iterator[SourceRun]:
        """All of them, the oldest first. Raises as `WandbServer.pages` does."""
        asked = {**self.place, "order": "+created_at"}
        for node in self.server.pages(_RUNS, asked, ("project", "runs")):
            keys = ("state", "heartbeatAt", "historyLineCount", "summaryMetrics", "config", "tags")
            said = json.dumps([node.get(key) for key in (*keys, "displayName", "notes")])
            mark = hashlib.sha256(said.encode()).hexdigest()[:32]
            yield SourceRun(
                str(node["name"]),
                str(node.get("state") or ""),
                str(node.get("sweepName") or ""),
                mark,
                node,
            )

    def found(self, run: SourceRun) -> FoundRun:
        """What folder.py takes; what it gives is asked for when its items are read."""
        return FoundRun(
            source=f"{self.address}/{run.name}",
            id=run.name,
            project=self.name,
            name=str(run.node.get("displayName") or run.name),
            items=lambda: self._items(run),
            metadata={"started": _seconds(run.node.get("createdAt"))},
        )

    def folder_of(self, run: SourceRun) -> Path:
        """Where its files lie until they are in the run folder."""
        return self.downloads / re.sub(r"[^\w.-]", "_", run.name)

    def _items(self, run: SourceRun) -> Iterator[Item]:
        node = run.node
        said = {
            "group": node.get("group"),
            "job_type": node.get("jobType"),
            "notes": node.get("notes"),
            "tags": node.get("tags") or [],
            "username": (node.get("user") or {}).get("username"),
            "sweep": run.sweep,
        }
        yield MetadataUpdate({key: value for key, value in said.items() if value})
        config = read_config(node.get("config"))
        if config.config:
            yield ConfigUpdate(dict(config.config))
        for defined in config.metrics.values():
            yield MetricDefined(**defined)
        started = _seconds(node.get("createdAt"))
        yield from self._history(run, started)
        # The whole of it, as a person saw it there: what a script set by hand is no last value.
        summary = _object(node.get("summaryMetrics"))
        values = {key: value for key, value in summary.items() if key not in _INTERNAL}
        if values:
            yield SummaryUpdate(_laid_flat(values, config.metrics), [])
        yield from self._system(run, started)
        if self.files:
            yield from self._files(run)
        if run.state in ("finished", "failed", "killed"):
            code = {"finished": 0, "failed": 1}.get(run.state, 255)
            yield Finished(code, _seconds(node.get("heartbeatAt")) or started)

    def _history(self, run: SourceRun, started: float) -> Iterator[History]:
        keys = run.node.get("historyKeys")
        known = keys.get("lastStep") if isinstance(keys, dict) else None
        last = known if type(known) is int else int(run.node.get("historyLineCount") or 0) - 1
        at, width = 0, _WINDOW
        while at <= last:
            asked = {"run": run.name, "minStep": at, "maxStep": at + width, "pageSize": _WINDOW}
            answer = self.server.ask(_HISTORY, {**self.place, **asked})
            rows = within(answer, ("project", "run")).get("history") or []
            if len(rows) >= _WINDOW and width > _WINDOW:
                width = _WINDOW  # there may be more than it gives at a time: look closer
                continue
            for text in rows:
                yield _row(_object(text), started)
            at += width
            # Steps may be far apart (a time, a number of tokens): do not ask a million times.
            width = min(width * 4, _WIDEST) if len(rows) < _WINDOW // 8 else _WINDOW

    def _system(self, run: SourceRun, started: float) -> Iterator[SystemRow]:
        asked = {**self.place, "run": run.name, "samples": _SYSTEM_ROWS}
        answer = self.server.ask(_EVENTS, asked)
        for text in within(answer, ("project", "run")).get("events") or []:
            row = _bare(_object(text))
            time = _time(row, started)
            values = {key: value for key, value in row.items() if key.startswith("system")}
            if values:
                yield SystemRow(time, values)

    def _files(self, run: SourceRun) -> Iterator[Item]:
        asked = {**self.place, "run": run.name}
        for node in self.server.pages(_FILES, asked, ("project", "run", "files")):
            name, url = str(node.get("name") or ""), node.get("directUrl")
            parts = PurePosixPath(name).parts
            if not url or not parts or ".." in parts or name.startswith("/"):
                yield LeftOut(f"the file {name!r} cannot be fetched")
                continue
            target = self.folder_of(run).joinpath(*parts)
            size = node.get("sizeBytes")
            try:
                self.server.download(
                    str(url), target, size=int(size) if size else None, md5=node.get("md5") or None
                )
            except ImportFailed as error:
                yield LeftOut(f"the file {name!r} does not come along: {error}")
                continue
            if name == CONSOLE_FILE:
                with open(target, "rb") as console:
                    while piece := console.read(1 << 20):
                        yield Printed(piece)
                continue
            if name == METADATA_FILE:
                yield MetadataUpdate(our_metadata(_object(target.read_text("utf-8", "replace"))))
            yield FileFound(name, target)


def _laid_flat(summary: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """As the logger has it: {"a": {"b": 1}} is a.b, but {"min": …} of a defined metric is one."""
    globs = [name for name, defined in metrics.items() if defined.get("summary")]
    whole = {key for key in summary if any(fnmatchcase(key, glob) for glob in globs)}
    found = flatten(_bare({key: summary[key] for key in summary if key not in whole}))
    for key in whole:
        value = summary[key]
        found[key] = _bare(value) if isinstance(value, dict) else value
    return found


def _row(row: dict[str, Any], started: float) -> History:
    step = row.pop("_step", 0)
    time = _time(row, started)
    return History(step if type(step) is int else int(float(step)), time, _bare(row))


def _time(row: dict[str, Any], started: float) -> float:
    """When a row was logged, in seconds since 1970; takes W&B's own names out of it."""
    time, runtime = row.pop("_timestamp", None), row.pop("_runtime", None)
    row.pop("_wandb", None)
    if isinstance(time, int | float):
        return float(time)
    return started + float(runtime) if isinstance(runtime, int | float) else started


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the numbers that JSON has no word for, which come as text."""
    return {
        key: _BARE.get(value, value) if isinstance(value, str) else value
        for key, value in row.items()
    }


def _object(text: Any) -> dict[str, Any]:
    if isinstance(text, str):
        try:
            text = json.loads(text)
        except ValueError:
            return {}
    return text if isinstance(text, dict) else {}


def _seconds(text: Any) -> float:
    """A time as the server writes it (ISO 8601, in UTC), in seconds since 1970; 0.0 for none."""
    if not isinstance(text, str):
        return 0.0
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
