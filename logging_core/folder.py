"""The layout of a run folder: the truth of a run, on the disk of the machine that ran it.

    run.json              who the run is: id, name, project, sweep, command, host, …; `locked`
    config.json           the values handed in
    records.<writer>.bin  what the logger appended (records.py); a writer is one attempt's token
    console.<writer>.log  stdout and stderr as they came
    files/                what the script saves (`run.dir`)
    checkpoints/          kept from one attempt to the next (`run.checkpoint_dir`)

Paths and small JSON files only; nothing here knows what is in a record. The agent makes the
folder before it starts a trial; without an agent the logger makes it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Mapping

from logging_core.values import dumps

_RECORDS = re.compile(r"^records\.([A-Za-z0-9_-]+)\.bin$")


class RunFolder:
    """One run's folder. Making the object touches nothing; `create` does."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def records(self, writer: str | int) -> Path:
        return self.path / f"records.{writer}.bin"

    def console(self, writer: str | int) -> Path:
        return self.path / f"console.{writer}.log"

    @property
    def config_path(self) -> Path:
        return self.path / "config.json"

    @property
    def run_json(self) -> Path:
        return self.path / "run.json"

    @property
    def files(self) -> Path:
        return self.path / "files"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def writers(self) -> list[str]:
        """Every writer that has a record file, in order (numbers by value, before names)."""
        try:
            names = os.listdir(self.path)
        except OSError:
            return []
        found = [match.group(1) for match in map(_RECORDS.match, names) if match]
        return sorted(found, key=lambda name: (not name.isdigit(), name.zfill(20)))

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        run_id: str,
        config: Mapping[str, Any],
        locked: bool,
        metadata: Mapping[str, Any],
    ) -> RunFolder:
        """Make the folder (or bring an earlier attempt's up to date) and write its JSON files.

        Both files are replaced atomically; records, console, files and checkpoints of earlier
        attempts stay. `locked`: the config's values are a sweep's, and the script's own do not
        override them. Raises OSError.
        """
        folder = cls(path)
        for part in (folder.path, folder.files, folder.checkpoints):
            part.mkdir(parents=True, exist_ok=True)
        _write_json(folder.config_path, dict(config))
        _write_json(folder.run_json, {**metadata, "run_id": run_id, "locked": locked})
        return folder

    def read_config(self) -> dict[str, Any]:
        """The values handed in; {} when there are none. Raises OSError or ValueError."""
        return _read_json(self.config_path)

    def read_metadata(self) -> dict[str, Any]:
        """What run.json says; {} when there is none. Raises OSError or ValueError."""
        return _read_json(self.run_json)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    # The process id keeps two writers' temporary files apart; the rename makes it whole or not.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(dumps(value) + b"\n")
    os.replace(temporary, path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object")
    return value
