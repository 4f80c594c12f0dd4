"""Brings a project of a W&B server here: runs, then sweeps, then artifacts.

What has been brought is noted below `base`, so that a broken import goes on where it stopped, and
one that is given again brings what is new. Notes are one server's of ours (a folder of its own), so
that the same project can be brought to another one. Neighbours: wandb_project.py and
wandb_artifacts.py (what is asked), commands/import_wandb.py (what a person sees).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from logging_core.folder import RunFolder
from logging_core.values import dumps
from opensweep.importing.folder import Tell, write_folder
from opensweep.importing.wandb_artifacts import Brought, Importer
from opensweep.importing.wandb_project import SourceProject, SourceRun
from sweeps.errors import ImportFailed, OpensweepError, SpecError
from sweeps.protocol.client import Client

AT_ONCE = 4
"""Runs that are asked for at the same time."""
_BATCH = 32

_SWEEPS = """
query ImportedSweeps($entity: String!, $project: String!, $cursor: String, $perPage: Int = 50) {
  project(name: $project, entityName: $entity) {
    sweeps(after: $cursor, first: $perPage) {
      edges { node { id name displayName state config } }
      pageInfo { endCursor hasNextPage }
    }
  }
}"""

_ENDS = {"CANCELED": "cancel", "RUNNING": "pause", "PENDING": "pause", "PAUSED": "pause"}


@dataclass
class Outcome:
    """What an import did.

    Attributes:
        runs: name there -> id here, of those that came now.
        unchanged: runs that were here already.
        open: runs that are not over there.
        failed: runs that could not be brought; each was told.
        sweeps: name there -> id here, of those that came now.
        artifacts: versions that came now.
    """

    runs: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0
    open: int = 0
    failed: int = 0
    sweeps: dict[str, str] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)


@dataclass
class _Known:
    """Runs that are here: name there -> [its mark, its id here, its sweep there]."""

    path: Path
    runs: dict[str, list[str]]

    @classmethod
    def read(cls, path: Path) -> _Known:
        with suppress(OSError, ValueError):
            return cls(path, json.loads(path.read_text()))
        return cls(path, {})

    def keep(self) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(dumps(self.runs))
        fresh.replace(self.path)


@dataclass
class Import:
    """One project's way from `source` to the server behind `client`.

    Attributes:
        project: what it is called here.
        base: where run folders and notes are.
        send: brings a batch of run folders to the server; the id of each, None where it failed.
        tell: hears what does not come along.
    """

    source: SourceProject
    client: Client
    project: str
    base: Path
    send: Callable[[list[Path]], list[str | None]]
    tell: Tell

    def __post_init__(self) -> None:
        self.base.mkdir(parents=True, exist_ok=True)
        self._known = _Known.read(self.base / "runs.json")
        self.outcome = Outcome()

    def runs(self) -> None:
        """Raises as WandbServer does; what came until then is here, and noted."""
        wanted = self._wanted()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while batch := list(islice(wanted, _BATCH)):
                jobs = [pool.submit(self._write, run) for run in batch]
                written, trouble = [], None
                for run, job in zip(batch, jobs, strict=True):
                    try:
                        if folder := job.result():
                            written.append((run, folder))
                        else:
                            self.outcome.failed += 1
                    except OpensweepError as error:
                        trouble = error
                self._take(written)
                if trouble is not None:
                    raise trouble

    def _take(self, written: list[tuple[SourceRun, Path]]) -> None:
        """Sends run folders and notes what arrived."""
        ids = self.send([folder for _, folder in written])
        for (run, folder), run_id in zip(written, ids, strict=True):
            if run_id is None:
                self.outcome.failed += 1
                continue
            self._known.runs[run.name] = [run.mark, run_id, run.sweep]
            self.outcome.runs[run.name] = run_id
            shutil.rmtree(RunFolder(folder).files, ignore_errors=True)  # they are there
        self._known.keep()

    def sweeps(self) -> None:
        """Each with its runs as what its search knows of before; as it stood, but never running."""
        here = {sweep.get("imported_from"): sweep["id"] for sweep in self.client.sweeps()}
        nodes = self.source.server.pages(_SWEEPS, self.source.place, ("project", "sweeps"))
        for node in nodes:
            name, address = str(node["name"]), f"{self.source.address}/sweeps/{node['name']}"
            if address in here:
                continue
            prior = [run_id for _, run_id, sweep in self._known.runs.values() if sweep == name]
            try:
                made = self.client.create_sweep(
                    str(node.get("config") or ""),
                    f"{name}.yaml",
                    imported_from=address,
                    prior=prior,
                    project=self.project,
                )
            except SpecError as error:
                self.tell(f"sweep {name} does not come along: {error}")
                continue
            self.client.change(made["id"], _ENDS.get(str(node.get("state")), "stop"))
            self.outcome.sweeps[name] = made["id"]

    def artifacts(self) -> None:
        """Raises as WandbServer and Client do; what came until then is noted."""
        importer = Importer(
            self.source,
            self.client,
            self.project,
            {name: run_id for name, (_, run_id, _) in self._known.runs.items()},
            Brought.read(self.base / "artifacts.json"),
            self.tell,
        )
        for label in importer.all():
            self.outcome.artifacts.append(label)

    def _wanted(self) -> Iterator[SourceRun]:
        for run in self.source.runs():
            if run.open:
                self.outcome.open += 1
            elif self._known.runs.get(run.name, [None])[0] == run.mark:
                self.outcome.unchanged += 1
            else:
                yield run

    def _write(self, run: SourceRun) -> Path | None:
        found = self.source.found(run)
        try:
            return write_folder(found, self.base, project=self.project, tell=_named(run, self.tell))
        except (ImportFailed, OSError) as error:
            self.tell(f"run {run.name}: {error}")
            return None
        finally:
            shutil.rmtree(self.source.folder_of(run), ignore_errors=True)


def _named(run: SourceRun, tell: Tell) -> Tell:
    return lambda sentence: tell(f"run {run.name}: {sentence}")


def as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "runs": outcome.runs,
        "unchanged": outcome.unchanged,
        "open": outcome.open,
        "failed": outcome.failed,
        "sweeps": outcome.sweeps,
        "artifacts": outcome.artifacts,
    }
