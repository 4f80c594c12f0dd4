"""What a training recorded, read by our own API; and the same by W&B's, to be compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import opensweep

READ_BACK = """
import json, os, wandb

runs = wandb.Api().runs(os.environ["WANDB_PROJECT"], order="+created_at")
print("SEEN " + json.dumps([{
    "id": run.id, "name": run.name, "state": run.state, "config": run.config,
    "summary": list(run.summary.keys()),
    "rows": list(run.scan_history()),
    "sampled": len(run.history(samples=10_000, pandas=False)),
    "files": sorted(file.name for file in run.files()),
    "logged": sorted(one.name for one in run.logged_artifacts()),
    "used": sorted(one.name for one in run.used_artifacts()),
} for run in runs]))
"""
"""Prints what W&B's public API sees of a project."""


@dataclass(frozen=True)
class Trained:
    """A training that ended well.

    Attributes:
        output: what its process printed.
        runs: what it recorded, the first first.
        folder: where it ran.
    """

    output: str
    runs: list[opensweep.api.Run]
    folder: Path

    @property
    def run(self) -> opensweep.api.Run:
        """The only one."""
        (run,) = self.runs
        return run

    def told(self) -> Any:
        """What the script printed after TOLD, as JSON."""
        return json.loads(self.output.split("TOLD ")[1].splitlines()[0])

    def seen_alike(self, seen: list[dict[str, Any]]) -> None:
        """Asserts that W&B's API, which printed `seen`, tells of the same runs as ours."""
        assert [one["id"] for one in seen] == [run.id for run in self.runs]
        for run, other in zip(self.runs, seen, strict=True):
            assert (other["name"], other["state"]) == (run.name, run.state)
            assert other["config"].keys() == run.config.keys()
            rows = list(run.scan_history())
            assert len(rows) == len(other["rows"]) == other["sampled"]
            for mine, theirs in zip(rows, other["rows"], strict=True):
                assert numbers(mine) == numbers(theirs)
            assert other["files"] == sorted(file.name for file in run.files())
            assert other["logged"] == sorted(one.name for one in run.logged_artifacts())
            assert other["used"] == sorted(one.name for one in run.used_artifacts())


def numbers(row: dict[str, Any]) -> dict[str, float]:
    return {
        name: value
        for name, value in row.items()
        if isinstance(value, int | float) and name not in ("_runtime", "_timestamp")
    }


def values(run: opensweep.api.Run, name: str) -> list[Any]:
    """What was logged under that name, row by row."""
    return [row[name] for row in run.scan_history(keys=[name])]


def histograms(run: opensweep.api.Run, prefix: str) -> dict[str, list[dict[str, Any]]]:
    """What was logged under names that begin so; asserts that all of it are histograms."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in run.scan_history():
        for name, value in row.items():
            if name.startswith(prefix):
                assert value["_type"] == "histogram"
                assert len(value["bins"]) == len(value["values"]) + 1
                assert sum(value["values"]) > 0
                found.setdefault(name, []).append(value)
    return found


def bytes_of(run: opensweep.api.Run, artifact: str, folder: Path) -> dict[str, bytes]:
    """The files of an artifact that the run logged, fetched anew: {path: bytes}."""
    (found,) = (one for one in run.logged_artifacts() if one.name == artifact)
    root = Path(found.download(root=str(folder / "down" / artifact.replace(":", "-"))))
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


Train = Callable[..., Trained]
"""train(library, script, **environment): what the fixture of that name does."""
