"""Where the logger's tests run: an empty folder, a clean environment; and their runs read back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import opensweep
from logging_core import environment
from logging_core.folder import RunFolder
from logging_core.records import History, Reader, Record


@pytest.fixture
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working directory, no variable that means something to init(), no run left."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("OPENSWEEP_", "WANDB_")) or name in environment.RANK_VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "no-home"))
    yield
    opensweep.finish()


def folder_of(run: opensweep.Run) -> RunFolder:
    return RunFolder(Path(run.dir).parent)


def records_of(run: opensweep.Run, writer: str = "1") -> list[Record]:
    return Reader(folder_of(run).records(writer)).read(final=True)


def rows_of(run: opensweep.Run, writer: str = "1") -> list[tuple[int, dict[str, Any]]]:
    return [(r.step, r.row) for r in records_of(run, writer) if isinstance(r, History)]


def under_an_agent(
    monkeypatch: pytest.MonkeyPatch, path: Path, config: dict[str, Any], writer: int = 1
) -> RunFolder:
    folder = RunFolder.create(
        path,
        run_id="ab12cd34-1",
        config=config,
        locked=True,
        metadata={"project": "digits", "sweep_id": "ab12cd34"},
    )
    monkeypatch.setenv("OPENSWEEP_RUN_DIR", str(path))
    monkeypatch.setenv("OPENSWEEP_WRITER", str(writer))
    monkeypatch.setenv("OPENSWEEP_CONSOLE", "agent")
    return folder
